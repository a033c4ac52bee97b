import { expect, test } from 'vitest'
import { AdminClient } from '../../src/bus/kafka/admin-client.ts'
import { marksOf } from '../../src/bus/kafka/start-offsets.ts'
import { freshName, madeTopics, noKafka, pause, plaintext, silentLog } from '../support/kafka.ts'

const ROUNDS = 15

test.skipIf(noKafka !== undefined)(
  'questions about many topics at once do not take what is known of one another',
  { timeout: 120_000 },
  async () => {
    const topics = Array.from({ length: 8 }, () => freshName('questions'))
    await using _topics = await madeTopics(plaintext, topics)
    for (let round = 0; round < ROUNDS; round++) {
      const admin = new AdminClient({ ...plaintext, log: silentLog })
      const asked = topics.map(async (topic, at) => {
        await pause((at * 5 + round) % 13)
        const partitions = await admin.partitionCount(topic)
        const marks = await admin.use('read marks', (client) => marksOf(client, `g.${topic}`, topic))
        return [partitions, marks.size]
      })
      expect(await Promise.all(asked)).toEqual(topics.map(() => [3, 3]))
      await admin.close()
    }
  },
)
