import { connect, type ElasticsearchOptions } from '../../src/store/elasticsearch/connection.ts'
import { namesOf } from '../../src/store/elasticsearch/context.ts'
import { listDataStreams } from '../../src/store/elasticsearch/manage/data-streams.ts'

/**
 * Deletes what a test has stored under a cluster's name: events, and what they cover. The data streams stay, empty, for the bare
 * server cannot delete them.
 */
export async function leaveNothing(options: ElasticsearchOptions, cluster: string): Promise<void> {
  const connection = connect(options)
  const { coverage } = namesOf()
  try {
    const streams = await listDataStreams(connection, namesOf())
    for (const { name, indices } of streams.filter((one) => one.cluster === cluster.replaceAll('-', '_'))) {
      await connection.request({ method: 'POST', path: `/${name}/_rollover` })
      for (const index of indices) await connection.request({ method: 'DELETE', path: `/${index.name}` })
    }
    await connection.request({ method: 'POST', path: `/${coverage}/_refresh` })
    const found = await connection.request({
      method: 'POST',
      path: `/${coverage}/_search`,
      body: { size: 10_000, _source: false, query: { term: { tenant: cluster } } },
    })
    const hits = (found.body as { hits?: { hits: readonly { _id: string }[] } }).hits?.hits ?? []
    const lines = hits.map(({ _id }) => `${JSON.stringify({ delete: { _id } })}\n`)
    if (lines.length > 0)
      await connection.request({ method: 'POST', path: `/${coverage}/_bulk`, body: lines.join('') })
  } finally {
    await connection.close()
  }
}
