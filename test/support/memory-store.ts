import { zstdDecompressSync } from 'node:zlib'
import type { JsonObject } from '../../src/core/document.ts'
import { DecklogError } from '../../src/core/errors.ts'
import { type EventBatch, EventIndex, parseEventId } from '../../src/core/event-batch.ts'
import { FIELDS } from '../../src/core/fields.ts'
import { compileMatcher, fieldValues } from '../../src/core/match-query.ts'
import type { Query } from '../../src/core/query.ts'
import { RangeSet } from '../../src/core/ranges.ts'
import {
  type Asking,
  type Claim,
  type Completeness,
  type Coverage,
  type ExpiryReport,
  type Hit,
  type HistogramAnswer,
  type HistogramRequest,
  Outcome,
  type Scope,
  type SearchAnswer,
  type SearchRequest,
  type Store,
  type StoredRecord,
  type TimeRange,
  type TopAnswer,
  type TopRequest,
  type WriteResult,
} from '../../src/ports/store.ts'

interface Kept extends Hit {
  readonly document: JsonObject
  readonly stream: string
  readonly seq: number
  readonly n: number
  readonly class: string
  readonly tenant: string
  readonly node: string
  readonly receivedMs: number
  readonly ranges: number
}

interface StreamState {
  readonly covered: RangeSet
  readonly class: string
  readonly tenant: string
  readonly node: string
  stored: number
  joined: number
  newestIngestMs: number
  readonly counts: Record<'skipped' | 'lost' | 'dead-letter' | 'duplicate' | 'joined-into', number>
  lossesWithoutSeq: number
}

/**
 * A Store of plain arrays, for tests of what asks a store. It reads and writes as the port says; it keeps nothing on disk and
 * deletes nothing.
 */
export class MemoryStore implements Store {
  /** Asked before each reading call: a test delays or fails it here. */
  onRead: ((call: string, asking: Asking) => Promise<void>) | undefined
  readonly #events: Kept[] = []
  readonly #streams = new Map<string, StreamState>()
  readonly #records = new Map<string, StoredRecord>()
  readonly #claims = new Map<string, string>()

  write(batches: readonly EventBatch[]): Promise<readonly WriteResult[]> {
    return Promise.resolve(batches.map((batch) => this.#writeOne(batch)))
  }

  claim(claims: readonly Claim[]): Promise<readonly boolean[]> {
    return Promise.resolve(
      claims.map(({ tenant, class: name, id, event }) => {
        const key = `${tenant}\n${name}\n${id}`
        if (!this.#claims.has(key)) this.#claims.set(key, event)
        return this.#claims.get(key) === event
      }),
    )
  }

  async search(request: SearchRequest): Promise<SearchAnswer> {
    const found = (await this.#matching('search', request)).sort(byPosition)
    if (request.order !== 'oldest') found.reverse()
    const start =
      request.cursor === undefined ? 0 : found.findIndex((event) => event.id === request.cursor) + 1
    const hits = found.slice(start, start + request.limit)
    const more = start + request.limit < found.length && hits.length > 0
    return {
      hits: hits.map(hitOf),
      total: { value: found.length, relation: 'eq' },
      ...(more ? { cursor: hits.at(-1)!.id } : {}),
    }
  }

  async histogram(request: HistogramRequest): Promise<HistogramAnswer> {
    const found = (await this.#matching('histogram', request)).sort(byPosition)
    const fromMs = Number((request.fromNs ?? found[0]?.timeNs ?? 0n) / 1_000_000n)
    const toMs = Number((request.toNs ?? (found.at(-1)?.timeNs ?? 0n) + 1_000_000n) / 1_000_000n)
    const widthMs = Math.max(1, Math.ceil((toMs - fromMs) / request.buckets))
    const buckets = []
    for (let at = fromMs; at < toMs; at += widthMs) {
      const inside = found.filter(
        ({ timeNs }) => timeNs >= BigInt(at) * 1_000_000n && timeNs < BigInt(at + widthMs) * 1_000_000n,
      )
      buckets.push({ fromMs: at, toMs: at + widthMs, count: inside.length })
    }
    return { buckets, total: { value: found.length, relation: 'eq' } }
  }

  async top(request: TopRequest): Promise<TopAnswer> {
    const found = await this.#matching('top', request)
    const counts = new Map<string, number>()
    let withField = 0
    for (const { document } of found) {
      const values = new Set(
        fieldValues(document, request.field)
          .filter((value) => value !== null && typeof value !== 'object')
          .map(String),
      )
      if (values.size > 0) withField++
      for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
    }
    const values = [...counts].map(([value, count]) => ({ value, count }))
    values.sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
    return { values: values.slice(0, request.limit), total: found.length, withField }
  }

  async get(id: string, asking: Asking): Promise<Hit | undefined> {
    await this.#passRead('get', asking)
    const event = this.#events.find((candidate) => candidate.id === id && inScope(candidate, asking.scope))
    return event && hitOf(event)
  }

  async neighbours(
    id: string,
    counts: { readonly before: number; readonly after: number },
    asking: Asking,
  ): Promise<readonly Hit[]> {
    await this.#passRead('neighbours', asking)
    const stream = parseEventId(id)?.stream
    const own = this.#events.filter((event) => event.stream === stream && inScope(event, asking.scope))
    own.sort((a, b) => a.seq - b.seq || a.n - b.n)
    const at = own.findIndex((event) => event.id === id)
    return at < 0 ? [] : own.slice(Math.max(0, at - counts.before), at + counts.after + 1).map(hitOf)
  }

  async scan(
    request: Asking & { readonly cursor?: string; readonly query?: Query; readonly limit: number },
  ): Promise<{ readonly hits: readonly Hit[]; readonly cursor: string }> {
    await this.#passRead('scan', request)
    const matches = compileMatcher(request.query ?? { kind: 'all' })
    let at = request.cursor === undefined ? this.#events.length : Number(request.cursor)
    const hits: Hit[] = []
    for (; at < this.#events.length && hits.length < request.limit; at++) {
      const event = this.#events[at]!
      if (inScope(event, request.scope) && matches(event.document)) hits.push(hitOf(event))
    }
    return { hits, cursor: String(at) }
  }

  async coverage(stream: string, asking: Asking): Promise<Coverage | undefined> {
    await this.#passRead('coverage', asking)
    const state = this.#streams.get(stream)
    if (state === undefined || !inScope(state, asking.scope)) return undefined
    return {
      stream,
      class: state.class,
      tenant: state.tenant,
      node: state.node,
      lowWater: state.covered.lowWater,
      above: state.covered.above,
      stored: state.stored,
      joined: state.joined,
      skipped: state.counts.skipped,
      lost: state.counts.lost,
      deadLettered: state.counts['dead-letter'],
      lossesWithoutSeq: state.lossesWithoutSeq,
      newestIngestMs: state.newestIngestMs,
    }
  }

  async completeness(request: Asking & TimeRange): Promise<Completeness> {
    await this.#passRead('completeness', request)
    const states = [...this.#streams.values()].filter((state) => inScope(state, request.scope))
    const names = [...new Set(states.map((state) => state.class))].sort()
    return {
      classes: names.map((name) =>
        classReport(
          name,
          states.filter((state) => state.class === name),
        ),
      ),
    }
  }

  async fields(asking: Asking): Promise<readonly { readonly name: string; readonly type: string }[]> {
    await this.#passRead('fields', asking)
    const own = this.#events.filter((event) => inScope(event, asking.scope))
    return FIELDS.filter(({ name }) => own.some(({ document }) => fieldValues(document, name).length > 0))
  }

  putRecord(record: StoredRecord): Promise<void> {
    const key = `${record.kind}\n${record.id}`
    const version = this.#records.get(key)?.version ?? 0
    if (record.version !== version + 1) {
      return Promise.reject(
        new DecklogError('internal', `${record.kind} has version ${version}, not ${record.version - 1}`, {
          retryable: true,
        }),
      )
    }
    this.#records.set(key, record)
    return Promise.resolve()
  }

  async getRecord(kind: string, id: string, asking: Asking): Promise<StoredRecord | undefined> {
    await this.#passRead('getRecord', asking)
    return this.#records.get(`${kind}\n${id}`)
  }

  async listRecords(
    kind: string,
    asking: Asking & { readonly limit: number; readonly cursor?: string },
  ): Promise<{ readonly records: readonly StoredRecord[]; readonly cursor?: string }> {
    await this.#passRead('listRecords', asking)
    const all = [...this.#records.values()].filter((record) => record.kind === kind)
    all.sort((a, b) => (a.id < b.id ? -1 : 1))
    const start = asking.cursor === undefined ? 0 : all.findIndex((record) => record.id === asking.cursor) + 1
    const records = all.slice(start, start + asking.limit)
    return start + asking.limit < all.length ? { records, cursor: records.at(-1)!.id } : { records }
  }

  deleteRecord(kind: string, id: string): Promise<void> {
    this.#records.delete(`${kind}\n${id}`)
    return Promise.resolve()
  }

  expire(): Promise<ExpiryReport> {
    return Promise.resolve({ deleted: [], kept: [] })
  }

  usage(): Promise<readonly { class: string; bytes: number; events: number; oldestMs: number }[]> {
    const names = [...new Set(this.#events.map((event) => event.class))].sort()
    return Promise.resolve(
      names.map((name) => {
        const own = this.#events.filter((event) => event.class === name)
        return {
          class: name,
          bytes: own.reduce((sum, event) => sum + event.json.length, 0),
          events: own.length,
          oldestMs: Math.min(...own.map(({ timeNs }) => Number(timeNs / 1_000_000n))),
        }
      }),
    )
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #passRead(call: string, asking: Asking): Promise<void> {
    asking.signal?.throwIfAborted()
    await this.onRead?.(call, asking)
    asking.signal?.throwIfAborted()
  }

  async #matching(call: string, request: Asking & TimeRange & { readonly query: Query }): Promise<Kept[]> {
    await this.#passRead(call, request)
    const matches = compileMatcher(request.query)
    return this.#events.filter(
      (event) =>
        inScope(event, request.scope) &&
        (request.fromNs === undefined || event.timeNs >= request.fromNs) &&
        (request.toNs === undefined || event.timeNs < request.toNs) &&
        matches(event.document),
    )
  }

  #writeOne(batch: EventBatch): WriteResult {
    const index = new EventIndex(batch)
    const unpacked = batch.codec === 'zstd' ? zstdDecompressSync(batch.documents) : batch.documents
    const bytes = Buffer.from(unpacked.buffer, unpacked.byteOffset, unpacked.byteLength)
    const state = this.#stateOf(batch)
    const before = state.covered.clone()
    const outcomes = new Uint8Array(index.count)
    for (let row = 0; row < index.count; row++) {
      const ranges = index.ranges(row)
      if (ranges.every(([first, last]) => before.has(first, last))) {
        outcomes[row] = Outcome.duplicate
        continue
      }
      const json = bytes.toString('utf8', index.offset(row), index.offset(row) + index.length(row))
      this.#keep(batch, { index, row, json })
      for (const [first, last] of ranges) state.covered.add(first, last)
      state.stored++
      state.joined += ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0) - 1
    }
    for (const cover of batch.covers) {
      if (!state.covered.has(cover.first, cover.last))
        state.counts[cover.reason] += cover.last - cover.first + 1
      state.covered.add(cover.first, cover.last)
    }
    state.lossesWithoutSeq += batch.losses.length
    state.newestIngestMs = Math.max(state.newestIngestMs, batch.receivedMs)
    return { outcomes, reasons: new Map() }
  }

  #keep(batch: EventBatch, from: { index: EventIndex; row: number; json: string }): void {
    const { index, row, json } = from
    this.#events.push({
      id: index.id(row),
      dataStream: batch.dataStream,
      timeNs: index.timeNs(row),
      json,
      document: JSON.parse(json) as JsonObject,
      stream: batch.stream,
      seq: index.firstSeq(row),
      n: index.n(row),
      class: batch.class,
      tenant: batch.tenant,
      node: batch.node,
      receivedMs: batch.receivedMs,
      ranges: index.ranges(row).length,
    })
  }

  #stateOf(batch: EventBatch): StreamState {
    let state = this.#streams.get(batch.stream)
    if (state === undefined) {
      state = {
        covered: new RangeSet(),
        class: batch.class,
        tenant: batch.tenant,
        node: batch.node,
        stored: 0,
        joined: 0,
        newestIngestMs: 0,
        counts: { skipped: 0, lost: 0, 'dead-letter': 0, duplicate: 0, 'joined-into': 0 },
        lossesWithoutSeq: 0,
      }
      this.#streams.set(batch.stream, state)
    }
    return state
  }
}

function hitOf({ id, dataStream, timeNs, json }: Kept): Hit {
  return { id, dataStream, timeNs, json }
}

function byPosition(a: Kept, b: Kept): number {
  if (a.timeNs !== b.timeNs) return a.timeNs < b.timeNs ? -1 : 1
  if (a.stream !== b.stream) return a.stream < b.stream ? -1 : 1
  return a.seq - b.seq || a.n - b.n
}

function inScope(event: { readonly class: string; readonly tenant: string }, scope: Scope): boolean {
  return (
    (scope.classes === '*' || scope.classes.includes(event.class)) &&
    (scope.clusters === '*' || scope.clusters.includes(event.tenant))
  )
}

function classReport(name: string, states: readonly StreamState[]): Completeness['classes'][number] {
  const sum = (of: (state: StreamState) => number): number =>
    states.reduce((total, state) => total + of(state), 0)
  const gaps = sum(({ covered }) => {
    const last = covered.above.at(-1)?.[1]
    return last === undefined ? 0 : covered.missing(0, last).length
  })
  return {
    class: name,
    streams: states.length,
    expected: sum(({ covered }) => (covered.above.at(-1)?.[1] ?? covered.lowWater - 1) + 1),
    stored: sum((state) => state.stored),
    joined: sum((state) => state.joined),
    skipped: sum(({ counts }) => counts.skipped),
    declaredLost: sum(({ counts }) => counts.lost),
    lossesWithoutSeq: sum((state) => state.lossesWithoutSeq),
    undeclaredGaps: gaps,
    newestIngestByNode: Object.fromEntries(states.map((state) => [state.node, state.newestIngestMs])),
  }
}
