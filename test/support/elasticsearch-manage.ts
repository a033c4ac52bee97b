import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../src/app/system-clock.ts'
import type { JsonObject } from '../../src/core/document.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import { connect, type EsAnswer, type EsRequest } from '../../src/store/elasticsearch/connection.ts'
import { type EsContext, namesOf } from '../../src/store/elasticsearch/context.ts'
import { listDataStreams } from '../../src/store/elasticsearch/manage/data-streams.ts'
import { type Lease, takeLease } from '../../src/store/elasticsearch/manage/lease.ts'
import { installStore, type StoreSetupOptions } from '../../src/store/elasticsearch/manage/plan.ts'

/** Address of a real server; undefined where tests that need one are skipped. */
export const ELASTICSEARCH = process.env['DECKLOG_TEST_ELASTICSEARCH']

if (ELASTICSEARCH === undefined)
  console.warn('skipped: tests of managing Elasticsearch, for DECKLOG_TEST_ELASTICSEARCH names no server')

/** As many tests with data streams work at the same time, of all that share the server. */
const PLACES_MAX = 8
/** Where the leases of places are. */
const LEASES = 'decklog-test-manage'

/**
 * A part of a real server that belongs to one test, by its prefix. A bare server cannot delete a data stream: a test that makes some
 * has one of a few places that are used again (`taken`), and each begins with new write indices. Others leave nothing behind.
 */
export class ManagePlace implements AsyncDisposable {
  readonly prefix: string
  readonly context: EsContext
  readonly complaints: string[] = []
  #lease: Lease | undefined

  constructor(
    prefix = `m${randomBytes(4).toString('hex')}_`,
    connection = connect({ nodes: [ELASTICSEARCH!] }),
  ) {
    this.prefix = prefix
    this.context = {
      connection,
      clock: systemClock,
      telemetry: new Telemetry(),
      names: namesOf(this.prefix),
      refused: new Map(),
      complain: (_what, sentence) => this.complaints.push(sentence),
      mended: () => undefined,
    }
  }

  /** A place for data streams, with the templates of `options`. */
  static async taken(options: Partial<StoreSetupOptions> = {}): Promise<ManagePlace> {
    const { context } = new ManagePlace()
    const leases = { ...context, names: { ...context.names, records: LEASES } }
    for (let attempt = 0; attempt < 400; attempt++) {
      for (let number = 0; number < PLACES_MAX; number++) {
        const lease = await takeLease(leases, `place-${number}`)
        if (lease === undefined) continue
        const place = new ManagePlace(`mng${number}_`, context.connection)
        place.#lease = lease
        await place.#removeOwn()
        await installStore(context.connection, place.options(options))
        await place.renew()
        return place
      }
      await sleep(250)
    }
    throw new Error(`all ${PLACES_MAX} places of the test server are taken`)
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

  /** Begins new write indices by the templates of now, and deletes those before. */
  async renew(): Promise<void> {
    const { connection, names } = this.context
    for (const stream of await listDataStreams(connection, names)) {
      await this.must('POST', `/${stream.name}/_rollover`)
      for (const index of stream.indices) await this.must('DELETE', `/${index.name}`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { connection, names } = this.context
    for (const stream of await listDataStreams(connection, names)) {
      const { status } = await this.request({ method: 'DELETE', path: `/_data_stream/${stream.name}` })
      if (status !== 200) await this.renew()
    }
    await this.#removeOwn()
    for (const kind of ['_index_template', '_component_template']) {
      const { body } = await this.request({ method: 'GET', path: `/${kind}/${names.installed('*')}` })
      const list = Object.values((body ?? {}) as Record<string, { name: string }[]>)[0] ?? []
      for (const { name } of list) await this.request({ method: 'DELETE', path: `/${kind}/${name}` })
    }
    await this.#lease?.release()
    await connection.close()
  }

  async #removeOwn(): Promise<void> {
    const { names } = this.context
    for (const index of [names.coverage, names.records])
      await this.request({ method: 'DELETE', path: `/${index}` })
    const custom = `/_component_template/${names.installed('custom')}`
    if ((await this.request({ method: 'GET', path: custom })).status === 200)
      await this.must('PUT', custom, { template: {} })
  }
}
