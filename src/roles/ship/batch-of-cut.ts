import type { DeclaredLoss, RawBatch } from '../../core/batch.ts'
import { chainHead } from '../../core/identity.ts'
import { SPOOLED } from '../../core/spooled-record.ts'
import type { Cut, CutContext, StreamState } from './records.ts'

export interface Sender {
  readonly lineage: string
  readonly id: string
}

const EMPTY = new Uint8Array(0)

/** The batch of a cut: the same bytes whenever it is made. */
export function batchOfCut(
  state: StreamState,
  cut: Cut,
  context: CutContext,
  sender: Sender,
  payload: Uint8Array,
): RawBatch {
  const { cluster, node } = state
  const { kind, names, spooled } = state.group
  const { file, from, to, context: _context, ordinal: _ordinal, lost: _lost, ...decided } = cut
  return {
    ...decided,
    stream: state.id,
    lineage: sender.lineage,
    class: context.class,
    tenant: cluster,
    provenance: { cluster, node, kind, format: context.format, names },
    source: { file, from, to },
    digest: fromHex(cut.digest),
    digestKind: 'plain',
    previous: fromHex(cut.previous),
    monotonicNs: BigInt(cut.monotonicNs),
    sender: { id: sender.id, run: context.run },
    keyEpoch: null,
    signature: null,
    pipelineVersion: context.pipelineVersion,
    extra: spooled ? { [SPOOLED]: '1' } : {},
    payload,
  }
}

/**
 * Stands in for a cut whose bytes are gone. It keeps the cut's place: the same `firstSeq`, offsets, digest and `previous`,
 * without payload, and declares its records lost. The chain goes on from the head of the batch that is missing, for the
 * batches behind it were decided with that: it is in `extra['decklog.chain-head']`.
 */
export function lostBatchOfCut(state: StreamState, cut: Cut, context: CutContext, sender: Sender): RawBatch {
  const batch = batchOfCut(state, cut, context, sender, EMPTY)
  const loss: DeclaredLoss = {
    firstSeq: cut.firstSeq,
    count: cut.count,
    bytes: cut.rawBytes,
    reason: 'source-gone',
    detail: `bytes ${cut.from} to ${cut.to} of file ${cut.file} were gone or altered when they had to be sent again`,
  }
  return {
    ...batch,
    count: 0,
    fragment: null,
    codec: 'none',
    losses: [...cut.losses, loss],
    extra: { ...batch.extra, 'decklog.chain-head': headAfter(state.id, cut) },
  }
}

/** Chain head after a cut, hex. */
export function headAfter(stream: string, cut: Cut): string {
  const { file, from, to } = cut
  const head = chainHead({
    ...cut,
    stream,
    source: { file, from, to },
    digest: fromHex(cut.digest),
    digestKind: 'plain',
    previous: fromHex(cut.previous),
  })
  return Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('hex')
}

function fromHex(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex')
}
