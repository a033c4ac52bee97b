import type { EsConnection } from './connection.ts'
import { type EsContext, refusal } from './context.ts'
import type { CoverageDocument } from './coverage-document.ts'

/** Sums over the batches of one stream. Exact unless batches overlap: then `covered` is not `last + 1`. */
export interface StreamSums {
  readonly stream: string
  readonly class: string
  readonly tenant: string
  readonly node: string
  last: number
  stored: number
  joined: number
  skipped: number
  lost: number
  dead: number
  losses: number
  /** Records that are accounted for. */
  covered: number
  oldestMs: number
  newestMs: number
  /** When the batch came that left a hole, while there is one; 0 when that is not known. */
  holeSinceMs: number | undefined
}

/**
 * Sums of all streams, kept here and brought up to date by what was written since: they are asked for with every search, and
 * adding up all batches of all streams each time would take longer than the search.
 */
export async function streamSums(context: EsContext, signal?: AbortSignal): Promise<readonly StreamSums[]> {
  let kept = caches.get(context.connection)
  if (kept === undefined) {
    kept = new SumsCache()
    caches.set(context.connection, kept)
  }
  return kept.read(context, signal)
}

const caches = new WeakMap<EsConnection, SumsCache>()

/** Read anew from time to time, for documents may have been taken away. */
const RELOAD_MS = 10 * 60 * 1000
/** Documents become visible a little out of the order of their numbers: so many are read again and told apart. */
const OVERLAP = 2_000
/** Documents of one answer. */
const PAGE = 2_000
/** Streams of one answer: a cluster refuses more than 65,535 buckets. */
const BUCKETS = 10_000

class SumsCache {
  readonly #sums = new Map<string, StreamSums>()
  /** Numbers of the documents that were added last. */
  readonly #recent = new Set<number>()
  #seqNo = -1
  #loadedMs = Number.NEGATIVE_INFINITY
  #turn: Promise<unknown> = Promise.resolve()

  /** One after the other: two that add the same documents would count them twice. */
  read(context: EsContext, signal?: AbortSignal): Promise<readonly StreamSums[]> {
    const done = this.#turn.then(async () => {
      const nowMs = Number(context.clock.monotonicNs() / 1_000_000n)
      if (nowMs - this.#loadedMs > RELOAD_MS) await this.#load(context, nowMs, signal)
      await this.#catchUp(context, signal)
      return [...this.#sums.values()]
    })
    this.#turn = done.catch(() => undefined)
    return done
  }

  async #load(context: EsContext, nowMs: number, signal?: AbortSignal): Promise<void> {
    // Taken before, so that nothing falls between the sums and what is added to them.
    const seqNo = await newestSeqNo(context, signal)
    const loaded = await loadSums(context, seqNo, signal)
    this.#sums.clear()
    this.#recent.clear()
    for (const sums of loaded) this.#sums.set(sums.stream, sums)
    this.#seqNo = seqNo
    this.#loadedMs = nowMs
  }

  async #catchUp(context: EsContext, signal?: AbortSignal): Promise<void> {
    for (let from = Math.max(-1, this.#seqNo - this.#recent.size); ; ) {
      const hits = await newerDocuments(context, from, signal)
      for (const { _seq_no: seqNo, _source } of hits) {
        if (seqNo > from) from = seqNo
        if (this.#recent.has(seqNo)) continue
        this.#remember(seqNo)
        this.#add(_source)
      }
      if (hits.length < PAGE) return
    }
  }

  #remember(seqNo: number): void {
    this.#recent.add(seqNo)
    this.#seqNo = Math.max(this.#seqNo, seqNo)
    if (this.#recent.size > OVERLAP) this.#recent.delete(this.#recent.values().next().value!)
  }

  #add(document: CoverageDocument): void {
    const { stream, class: className, tenant, node, received } = document
    const sums = this.#sums.get(stream) ?? newSums({ stream, class: className, tenant, node, received })
    this.#sums.set(stream, sums)
    sums.last = Math.max(sums.last, document.last)
    sums.stored += document.stored
    sums.joined += document.joined
    sums.skipped += document.skipped
    sums.lost += document.lost
    sums.dead += document.dead
    sums.losses += document.lossCount
    sums.covered = sums.stored + sums.joined + sums.skipped + sums.lost + sums.dead
    if (sums.covered > sums.last) sums.holeSinceMs = undefined
    else sums.holeSinceMs ??= received
    sums.oldestMs = Math.min(sums.oldestMs, received)
    sums.newestMs = Math.max(sums.newestMs, received)
  }
}

function newSums(of: {
  readonly stream: string
  readonly class: string
  readonly tenant: string
  readonly node: string
  readonly received: number
}): StreamSums {
  const { received, ...names } = of
  const none = { stored: 0, joined: 0, skipped: 0, lost: 0, dead: 0, losses: 0, covered: 0 }
  return { ...names, ...none, last: -1, oldestMs: received, newestMs: received, holeSinceMs: undefined }
}

interface Hit {
  readonly _seq_no: number
  readonly _source: CoverageDocument
}

async function newestSeqNo(context: EsContext, signal?: AbortSignal): Promise<number> {
  const body = { size: 0, aggs: { newest: { max: { field: '_seq_no' } } } }
  const answer = (await search(context, body, signal)) as {
    aggregations?: { newest?: { value: number | null } }
  }
  return answer.aggregations?.newest?.value ?? -1
}

async function newerDocuments(
  context: EsContext,
  seqNo: number,
  signal?: AbortSignal,
): Promise<readonly Hit[]> {
  const body = {
    size: PAGE,
    seq_no_primary_term: true,
    _source: { excludes: ['ranges', 'landed', 'refused'] },
    query: { range: { _seq_no: { gt: seqNo } } },
    sort: [{ _seq_no: 'asc' }],
    track_total_hits: false,
  }
  const answer = (await search(context, body, signal)) as { hits?: { hits?: readonly Hit[] } }
  return answer.hits?.hits ?? []
}

const SUMS = ['stored', 'joined', 'skipped', 'lost', 'dead', 'lossCount'] as const
const NAMES = ['class', 'tenant', 'node', 'stream'] as const

interface Bucket {
  readonly key: Readonly<Record<(typeof NAMES)[number], string>>
  readonly [sum: string]: { readonly value: number | null } | Bucket['key']
}

/** Sums over all documents up to a number, by Elasticsearch. */
async function loadSums(context: EsContext, seqNo: number, signal?: AbortSignal): Promise<StreamSums[]> {
  const sums: StreamSums[] = []
  for (let after: object | undefined; ; ) {
    const query = { range: { _seq_no: { lte: seqNo } } }
    const answer = (await search(
      context,
      { size: 0, query, aggs: { streams: aggregation(after) } },
      signal,
    )) as {
      aggregations?: { streams?: { buckets?: readonly Bucket[]; after_key?: object } }
    }
    const { buckets = [], after_key: next } = answer.aggregations?.streams ?? {}
    for (const bucket of buckets) sums.push(sumsOf(bucket))
    if (buckets.length < BUCKETS) return sums
    after = next
  }
}

function aggregation(after: object | undefined): object {
  return {
    composite: {
      size: BUCKETS,
      sources: NAMES.map((field) => ({ [field]: { terms: { field } } })),
      ...(after === undefined ? {} : { after }),
    },
    aggs: {
      last: { max: { field: 'last' } },
      newest: { max: { field: 'received' } },
      oldest: { min: { field: 'received' } },
      ...Object.fromEntries(SUMS.map((field) => [field, { sum: { field } }])),
    },
  }
}

function sumsOf(bucket: Bucket): StreamSums {
  const value = (name: string): number => (bucket[name] as { value: number | null } | undefined)?.value ?? 0
  const [stored, joined, skipped, lost, dead, losses] = SUMS.map(value) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const { stream, class: className, tenant, node } = bucket.key
  const covered = stored + joined + skipped + lost + dead
  return {
    stream,
    class: className,
    tenant,
    node,
    last: value('last'),
    stored,
    joined,
    skipped,
    lost,
    dead,
    losses,
    covered,
    oldestMs: value('oldest'),
    newestMs: value('newest'),
    holeSinceMs: covered > value('last') ? undefined : 0,
  }
}

async function search(
  { connection, names }: EsContext,
  body: object,
  signal?: AbortSignal,
): Promise<unknown> {
  const answer = await connection.request({
    method: 'POST',
    path: `/${encodeURIComponent(names.coverage)}/_search`,
    query: {
      filter_path:
        'aggregations.newest,aggregations.streams.after_key,aggregations.streams.buckets,hits.hits._source,hits.hits._seq_no,error',
      ignore_unavailable: true,
      allow_partial_search_results: false,
    },
    body,
    ...(signal === undefined ? {} : { signal }),
  })
  if (answer.status !== 200) throw refusal('reading what is covered', answer.status, answer.body)
  return answer.body ?? {}
}
