import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin, ITopicMetadata } from 'kafkajs'
import { judge } from './errors.ts'

const ATTEMPTS = 10
const PAUSE_MS = 200

/**
 * The topics among `names` that exist. kafkajs swallows the brokers' answer for a topic whose leader is still being chosen, and then
 * stumbles over the missing answer with a TypeError: it is asked again.
 */
export async function topicsOf(admin: Admin, names: readonly string[]): Promise<ITopicMetadata[]> {
  for (let attempt = 1; ; attempt++) {
    const present = new Set(await admin.listTopics())
    const wanted = names.filter((name) => present.has(name))
    if (wanted.length === 0) return []
    try {
      return (await admin.fetchTopicMetadata({ topics: wanted })).topics
    } catch (error) {
      const isPassing = error instanceof TypeError || judge(error) === 'no-topic'
      if (!isPassing || attempt === ATTEMPTS) throw error
    }
    await sleep(PAUSE_MS)
  }
}
