import type { Mark, RawBatch } from '../core/batch.ts'
import { coderFor, view } from './avro.ts'

type Wire = Omit<RawBatch, 'monotonicNs' | 'marks' | 'digest' | 'previous' | 'signature' | 'payload'> & {
  monotonicNs: Buffer
  marks: readonly string[]
  digest: Buffer
  previous: Buffer
  signature: Buffer | null
  payload: Buffer
}

const coder = coderFor<Wire>('raw-batch.avsc')

export const rawBatchSchemaJson = coder.schemaJson

export function encodeRawBatch(batch: RawBatch): Uint8Array {
  const monotonicNs = Buffer.alloc(8)
  monotonicNs.writeBigUInt64LE(BigInt.asUintN(64, batch.monotonicNs))
  return coder.encode({
    ...batch,
    monotonicNs,
    digest: view(batch.digest),
    previous: view(batch.previous),
    signature: batch.signature === null ? null : view(batch.signature),
    payload: view(batch.payload),
  })
}

/** The payload is a view into `bytes`. @throws {Error} when the bytes are no raw batch */
export function decodeRawBatch(bytes: Uint8Array): RawBatch {
  const wire = coder.decode(bytes)
  return {
    ...wire,
    provenance: { ...wire.provenance, names: { ...wire.provenance.names } },
    marks: wire.marks as readonly Mark[],
    monotonicNs: wire.monotonicNs.readBigUInt64LE(),
  }
}
