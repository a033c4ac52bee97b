import { createHash } from 'node:crypto'
import type { Provenance, RawBatch } from './batch.ts'

/** 32 zero bytes: the `previous` of a stream's first batch. */
export const CHAIN_START: Uint8Array = new Uint8Array(32)

/**
 * The stable id of a stream: the first 96 bits of SHA-256 over its provenance and lineage, as 24 hex digits.
 * Parts are length-prefixed, so that no two different lists of names give the same input.
 * `incarnation` tells files apart that had the same names one after the other (rotated, inode reused).
 */
export function streamId(provenance: Provenance, lineage: string, incarnation: string): string {
  const hash = createHash('sha256')
  const parts = [provenance.cluster, provenance.node, provenance.kind]
  for (const name of Object.keys(provenance.names).sort()) parts.push(name, provenance.names[name]!)
  parts.push(lineage, incarnation)
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part)
  return hash.digest('hex').slice(0, 24)
}

/** What the chain covers of a batch: where it stands, what it holds, what it declares lost. */
export type ChainedFields = Pick<
  RawBatch,
  | 'stream'
  | 'firstSeq'
  | 'count'
  | 'fragment'
  | 'source'
  | 'rawBytes'
  | 'digest'
  | 'digestKind'
  | 'previous'
  | 'marks'
  | 'losses'
>

/**
 * Head of the chain after a batch: SHA-256 over all that the chain covers, the head before included. It does not depend
 * on clocks or on the codec, so a batch that is sent again after a crash has the same head.
 */
export function chainHead(batch: ChainedFields): Uint8Array {
  const header = JSON.stringify([
    'decklog.chain.1',
    batch.stream,
    batch.firstSeq,
    batch.count,
    batch.fragment === null ? null : [batch.fragment.index, batch.fragment.last],
    [batch.source.file, batch.source.from, batch.source.to],
    batch.rawBytes,
    batch.digestKind,
    batch.marks,
    batch.losses.map((loss) => [loss.firstSeq, loss.count, loss.bytes, loss.reason, loss.detail]),
  ])
  return createHash('sha256').update(batch.previous).update(batch.digest).update(header).digest()
}
