import { decodeRawBatch } from '../../codec/raw-batch.ts'
import type { Message } from '../../ports/bus.ts'
import { messageOf } from '../index/dead-letters.ts'

/** A raw batch that is given up, with its bytes, so that it can be tried again when the cause is mended. */
export function deadLetterOf(made: {
  readonly class: string
  readonly stream: string
  readonly value: Uint8Array
  readonly reason: string
  readonly atMs: number
}): Message {
  const place = placeOf(made.value)
  return messageOf({
    id: `raw:${made.stream}:${place?.firstSeq ?? 0}:${place?.fragment ?? 0}`,
    reason: place === undefined ? 'unreadable-envelope' : 'batch-failed',
    detail: made.reason,
    class: made.class,
    stream: made.stream,
    firstSeq: place?.firstSeq ?? 0,
    count: place?.count ?? 0,
    atMs: made.atMs,
    kind: place === undefined ? 'unknown' : 'raw',
    bytes: Buffer.from(made.value).toString('base64'),
  })
}

function placeOf(value: Uint8Array): { firstSeq: number; count: number; fragment: number } | undefined {
  try {
    const { firstSeq, count, fragment } = decodeRawBatch(value)
    return { firstSeq, count, fragment: fragment?.index ?? 0 }
  } catch {
    return undefined
  }
}
