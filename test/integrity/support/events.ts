import { createHash } from 'node:crypto'
import { openDataDirectory } from '../../../src/app/open-store.ts'
import { PIPELINES_DIRECTORY } from '../../../src/app/places.ts'
import { loadPipelines } from '../../../src/config/pipelines.ts'
import { EventIndex } from '../../../src/core/event-batch.ts'
import { RangeSet } from '../../../src/core/ranges.ts'
import type { Coverage, Store } from '../../../src/ports/store.ts'
import { makeParts } from '../../../src/roles/process/parts.ts'
import { type CompiledPipeline, compilePipeline } from '../../../src/stages/pipeline.ts'
import { processBatch } from '../../../src/stages/process-batch.ts'
import { newStreamState } from '../../../src/stages/stream-state.ts'
import { ASKING, type ArchivedStream, bytesOf } from './archive.ts'
import { linesIn, plainProblem } from './plain-reading.ts'

const SCAN_LIMIT = 1000
const SHOWN_MAX = 5

export interface EventsReport {
  readonly events: number
  readonly problems: readonly string[]
}

/** What must be known of a store to compare all that it holds. */
export interface StoredEvents {
  /** Of every document, by id; and what is wrong with them already. */
  digests(): Promise<{ readonly stored: Map<string, string>; readonly problems: string[] }>
  /** Of a document as `process` makes it. */
  digest(json: string): string
  coverage(stream: string): Promise<Coverage | undefined>
  document(id: string): Promise<string | undefined>
  /** Their reasons. */
  deadLetters(): Promise<readonly string[]>
}

export interface EventsOptions {
  readonly dataDir: string
  /** @default the embedded store in `dataDir` */
  readonly store?: StoredEvents
  readonly pipelines?: string
  /** Classes of which the store has deleted events: what is there must be right, and need not be all. */
  readonly expiredClasses?: readonly string[]
  /** Called with each document that is as it should be. */
  readonly onDocument?: (json: string, stream: ArchivedStream) => void
}

/**
 * Compares the store with what the pipelines make of the archived batches, which are the truth once their bytes are
 * checked: each event once, each document the same but for the time of ingestion, each record in one event or skipped.
 */
export async function checkEvents(
  streams: readonly ArchivedStream[],
  options: EventsOptions,
): Promise<EventsReport> {
  await using embedded = options.store === undefined ? await openDataDirectory(options.dataDir) : undefined
  const store = options.store ?? embeddedEvents(embedded!)
  const { stored, problems } = await store.digests()
  const events = stored.size
  const pipelines = await compile(options.pipelines ?? PIPELINES_DIRECTORY)
  for (const stream of streams) {
    const found = await checkStream(stream, { ...options, store, stored, compiled: pipelines })
    problems.push(...found)
  }
  for (const id of [...stored.keys()].slice(0, SHOWN_MAX)) problems.push(`event ${id} has no record`)
  for (const reason of await store.deadLetters()) problems.push(`dead letter: ${reason}`)
  return { events, problems }
}

function embeddedEvents(store: Store): StoredEvents {
  return { ...readEvents(store), digests: () => digestsOf(store), digest: digestOf }
}

/** What any store tells of itself. */
export function readEvents(store: Store): Omit<StoredEvents, 'digests' | 'digest'> {
  return {
    coverage: (stream) => store.coverage(stream, ASKING),
    document: async (id) => (await store.get(id, ASKING))?.json,
    async deadLetters() {
      const { records } = await store.listRecords('dead-letter', { ...ASKING, limit: 10 })
      return records.map(({ body }) => JSON.stringify(body['reason']))
    },
  }
}

/** A digest of every document, by id. */
async function digestsOf(store: Store): Promise<{ stored: Map<string, string>; problems: string[] }> {
  const stored = new Map<string, string>()
  const problems: string[] = []
  for (let cursor = ''; ; ) {
    const page = await store.scan({ ...ASKING, cursor, limit: SCAN_LIMIT })
    for (const { id, json } of page.hits) {
      if (stored.has(id)) problems.push(`event ${id} is stored twice`)
      stored.set(id, digestOf(json))
    }
    if (page.hits.length === 0) return { stored, problems }
    cursor = page.cursor
  }
}

/** `event.ingested` is when the bus took the batch: after a crash that happens again. */
export function digestOf(json: string): string {
  const rest = json.replace(/"ingested":"[^"]{24}"/, '')
  return createHash('sha1').update(rest).digest('base64')
}

async function compile(directory: string): Promise<ReadonlyMap<string, CompiledPipeline>> {
  const { classes } = loadPipelines(directory)
  const made = classes.map(async (pipeline) => {
    const parts = await makeParts({ directory: PIPELINES_DIRECTORY, rules: pipeline.rules })
    return [pipeline.class, compilePipeline(pipeline, parts)] as const
  })
  return new Map(await Promise.all(made))
}

interface StreamCheck extends EventsOptions {
  readonly store: StoredEvents
  /** Events that no record was found for yet. */
  readonly stored: Map<string, string>
  readonly compiled: ReadonlyMap<string, CompiledPipeline>
}

async function checkStream(archived: ArchivedStream, check: StreamCheck): Promise<string[]> {
  const { store, stored, compiled, expiredClasses = [], onDocument } = check
  const pipeline = compiled.get(archived.class)!
  const isExpired = expiredClasses.includes(archived.class)
  const problems: string[] = []
  const say = (text: string): void => {
    if (problems.length < SHOWN_MAX) problems.push(`${archived.key}: ${text}`)
  }
  const covered = new RangeSet()
  const state = newStreamState()
  let records = 0
  let events = 0
  for (const batch of archived.batches) {
    records = Math.max(records, batch.firstSeq + batch.count)
    const made = processBatch(state, batch, { raw: bytesOf(batch), receivedMs: 0, pipeline })
    if (made.events === undefined) continue
    const index = new EventIndex(made.events)
    const documents = Buffer.from(made.events.documents)
    const linesOf = linesIn(batch)
    for (let row = 0; row < index.count; row++) {
      events++
      if (index.n(row) === 0) for (const range of index.ranges(row)) claim(covered, range, say)
      const id = index.id(row)
      const json = documents.toString('utf8', index.offset(row), index.offset(row) + index.length(row))
      const lines = linesOf(index.ranges(row))
      const problem = lines && plainProblem(json, lines)
      if (problem !== undefined) say(`event ${id}: ${problem}`)
      const found = stored.get(id)
      stored.delete(id)
      if (found === undefined && !isExpired) say(`event ${id} is missing`)
      else if (found !== undefined && found !== store.digest(json))
        say(`event ${id} is not as it should be: ${await store.document(id)} instead of ${json}`)
      else onDocument?.(json, archived)
    }
    for (const { first, last, reason } of made.events.covers) {
      if (reason !== 'joined-into') claim(covered, [first, last], say)
      if (reason === 'lost' || reason === 'dead-letter') say(`records ${first} to ${last} are ${reason}`)
    }
  }
  if (covered.lowWater !== records || covered.above.length > 0)
    say(`of ${records} records ${covered.lowWater} are covered, then ${JSON.stringify(covered.above)}`)
  const coverage = await store.coverage(archived.stream)
  if (coverage === undefined) say('the store knows nothing of it')
  else if (coverage.lowWater !== records || coverage.above.length > 0)
    say(
      `the store has its first ${coverage.lowWater} of ${records} records, then ${JSON.stringify(coverage.above)}`,
    )
  else if (coverage.lost + coverage.deadLettered > 0)
    say(`the store counts losses: ${JSON.stringify(coverage)}`)
  else if (coverage.stored + coverage.joined + coverage.skipped !== records || coverage.stored > events)
    say(`the store miscounts ${events} events of ${records} records: ${JSON.stringify(coverage)}`)
  return problems
}

function claim(covered: RangeSet, range: readonly [number, number], say: (text: string) => void): void {
  const [first, last] = range
  if (covered.overlaps(first, last)) say(`records ${first} to ${last} are in two events`)
  covered.add(first, last)
}
