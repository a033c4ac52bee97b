import type { Query } from '../../../core/query.ts'
import type { Asking, Hit } from '../../../ports/store.ts'
import type { EsContext } from '../context.ts'
import { arrivals, countVisible, lastVisible, type ShardReader, visibleNumbers } from './arrivals.ts'
import { compileQuery, type CompiledQuery } from './compile.ts'
import { between, findHoles, HOLES_MAX, remaining } from './holes.ts'
import { decodeScan, encodeScan, type ShardPlace } from './scan-cursor.ts'
import { whole } from './search.ts'
import { listShards, type Shard, writtenUpTo } from './shards.ts'

export type ScanRequest = Asking & {
  readonly cursor?: string
  readonly query?: Query
  readonly limit: number
}

export interface ScanAnswer {
  readonly hits: readonly Hit[]
  readonly cursor: string
}

/** Shards that are asked at the same time. */
const ASIDE = 8
/** An index that was written to no longer than this ago may still get a write that was on its way. */
const SETTLED_MS = 10 * 60_000
/** Numbers of holes that are looked at in one scan. */
const COME_MAX = 1_000
/** Numbers of a shard that are looked through at a time. */
const WINDOW = 250_000
const BEGIN: ShardPlace = { next: 0, holes: [] }

/**
 * Every event once, in the order in which each shard got them; an older index of a data stream before the next one. A shard with
 * few new events is served before one with many, and each gets a share of the limit, so that the loud do not hide the quiet.
 */
export async function scan(context: EsContext, request: ScanRequest): Promise<ScanAnswer> {
  const { signal } = request
  const shards = await listShards(context, signal)
  if (request.cursor === undefined) return { hits: [], cursor: await fromNowOn(context, shards, signal) }
  const known = decodeScan(request.cursor)
  // What is not there any more needs no place.
  const places = new Map(shards.filter(({ key }) => known.has(key)).map(({ key }) => [key, known.get(key)!]))
  const compiled = await compileQuery(context, request.query ?? { kind: 'all' }, { asking: request })
  const scanner = new Scanner({ context, request, compiled, shards, places })
  return { hits: await scanner.run(), cursor: encodeScan(places) }
}

async function fromNowOn(
  context: EsContext,
  shards: readonly Shard[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const written = await writtenUpTo(context, signal)
  const places = new Map<string, ShardPlace>()
  await aside(shards, async (shard) => {
    const next = written?.get(shard.key) ?? ((await lastVisible({ context, shard, signal }, 0)) ?? -1) + 1
    places.set(shard.key, { next, holes: [] })
  })
  return encodeScan(places)
}

interface Scanning {
  readonly context: EsContext
  readonly request: ScanRequest
  readonly compiled: CompiledQuery
  readonly shards: readonly Shard[]
  /** Moves on as events are given. */
  readonly places: Map<string, ShardPlace>
}

interface Pending {
  readonly shard: Shard
  readonly last: number
}

class Scanner {
  readonly #of: Scanning
  readonly #hits: Hit[] = []

  constructor(of: Scanning) {
    this.#of = of
  }

  async run(): Promise<Hit[]> {
    await aside(this.#of.shards, (shard) => this.#late(shard))
    let pending = await this.#pending()
    while (pending.length > 0 && this.#room > 0) {
      const turn = firstOfEach(pending)
      for (const [at, each] of turn.entries()) {
        if (this.#room > 0) await this.#give(each, Math.ceil(this.#room / (turn.length - at)))
      }
      pending = pending.filter(({ shard, last }) => this.#placeOf(shard).next <= last)
    }
    return this.#hits
  }

  get #room(): number {
    return this.#of.request.limit - this.#hits.length
  }

  #placeOf(shard: Shard): ShardPlace {
    return this.#of.places.get(shard.key) ?? BEGIN
  }

  #reader(shard: Shard): ShardReader {
    return { context: this.#of.context, shard, signal: this.#of.request.signal }
  }

  /** Shards with something to look at, those with the least first. */
  async #pending(): Promise<Pending[]> {
    const pending: Pending[] = []
    const nowMs = this.#of.context.clock.now()
    const settled = settledOf(this.#of.context)
    await aside(this.#of.shards, async (shard) => {
      const { next } = this.#placeOf(shard)
      const asSettled = `${shard.key}@${next}`
      if (settled.has(asSettled)) return
      const last = await lastVisible(this.#reader(shard), next)
      if (last !== undefined) pending.push({ shard, last })
      else if (shard.endedMs !== undefined && nowMs - shard.endedMs > SETTLED_MS) settled.add(asSettled)
    })
    const size = ({ shard, last }: Pending): number => last - this.#placeOf(shard).next
    return pending.sort((a, b) => size(a) - size(b))
  }

  /** Numbers that were passed over, and have come since. */
  async #late(shard: Shard): Promise<void> {
    const { next, holes } = this.#placeOf(shard)
    if (holes.length === 0 || this.#room <= 0) return
    const reader = this.#reader(shard)
    const come = await visibleNumbers(reader, holes, Math.min(COME_MAX, this.#room))
    if (come.length > 0)
      await this.#add(
        reader,
        come.map((number) => ({ first: number, last: number })),
        come.length,
      )
    this.#of.places.set(shard.key, { next, holes: remaining(holes, come, this.#of.context.clock.now()) })
  }

  /**
   * Gives at most `share` events of a shard, and moves its place on. What is missing is found out first and then left out: what
   * comes in between is a hole's, and never given twice or passed over.
   */
  async #give({ shard, last }: Pending, share: number): Promise<void> {
    const place = this.#placeOf(shard)
    const reader = this.#reader(shard)
    const window = { first: place.next, last: Math.min(last, place.next + WINDOW - 1) }
    const stretch = await findHoles(window, {
      count: (range) => countVisible(reader, range),
      list: (range) => visibleNumbers(reader, [range], range.last - range.first + 1),
    })
    const ranges = between(stretch.holes, { first: place.next, last: stretch.last })
    const limit = Math.min(share, COME_MAX)
    const given = ranges.length === 0 ? [] : await arrivals(reader, { ...this.#filter(), ranges, limit })
    const end = given.length === limit ? given.at(-1)!.number : stretch.last
    const sinceMs = this.#of.context.clock.now()
    const holes = stretch.holes.filter(({ first }) => first <= end).map((range) => ({ ...range, sinceMs }))
    this.#hits.push(...given.map(({ found }) => found.hit))
    this.#of.places.set(shard.key, {
      next: end + 1,
      holes: [...place.holes, ...holes].slice(-HOLES_MAX),
    })
  }

  async #add(
    reader: ShardReader,
    ranges: readonly { first: number; last: number }[],
    limit: number,
  ): Promise<void> {
    const found = await arrivals(reader, { ...this.#filter(), ranges, limit })
    this.#hits.push(...found.map((each) => each.found.hit))
  }

  #filter(): { clause: CompiledQuery['clause']; views: CompiledQuery['views']['mappings'] } {
    const { request, compiled } = this.#of
    return { clause: whole(request, compiled.clause), views: compiled.views.mappings }
  }
}

/** The oldest index of each data stream, all of its shards. */
function firstOfEach(pending: readonly Pending[]): Pending[] {
  const oldest = new Map<string, number>()
  for (const { shard } of pending) {
    oldest.set(shard.dataStream, Math.min(shard.createdMs, oldest.get(shard.dataStream) ?? shard.createdMs))
  }
  return pending.filter(({ shard }) => shard.createdMs === oldest.get(shard.dataStream))
}

async function aside<T>(all: readonly T[], each: (one: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < all.length; at += ASIDE) await Promise.all(all.slice(at, at + ASIDE).map(each))
}

/** Ended indices that were read to their end. */
const SETTLED_MAX = 50_000
const settledSets = new WeakMap<EsContext, Set<string>>()

function settledOf(context: EsContext): Set<string> {
  let settled = settledSets.get(context)
  if (settled === undefined || settled.size > SETTLED_MAX) settledSets.set(context, (settled = new Set()))
  return settled
}
