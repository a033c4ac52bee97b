import { zstdCompressSync } from 'node:zlib'
import { formatIso, parseIsoNs } from '../../src/core/instant.ts'
import { type Cover, type EventBatch, EventIndexWriter, type SeqRange } from '../../src/core/event-batch.ts'
import type { JsonObject } from '../../src/core/document.ts'

/** 24 hex digits that end in `number`. */
export function streamName(number: number): string {
  return number.toString(16).padStart(24, '0')
}

export interface BatchOptions {
  readonly stream?: string
  readonly class?: string
  readonly tenant?: string
  readonly node?: string
  readonly firstSeq?: number
  readonly receivedMs?: number
  readonly dataStream?: string
}

/** An event batch of documents, one record each; `@timestamp` is taken from the document or is a second apart. */
export function batchOf(documents: readonly (JsonObject | string)[], options: BatchOptions = {}): EventBatch {
  const firstSeq = options.firstSeq ?? 0
  const writer = new EventIndexWriter()
  let offset = 0
  const lines: Buffer[] = []
  for (const [position, given] of documents.entries()) {
    const seq = firstSeq + position
    const document = typeof given === 'string' ? (JSON.parse(given) as JsonObject) : given
    const stamp = document['@timestamp'] ?? new Date(Date.UTC(2026, 10, 24, 9) + seq * 1000).toISOString()
    const text = typeof given === 'string' ? given : JSON.stringify({ '@timestamp': stamp, ...document })
    const line = Buffer.from(`${text}\n`)
    lines.push(line)
    writer.add({
      firstSeq: seq,
      lastSeq: seq,
      timeNs: (typeof stamp === 'string' ? parseIsoNs(stamp) : undefined) ?? 0n,
      offset,
      length: line.length - 1,
      n: 0,
      flags: 0,
      rules: 0,
      ranges: 0,
    })
    offset += line.length
  }
  return {
    stream: options.stream ?? streamName(1),
    class: options.class ?? 'ssh',
    tenant: options.tenant ?? 'test',
    node: options.node ?? 'worker-1',
    dataStream: options.dataStream ?? 'logs-system.auth-test.ssh',
    receivedMs: options.receivedMs ?? Date.UTC(2026, 10, 24, 10),
    lineage: '0123456789abcdef',
    covers: [],
    losses: [],
    index: writer.bytes(),
    ruleSets: [],
    moreRanges: [],
    pipelineVersion: 'test',
    codec: 'none',
    documentBytes: offset,
    documents: Buffer.concat(lines),
    extra: {},
  }
}

export interface EventOptions {
  /** First record; one after the event before it by default. */
  readonly seq?: number
  readonly n?: number
  /** Records that it was made of. @default its first record alone */
  readonly ranges?: readonly SeqRange[]
  /** @default a second a record from 2026-11-24T09:00:00Z on */
  readonly timeNs?: bigint
  readonly document?: JsonObject
}

export interface EventBatchOptions extends BatchOptions {
  readonly events?: readonly EventOptions[]
  readonly covers?: readonly Cover[]
  readonly losses?: EventBatch['losses']
  readonly codec?: 'none' | 'zstd'
}

/** An event batch, event by event: joined records, several events a record, covers and losses. */
export function eventBatch(options: EventBatchOptions = {}): EventBatch {
  const writer = new EventIndexWriter()
  const lines: Buffer[] = []
  const moreRanges: (readonly SeqRange[])[] = []
  let offset = 0
  let next = options.firstSeq ?? 0
  for (const event of options.events ?? [{}]) {
    const firstSeq = event.seq ?? event.ranges?.[0]?.[0] ?? next
    const timeNs = event.timeNs ?? BigInt(Date.UTC(2026, 10, 24, 9) + firstSeq * 1000) * 1_000_000n
    const document = { message: `record ${firstSeq}`, ...event.document, '@timestamp': formatIso(timeNs) }
    const line = Buffer.from(`${JSON.stringify(document)}\n`)
    const ranges = event.ranges ?? [[firstSeq, firstSeq]]
    if (ranges.length > 1) moreRanges.push(ranges)
    const position = { firstSeq, lastSeq: ranges[0]![1], timeNs, offset, length: line.byteLength - 1 }
    writer.add({
      ...position,
      n: event.n ?? 0,
      flags: 0,
      rules: 0,
      ranges: ranges.length > 1 ? moreRanges.length : 0,
    })
    lines.push(line)
    offset += line.byteLength
    next = Math.max(next, ranges.at(-1)![1] + 1)
  }
  const plain = Buffer.concat(lines)
  const codec = options.codec ?? 'none'
  return {
    ...batchOf([], options),
    index: writer.bytes(),
    moreRanges,
    covers: options.covers ?? [],
    losses: options.losses ?? [],
    codec,
    documentBytes: plain.byteLength,
    documents: codec === 'zstd' ? zstdCompressSync(plain) : plain,
  }
}
