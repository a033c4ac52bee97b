import { parseIsoNs } from '../../src/core/instant.ts'
import { type EventBatch, EventIndexWriter } from '../../src/core/event-batch.ts'
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
