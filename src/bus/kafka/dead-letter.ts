import type { Message } from '../../ports/bus.ts'
import type { Item } from './partition-window.ts'

/** Why and where a message was given up. */
export interface GivenUp {
  readonly topic: string
  readonly group: string
  readonly partition: number
  readonly item: Item
  readonly reason: string
  readonly atMs: number
}

/**
 * A letter in the form in which decklog's roles write theirs (JSON: why, where from, the bytes in base64), so that it is listed,
 * shown and published again like them. The class is the last part of the topic's name, the kind follows from the part before.
 */
export function letterOf(given: GivenUp, options: { readonly withBytes: boolean }): Message {
  const { topic, group, partition, item } = given
  const parts = topic.split('.')
  const family = parts.at(-2)
  const kind = family === 'raw' ? 'raw' : family === 'events' ? 'event-batch' : 'unknown'
  const letter = {
    id: `position:${topic}/${partition}/${item.offset}:${group}`,
    reason: 'given-up',
    detail: `${group} could not handle it in ${item.attempt} deliveries: ${given.reason}`,
    class: parts.at(-1) ?? '',
    stream: item.key,
    firstSeq: 0,
    count: 0,
    atMs: given.atMs,
    kind: options.withBytes ? kind : 'unknown',
    bytes: options.withBytes ? Buffer.from(item.value).toString('base64') : '',
    position: `${topic}/${partition}/${item.offset}`,
  }
  return { key: item.key, value: Buffer.from(JSON.stringify(letter)) }
}
