/** A process that reads a topic as a member of a group, for tests that stop and kill it: `node kafka-member.ts TOPIC GROUP`. */
import { openKafkaBus } from '../../src/bus/kafka.ts'
import { busOptions, plaintext } from './kafka.ts'

const [topic, group] = process.argv.slice(2) as [string, string]
const bus = await openKafkaBus(busOptions(plaintext, { sessionTimeoutMs: 6_000 }))
await bus.subscribe({
  group,
  topics: [topic],
  bytesMax: 1 << 20,
  handle(delivery) {
    setTimeout(() => {
      process.stdout.write(`${Buffer.from(delivery.value).toString()} ${delivery.position}\n`)
      delivery.ack()
    }, 20)
  },
})
process.stdout.write('ready\n')
