import { describe } from 'vitest'
import { openKafkaBus } from '../../src/bus/kafka.ts'
import type { KafkaConnection } from '../../src/bus/kafka/options.ts'
import type { Bus } from '../../src/ports/bus.ts'
import { type BusUnderTest, busContract } from '../contracts/bus.ts'
import { busOptions, madeTopics, noKafka, plaintext, saslTls } from '../support/kafka.ts'

/** Every test gets topics of its own, which go when its bus closes. */
function kafkaBus(connection: KafkaConnection): BusUnderTest {
  return {
    safeWhen: 'published',
    reopen: () => openKafkaBus(busOptions(connection)),
    async open({ topics }): Promise<Bus> {
      const made = await madeTopics(connection, topics)
      const bus = await openKafkaBus(busOptions(connection))
      const dispose = async (): Promise<void> => {
        await bus.close()
        await made[Symbol.asyncDispose]()
      }
      return Object.assign(Object.create(bus) as Bus, {
        publish: bus.publish.bind(bus),
        subscribe: bus.subscribe.bind(bus),
        lag: bus.lag.bind(bus),
        close: bus.close.bind(bus),
        [Symbol.asyncDispose]: dispose,
      })
    },
  }
}

describe.skipIf(noKafka !== undefined)('on a broker', () => {
  busContract('kafka, plaintext', kafkaBus(plaintext))
})
describe.skipIf(noKafka !== undefined)('on a broker with passwords', () => {
  busContract(
    'kafka, SCRAM-SHA-512 over TLS',
    noKafka === undefined ? kafkaBus(saslTls()) : kafkaBus(plaintext),
  )
})
