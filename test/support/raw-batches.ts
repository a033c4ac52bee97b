import { createHash } from 'node:crypto'
import type { RawBatch } from '../../src/core/batch.ts'
import { chainHead, CHAIN_START } from '../../src/core/identity.ts'

/** A batch of records of one stream; every field has a default, so what a test sets is what it means. */
export function rawBatch(options: Partial<RawBatch> & { readonly text?: string } = {}): RawBatch {
  const { text = 'first line\nsecond line\n', ...fields } = options
  const payload = fields.payload ?? Buffer.from(text)
  const count = payload.filter((byte) => byte === 0x0a).length
  return {
    stream: '0123456789abcdef01234567',
    lineage: '0123456789abcdef',
    class: 'pod',
    tenant: 'prod-eu-1',
    provenance: {
      cluster: 'prod-eu-1',
      node: 'node-1',
      kind: 'file',
      format: 'syslog',
      names: { path: '/var/log/x' },
    },
    firstSeq: 0,
    count,
    fragment: null,
    source: { file: '1:2', from: 0, to: payload.length },
    streamOffset: 0,
    rawBytes: payload.length,
    codec: 'none',
    digest: createHash('sha256').update(payload).digest(),
    digestKind: 'plain',
    previous: CHAIN_START,
    wallTimeMs: 1_795_485_000_000,
    monotonicNs: 12_345n,
    marks: [],
    losses: [],
    sender: { id: 'ship-1', run: 'run-1' },
    keyEpoch: null,
    signature: null,
    pipelineVersion: '1',
    extra: {},
    payload,
    ...fields,
  }
}

/** Consecutive batches of one stream, chained, of `count` records each. */
export function rawChain(
  length: number,
  options: Partial<RawBatch> & { readonly records?: number } = {},
): RawBatch[] {
  const { records = 2, ...fields } = options
  const batches: RawBatch[] = []
  let previous = fields.previous ?? CHAIN_START
  for (let i = 0; i < length; i++) {
    const firstSeq = (fields.firstSeq ?? 0) + i * records
    const text = Array.from(
      { length: records },
      (_, n) => `record ${firstSeq + n} of ${fields.stream ?? 'a stream'}\n`,
    ).join('')
    const batch = rawBatch({ ...fields, text, firstSeq, previous })
    batches.push(batch)
    previous = chainHead(batch)
  }
  return batches
}
