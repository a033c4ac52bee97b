import { randomBytes } from 'node:crypto'
import { systemClock } from '../../src/app/system-clock.ts'
import type { JsonObject } from '../../src/core/document.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import { connect, type EsAnswer, type EsRequest } from '../../src/store/elasticsearch/connection.ts'
import { type EsContext, namesOf } from '../../src/store/elasticsearch/context.ts'
import { listDataStreams } from '../../src/store/elasticsearch/manage/data-streams.ts'
import type { StoreSetupOptions } from '../../src/store/elasticsearch/manage/plan.ts'

/** Address of a real server; undefined where tests that need one are skipped. */
export const ELASTICSEARCH = process.env['DECKLOG_TEST_ELASTICSEARCH']

if (ELASTICSEARCH === undefined)
  console.warn('skipped: tests of managing Elasticsearch, for DECKLOG_TEST_ELASTICSEARCH names no server')

/**
 * A part of a real server that belongs to one test, by its prefix. Everything is removed at the end, but for the empty write index
 * of each data stream where the server cannot delete data streams.
 */
export class ManagePlace implements AsyncDisposable {
  readonly prefix = `m${randomBytes(4).toString('hex')}_`
  readonly context: EsContext
  readonly complaints: string[] = []

  constructor() {
    const telemetry = new Telemetry()
    this.context = {
      connection: connect({ nodes: [ELASTICSEARCH!] }),
      clock: systemClock,
      telemetry,
      names: namesOf(this.prefix),
      refused: new Map(),
      coverageChanged: { count: 0 },
      complain: (_what, sentence) => this.complaints.push(sentence),
      mended: () => undefined,
    } as EsContext
  }

  options(more: Partial<StoreSetupOptions> = {}): StoreSetupOptions {
    return {
      kinds: [{ dataset: 'system.auth', class: 'ssh' }],
      rules: [],
      replicas: 0,
      prefix: this.prefix,
      ...more,
    }
  }

  streamOf(cluster: string): string {
    return `logs-system.auth-${this.prefix}${cluster}.ssh`
  }

  request(request: EsRequest): Promise<EsAnswer> {
    return this.context.connection.request(request)
  }

  /** @throws when the answer is no success */
  async must(method: EsRequest['method'], path: string, body?: object | string): Promise<JsonObject> {
    const answer = await this.request({ method, path, ...(body === undefined ? {} : { body }) })
    if (answer.status >= 300)
      throw new Error(`${method} ${path}: ${JSON.stringify(answer.body).slice(0, 600)}`)
    return answer.body as JsonObject
  }

  /** Writes events that came in at `receivedMs`, and ends the index when asked to. */
  async write(
    cluster: string,
    events: readonly { readonly receivedMs: number; readonly document?: JsonObject }[],
    { rollOver = false } = {},
  ): Promise<void> {
    const lines = events.map(({ receivedMs, document }) => {
      const time = new Date(receivedMs).toISOString()
      return JSON.stringify({
        '@timestamp': time,
        message: 'Accepted publickey for root',
        event: { ingested: time },
        decklog: { class: 'ssh', seq: this.#seq },
        orchestrator: { cluster: { name: cluster } },
        ...document,
      })
    })
    let body = ''
    for (const line of lines) body += `{"create":{"_id":"${this.prefix}:${this.#seq++}"}}\n${line}\n`
    const path = `/${this.streamOf(cluster)}/_bulk?refresh=true&require_data_stream=true`
    const { errors, items } = await this.must('POST', path, body)
    if (errors === true) {
      const failed = (items as { create: { status: number } }[]).filter((one) => one.create.status !== 201)
      throw new Error(JSON.stringify(failed).slice(0, 900))
    }
    if (rollOver) await this.must('POST', `/${this.streamOf(cluster)}/_rollover`)
  }
  #seq = 0

  /** Names of backing indices that exist, oldest first. */
  async indices(cluster: string): Promise<string[]> {
    const streams = await listDataStreams(this.context.connection, this.context.names)
    return streams.find((one) => one.name === this.streamOf(cluster))?.indices.map((one) => one.name) ?? []
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { connection, names } = this.context
    for (const stream of await listDataStreams(connection, names)) {
      const { status } = await this.request({ method: 'DELETE', path: `/_data_stream/${stream.name}` })
      if (status === 200) continue
      await this.request({
        method: 'POST',
        path: `/${stream.name}/_rollover`,
        body: { conditions: { min_docs: 1, max_age: '1ms' } },
      })
      const now = (await listDataStreams(connection, names)).find((one) => one.name === stream.name)
      for (const index of now?.indices.slice(0, -1) ?? [])
        await this.request({ method: 'DELETE', path: `/${index.name}` })
    }
    for (const index of [names.coverage, names.records])
      await this.request({ method: 'DELETE', path: `/${index}` })
    for (const kind of ['_index_template', '_component_template']) {
      const { body } = await this.request({ method: 'GET', path: `/${kind}/${names.installed('*')}` })
      const list = Object.values((body ?? {}) as Record<string, { name: string }[]>)[0] ?? []
      for (const { name } of list) await this.request({ method: 'DELETE', path: `/${kind}/${name}` })
    }
    await connection.close()
  }
}
