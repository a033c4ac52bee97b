import { randomBytes } from 'node:crypto'
import { systemClock } from '../../src/app/system-clock.ts'
import { type EventBatch, EventIndex } from '../../src/core/event-batch.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import { connect } from '../../src/store/elasticsearch/connection.ts'
import { type EsContext, namesOf } from '../../src/store/elasticsearch/context.ts'
import { mappedFields, type MappingTypes, propertiesOf } from '../../src/store/elasticsearch/manage/fields.ts'
import { ownMembers, saysItsPlace } from '../../src/store/elasticsearch/own-members.ts'

/** Address of a real server; undefined where tests that need one are skipped. */
export const ELASTICSEARCH = process.env['DECKLOG_TEST_ELASTICSEARCH']

export interface ReadPlaceOptions {
  /** @default 1 */
  readonly shards?: number
  /** @default core */
  readonly types?: MappingTypes
}

/**
 * What reading needs, and no more: indices that are named and mapped as those of data streams are, behind an alias. A bare
 * server has no way to delete a data stream, and nothing may be left behind. Under a prefix of its own on a shared server.
 */
export class ReadPlace implements AsyncDisposable {
  readonly context: EsContext
  readonly prefix = `r${randomBytes(5).toString('hex')}_`
  readonly #options: ReadPlaceOptions
  readonly #generations = new Map<string, number>()

  constructor(options: ReadPlaceOptions = {}) {
    this.#options = options
    this.context = {
      connection: connect({ nodes: [ELASTICSEARCH!] }),
      clock: systemClock,
      telemetry: new Telemetry(),
      names: namesOf(this.prefix),
      refused: new Map(),
      complain: () => undefined,
      mended: () => undefined,
    }
  }

  /** Answers when they are searchable, with the ids of events that Elasticsearch refused, and why. */
  async write(
    batches: readonly EventBatch[],
    options: { readonly refresh?: boolean } = {},
  ): Promise<Map<string, string>> {
    let body = ''
    for (const batch of batches) body += bulkOf(batch, await this.#dataStream(batch.dataStream))
    const { items } = (await this.#send(
      'POST',
      `/_bulk?refresh=${options.refresh ?? true}`,
      body,
    )) as BulkAnswer
    const refused = items.filter(({ create }) => create.status !== 201)
    return new Map(refused.map(({ create }) => [create._id, create.error?.reason ?? 'unknown']))
  }

  /** Ends the write index of a data stream and begins the next, whose mapping may lack fields. */
  async rollOver(dataStream: string, without: readonly string[] = []): Promise<void> {
    const name = this.#named(dataStream)
    const generation = (this.#generations.get(name) ?? 0) + 1
    this.#generations.set(name, generation)
    const fields = new Map([...mappedFields()].filter(([field]) => !without.includes(field)))
    await this.#send('PUT', `/${backingName(name, generation)}`, {
      settings: {
        number_of_shards: this.#options.shards ?? 1,
        number_of_replicas: 0,
        refresh_interval: '200ms',
        'index.mapping.total_fields.limit': 2000,
      },
      mappings: { dynamic: false, ...propertiesOf(fields, this.#options.types ?? 'core') },
    })
    const add = (of: number, isWritten: boolean): object => ({
      add: { index: backingName(name, of), alias: name, is_write_index: isWritten },
    })
    const before = generation > 1 ? [add(generation - 1, false)] : []
    await this.#send('POST', '/_aliases', { actions: [...before, add(generation, true)] })
  }

  async deleteIndex(dataStream: string, generation: number): Promise<void> {
    await this.#send('DELETE', `/${backingName(this.#named(dataStream), generation)}`)
  }

  /** In Elasticsearch, of what a batch calls so. */
  #named(dataStream: string): string {
    return dataStream.replace(/^(logs-[^-]+-)/, `$1${this.prefix}`)
  }

  async #dataStream(given: string): Promise<string> {
    const name = this.#named(given)
    if (!this.#generations.has(name)) await this.rollOver(given)
    return name
  }

  async #send(method: 'PUT' | 'POST' | 'DELETE', path: string, body?: object | string): Promise<unknown> {
    const answer = await this.context.connection.request({
      method,
      path,
      ...(body === undefined ? {} : { body }),
    })
    if (answer.status >= 300) throw new Error(JSON.stringify(answer.body).slice(0, 500))
    return answer.body
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [name, generations] of this.#generations) {
      for (let generation = 1; generation <= generations; generation++) {
        await this.#send('DELETE', `/${backingName(name, generation)}?ignore_unavailable=true`)
      }
    }
    await this.context.connection.close()
  }
}

interface BulkAnswer {
  readonly items: readonly {
    readonly create: {
      readonly _id: string
      readonly status: number
      readonly error?: { readonly reason: string }
    }
  }[]
}

function backingName(dataStream: string, generation: number): string {
  return `.ds-${dataStream}-2026.11.24-${String(generation).padStart(6, '0')}`
}

function bulkOf(batch: EventBatch, dataStream: string): string {
  const index = new EventIndex(batch)
  const { stream, class: className, tenant, documents } = batch
  const bytes = Buffer.from(documents.buffer, documents.byteOffset, documents.byteLength)
  let body = ''
  for (let row = 0; row < index.count; row++) {
    const document = bytes.subarray(index.offset(row), index.offset(row) + index.length(row))
    const own = { stream, seq: index.firstSeq(row), n: index.n(row), class: className, tenant }
    const begin = saysItsPlace(document) ? (own.n > 0 ? ownMembers(own, true) : '{') : ownMembers(own)
    body += `${JSON.stringify({ create: { _index: dataStream, _id: index.id(row) } })}\n`
    body += `${begin}${document.toString('utf8').slice(1)}\n`
  }
  return body
}
