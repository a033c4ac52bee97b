import kafkajs from 'kafkajs'
import { expect, test } from 'vitest'
import { partitionOf } from '../../src/bus/kafka/partition-of.ts'

test('a key is put where the other clients of Kafka put it', () => {
  const choose = kafkajs.Partitioners.DefaultPartitioner()
  const keys = ['', 'a', 'ab', 'abc', 'abcd', 'stream:0', 'ключ', '🚢', ...hashes()]
  for (const count of [1, 3, 12, 50]) {
    const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({ partitionId, leader: 1 }))
    for (const key of keys) {
      const expected = choose({
        topic: 't',
        partitionMetadata: partitionMetadata as never,
        message: { key, value: null },
      })
      expect(partitionOf(key, count), key).toBe(expected)
    }
  }
})

function hashes(): string[] {
  return Array.from({ length: 500 }, (_, i) => `${(i * 2654435761) >>> 0}`.padStart(i % 40, 'é'))
}
