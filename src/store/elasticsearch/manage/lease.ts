import { randomUUID } from 'node:crypto'
import { type EsContext, refusal } from '../context.ts'
import { ensureIndex, recordsIndex } from '../own-indices.ts'

/** Held by one process at a time. It ends by itself when its holder dies. */
export interface Lease {
  /** Prolongs it. False when another process has it: then stop. */
  renew(): Promise<boolean>
  release(): Promise<void>
}

/** Longer than any clock of the machines is wrong, and than one index takes to be judged and deleted. */
export const LEASE_MS = 10 * 60_000

interface Position {
  readonly seqNo: number
  readonly primaryTerm: number
}

/**
 * Takes a lease, or undefined when another process has it. It spares work and keeps the audit short; deleting does not rely on it,
 * for a deletion that is done twice deletes once.
 * @throws {DecklogError} when the cluster does not answer, or refuses
 */
export async function takeLease(context: EsContext, name: string): Promise<Lease | undefined> {
  const path = `/${encodeURIComponent(context.names.records)}/_doc/${encodeURIComponent(`lock:${name}`)}`
  const holder = randomUUID()
  const found = await context.connection.request({ method: 'GET', path })
  if (found.status !== 200 && found.status !== 404) throw refusal(`reading ${name}`, found.status, found.body)
  const known = found.status === 200 ? (found.body as Found) : undefined
  if (known !== undefined && known._source.untilMs > context.clock.now()) return undefined
  if (known === undefined) await ensureIndex(context, recordsIndex(context.names))
  let position = await put(known && { seqNo: known._seq_no, primaryTerm: known._primary_term }, LEASE_MS)
  if (position === undefined) return undefined

  async function put(expected: Position | undefined, forMs: number): Promise<Position | undefined> {
    const { status, body } = await context.connection.request({
      method: 'PUT',
      path,
      query:
        expected === undefined
          ? { op_type: 'create' }
          : { if_seq_no: expected.seqNo, if_primary_term: expected.primaryTerm },
      body: {
        kind: 'lock',
        id: name,
        version: 1,
        updatedMs: context.clock.now(),
        body: '{}',
        holder,
        untilMs: forMs === 0 ? 0 : context.clock.now() + forMs,
      },
    })
    if (status === 409) return undefined
    if (status !== 200 && status !== 201) throw refusal(`taking the lock ${name}`, status, body)
    const { _seq_no: seqNo, _primary_term: primaryTerm } = body as Found
    return { seqNo, primaryTerm }
  }

  return {
    async renew() {
      if (position !== undefined) position = await put(position, LEASE_MS)
      return position !== undefined
    },
    async release() {
      if (position !== undefined) await put(position, 0)
      position = undefined
    },
  }
}

interface Found {
  readonly _seq_no: number
  readonly _primary_term: number
  readonly _source: { readonly untilMs: number }
}
