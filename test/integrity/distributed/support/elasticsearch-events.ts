import { systemClock } from '../../../../src/app/system-clock.ts'
import { Telemetry } from '../../../../src/core/telemetry.ts'
import { openElasticsearchStore } from '../../../../src/store/elasticsearch/elasticsearch-store.ts'
import { digestOf, readEvents, type StoredEvents } from '../../support/events.ts'

const PAGE = 2_000

export interface ElasticsearchEvents extends StoredEvents, AsyncDisposable {
  /** Documents in each backing index, all data streams of the cluster. */
  readonly byIndex: ReadonlyMap<string, number>
}

interface Hit {
  readonly _index: string
  readonly _id: string
  readonly _source: Record<string, unknown>
  readonly sort: readonly unknown[]
}

/** What an Elasticsearch holds of one cluster: every document of every backing index is read, past the store's own ways of reading. */
export async function elasticsearchEvents(url: string, cluster: string): Promise<ElasticsearchEvents> {
  const options = { nodes: [url], clock: systemClock, telemetry: new Telemetry() }
  const store = await openElasticsearchStore(options)
  const byIndex = new Map<string, number>()
  return {
    ...readEvents(store),
    byIndex,
    digest: (json) => digestOf(JSON.stringify(JSON.parse(json))),
    async digests() {
      const stored = new Map<string, string>()
      const where = new Map<string, string>()
      const problems: string[] = []
      for await (const { _index, _id, _source } of allHits(url, `logs-*-${cluster}.*`)) {
        byIndex.set(_index, (byIndex.get(_index) ?? 0) + 1)
        const other = where.get(_id)
        if (other !== undefined) problems.push(`event ${_id} is stored twice: in ${other} and in ${_index}`)
        where.set(_id, _index)
        stored.set(_id, digestOf(plain(_source)))
      }
      return { stored, problems }
    },
    async [Symbol.asyncDispose]() {
      await store.close()
    },
  }
}

/** As `digestOf` of a document that `process` made wants it: the members that the store adds are left out. */
function plain(source: Record<string, unknown>): string {
  if (source['decklog.own'] !== true) return JSON.stringify(source)
  const { 'decklog.own': _own, 'decklog.n': _n, ...rest } = source
  return JSON.stringify(rest)
}

async function* allHits(url: string, pattern: string): AsyncGenerator<Hit> {
  await ask(url, `/${pattern}/_refresh`)
  const { id } = await ask<{ id: string }>(url, `/${pattern}/_pit?keep_alive=5m`)
  let searchAfter: readonly unknown[] | undefined
  for (;;) {
    const page = await ask<Page>(url, '/_search', {
      size: PAGE,
      pit: { id, keep_alive: '5m' },
      sort: ['_shard_doc'],
      track_total_hits: false,
      ...(searchAfter === undefined ? {} : { search_after: searchAfter }),
    })
    if (page.timed_out || page._shards.failed > 0) throw new Error('a part of Elasticsearch does not answer')
    yield* page.hits.hits
    searchAfter = page.hits.hits.at(-1)?.sort
    if (searchAfter === undefined) return
  }
}

interface Page {
  readonly timed_out: boolean
  readonly _shards: { readonly failed: number }
  readonly hits: { readonly hits: readonly Hit[] }
}

async function ask<T>(url: string, path: string, body?: object): Promise<T> {
  const answer = await fetch(`${url}${path}`, {
    method: 'POST',
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${(await answer.text()).slice(0, 500)}`)
  return (await answer.json()) as T
}

/** Ends the write index of a random data stream of the cluster. Returns its name; undefined while there is none. */
export async function rollOver(
  url: string,
  cluster: string,
  random: (below: number) => number,
): Promise<string | undefined> {
  const answer = await fetch(
    `${url}/logs-*-${cluster}.*/_settings?filter_path=*.settings.index.creation_date`,
  )
  const indices = Object.keys((await answer.json()) as object)
  const streams = [
    ...new Set(indices.map((name) => name.replace(/^\.ds-/, '').replace(/-\d{4}\.\d\d\.\d\d-\d{6}$/, ''))),
  ]
  if (streams.length === 0) return undefined
  const stream = streams[random(streams.length)]!
  await ask(url, `/${stream}/_rollover`)
  return stream
}
