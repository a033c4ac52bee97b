import { expect, test } from 'vitest'
import { translate } from '../../src/bus/kafka/errors.ts'

const connection = { brokers: ['kafka-0:9092', 'kafka-1:9092'] }

test('brokers that were there and are away are said to be away, without names of classes', () => {
  const error = Object.assign(new Error('No brokers available'), { name: 'KafkaJSNoBrokerAvailableError' })
  const told = translate(error, 'read decklog.raw.pod', connection)
  expect(told.message).toBe(
    'cannot read decklog.raw.pod: Kafka at kafka-0:9092, kafka-1:9092 cannot be reached',
  )
  expect(told.retryable).toBe(true)
})
