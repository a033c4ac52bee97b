import { hash } from 'node:crypto'
import type { Claim } from '../../../ports/store.ts'
import { type EsContext, faultOf, refusal } from '../context.ts'
import { claimsIndex, ensureIndex } from '../own-indices.ts'

/** Claims of one request. */
const CLAIMS_MAX = 5_000
const DAY_MS = 24 * 60 * 60 * 1000
/** Ids are remembered by the day of their event; what is older than this shares one index, which is never removed. */
export const CLAIM_DAYS = 40

interface Item {
  readonly claim: Claim
  readonly key: string
  readonly at: number
}

/** Indices that this process has made or found. */
const known = new WeakMap<EsContext, Set<string>>()

/**
 * Which of these events may be written: `create` gives each id to the first, and who was first is read where it was refused. All
 * copies of an event have its time, so they meet in one index.
 * @throws {DecklogError} retryable
 */
export async function claimIds(
  context: EsContext,
  claims: readonly Claim[],
  signal: AbortSignal | undefined,
): Promise<readonly boolean[]> {
  const answers = Array<boolean>(claims.length).fill(false)
  for (const [index, items] of byIndex(context, claims)) {
    await ensure(context, index)
    for (let from = 0; from < items.length; from += CLAIMS_MAX) {
      const some = items.slice(from, from + CLAIMS_MAX)
      const taken = await create(context, index, { items: some, signal })
      for (const { at } of some) answers[at] = true
      const others = await ownersOf(context, index, { items: taken, signal })
      for (const [i, { at, claim }] of taken.entries()) answers[at] = others[i] === claim.event
    }
  }
  return answers
}

function byIndex({ names, clock }: EsContext, claims: readonly Claim[]): Map<string, Item[]> {
  const groups = new Map<string, Item[]>()
  const nowMs = clock.now()
  for (const [at, claim] of claims.entries()) {
    const isOrdinary = claim.timeMs > nowMs - (CLAIM_DAYS - 2) * DAY_MS && claim.timeMs < nowMs + DAY_MS
    const day = isOrdinary ? new Date(claim.timeMs).toISOString().slice(0, 10).replaceAll('-', '.') : 'other'
    const name = `${names.claims}-${day}`
    const text = `${claim.tenant}\n${claim.class}\n${claim.id}`
    const item = { claim, at, key: hash('sha256', text, 'base64url') }
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [item])
    else group.push(item)
  }
  return groups
}

async function ensure(context: EsContext, index: string): Promise<void> {
  const names = known.get(context) ?? new Set()
  known.set(context, names)
  if (names.has(index)) return
  await ensureIndex(context, claimsIndex(index))
  names.add(index)
}

interface Request {
  readonly items: readonly Item[]
  readonly signal: AbortSignal | undefined
}

/** Returns those that somebody has already: perhaps this very event, claimed before. */
async function create(context: EsContext, index: string, { items, signal }: Request): Promise<Item[]> {
  const lines = items.map(
    ({ key, claim }) => `{"create":{"_id":"${key}"}}\n${JSON.stringify({ event: claim.event })}\n`,
  )
  const { status, body } = await context.connection.request({
    method: 'POST',
    path: `/${encodeURIComponent(index)}/_bulk`,
    query: {
      filter_path: 'errors,error,items.create.status,items.create.error.type,items.create.error.reason',
    },
    body: lines.join(''),
    ...(signal === undefined ? {} : { signal }),
  })
  const what = 'keeping the ids of events'
  if (status !== 200) throw refusal(what, status, body)
  const answer = (body ?? {}) as { errors?: boolean; items?: readonly { create?: { status: number } }[] }
  if (answer.errors === false) return []
  if (answer.items?.length !== items.length) throw refusal(what, 503, body)
  for (const { create: made } of answer.items) {
    if (made === undefined || (made.status !== 201 && made.status !== 409)) {
      // The index may have been taken away.
      known.get(context)?.delete(index)
      throw refusal(what, made?.status === 403 ? 403 : 503, made ?? { error: faultOf(body) })
    }
  }
  return items.filter((_, at) => answer.items![at]!.create!.status === 409)
}

/** Seen at once and not only after a refresh. */
async function ownersOf(
  context: EsContext,
  index: string,
  { items, signal }: Request,
): Promise<readonly (string | undefined)[]> {
  if (items.length === 0) return []
  const { status, body } = await context.connection.request({
    method: 'POST',
    path: `/${encodeURIComponent(index)}/_mget`,
    query: { filter_path: 'docs.found,docs._source.event,docs.error,error' },
    body: { ids: items.map(({ key }) => key) },
    ...(signal === undefined ? {} : { signal }),
  })
  const docs = (body as { docs?: readonly Doc[] } | undefined)?.docs
  if (status !== 200 || docs?.length !== items.length || docs.some(({ error }) => error !== undefined))
    throw refusal('reading the ids of events', status === 200 ? 503 : status, body)
  return docs.map(({ _source }) => _source?.event)
}

interface Doc {
  readonly found?: boolean
  readonly error?: unknown
  readonly _source?: { readonly event?: string }
}
