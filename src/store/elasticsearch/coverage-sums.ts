import { type EsContext, refusal } from './context.ts'

/** Sums over the batches of one stream. Exact unless batches overlap: then `covered` is not `last + 1`. */
export interface StreamSums {
  readonly stream: string
  readonly class: string
  readonly node: string
  readonly last: number
  readonly stored: number
  readonly joined: number
  readonly skipped: number
  readonly lost: number
  readonly dead: number
  readonly losses: number
  /** All of them together. */
  readonly covered: number
  readonly oldestMs: number
  readonly newestMs: number
}

/** Streams of one answer: a cluster refuses more than 65,535 buckets. */
const PAGE = 10_000

interface Bucket {
  readonly key: { readonly stream: string; readonly class: string; readonly node: string }
  readonly [sum: string]: { readonly value: number | null } | Bucket['key']
}

const SUMS = ['stored', 'joined', 'skipped', 'lost', 'dead', 'lossCount'] as const

export async function streamSums(
  { connection, names }: EsContext,
  filters: readonly object[],
  signal?: AbortSignal,
): Promise<StreamSums[]> {
  const sums: StreamSums[] = []
  for (let after: object | undefined; ; ) {
    const { status, body } = await connection.request({
      method: 'POST',
      path: `/${encodeURIComponent(names.coverage)}/_search`,
      query: {
        filter_path: 'aggregations.streams.after_key,aggregations.streams.buckets,error',
        ignore_unavailable: true,
      },
      body: { size: 0, query: { bool: { filter: filters } }, aggs: { streams: aggregation(after) } },
      ...(signal === undefined ? {} : { signal }),
    })
    if (status !== 200) throw refusal('reading what is covered', status, body)
    const { streams } =
      (body as { aggregations?: { streams?: { buckets?: Bucket[]; after_key?: object } } })?.aggregations ??
      {}
    for (const bucket of streams?.buckets ?? []) sums.push(sumsOf(bucket))
    if ((streams?.buckets?.length ?? 0) < PAGE) return sums
    after = streams!.after_key
  }
}

function aggregation(after: object | undefined): object {
  const source = (field: string): object => ({ [field]: { terms: { field } } })
  return {
    composite: {
      size: PAGE,
      sources: [source('class'), source('node'), source('stream')],
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
  return {
    ...bucket.key,
    last: value('last'),
    stored,
    joined,
    skipped,
    lost,
    dead,
    losses,
    covered: stored + joined + skipped + lost + dead,
    oldestMs: value('oldest'),
    newestMs: value('newest'),
  }
}
