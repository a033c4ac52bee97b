import { passStep } from '../../core/faults.ts'
import type { Clock } from '../../ports/clock.ts'
import { entryOf, flushFiles, removeFiles, type Catalog } from './catalog.ts'
import type { SegmentEntry } from './manifest.ts'
import type { Database } from './database.ts'
import type { Segment } from './segments.ts'
import type { SegmentWorker } from './segment-worker.ts'
import { SMALL_ROWS } from './sidecar.ts'
import { literal } from './sql-text.ts'
import { BLOCK_ROWS } from './columns.ts'

export interface CompactorOptions {
  readonly catalog: Catalog
  readonly database: Database
  readonly worker: SegmentWorker
  readonly clock: Clock
  /** Segments with full blocks are copied together into ones of about this many rows. */
  readonly fullSegmentRows: number
  readonly onMerged: () => void
  readonly onError: (error: unknown) => void
}

/** Small segments of about one size that are merged at once: each event is written anew once a size. */
const SMALL_COUNT = 8
const SMALL_ROWS_MAX = 64 * 1024
/** Sizes of small segments, in rows. */
const SIZES = [512, 4096, SMALL_ROWS]
const FULL_COUNT = 32
const RETRY_MS = 2000

/** Keeps the number of segments small, in the background, one merge at a time. */
export class Compactor {
  readonly #options: CompactorOptions
  readonly #abort = new AbortController()
  #running = false
  #work: Promise<void> | undefined
  /** Calls of `exclusive` that run or wait. */
  #held = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: CompactorOptions) {
    this.#options = options
  }

  /** Merges until nothing is worth it. */
  start(): void {
    if (this.#abort.signal.aborted || this.#held > 0 || this.#running) return
    this.#running = true
    this.#work = this.#run()
  }

  /** Runs `work` while no merge runs or begins, one after the other: a merge would bring back what retention deletes. */
  async exclusive<T>(work: () => Promise<T>): Promise<T> {
    this.#held++
    const turn = this.#turn.then(async () => {
      await this.#work
      return work()
    })
    this.#turn = turn.catch(() => undefined)
    try {
      return await turn
    } finally {
      this.#held--
      this.start()
    }
  }

  async close(): Promise<void> {
    this.#abort.abort()
    await this.#work
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort
    while (!signal.aborted && this.#held === 0) {
      const merge = nextMerge(this.#options.catalog.all(), this.#options.fullSegmentRows)
      if (merge === undefined) break
      try {
        await this.#merge(merge)
        this.#options.onMerged()
      } catch (error) {
        if (signal.aborted) break
        this.#options.onError(error)
        await this.#options.clock.sleep(RETRY_MS, signal).catch(() => undefined)
      }
    }
    this.#running = false
  }

  async #merge({ inputs, kind }: Merge): Promise<void> {
    const { catalog, database, worker } = this.#options
    const first = inputs[0]!.entry
    const place = await catalog.place(first)
    const files = inputs.map(({ path, sidecarPath }) => ({ path, sidecarPath }))
    try {
      if (kind === 'rewrite')
        await database.background(
          rewriteSql(
            files.map(({ path }) => path),
            place.path,
          ),
        )
      const job = { inputs: files, path: place.path, sidecarPath: place.sidecarPath }
      const merged = await (kind === 'rewrite' ? worker.describe(job) : worker.concat(job))
      const expected = inputs.reduce((rows, { entry }) => rows + entry.rows, 0)
      if (merged.rows !== expected) throw new Error(`a merge of ${expected} events gave ${merged.rows}`)
      await flushFiles(place)
      passStep('store-merge-inside')
      const entry = entryOf(place, { ...first, ...unitedOf(inputs) }, merged)
      await catalog.change({ add: [entry], remove: inputs.map((input) => input.entry.id) })
    } catch (error) {
      await removeFiles(place)
      throw error
    }
  }
}

interface Merge {
  readonly inputs: readonly Segment[]
  readonly kind: 'rewrite' | 'concat'
}

/**
 * The first merge that is due, of segments of one class, day and layout. Only neighbours in arrival are merged, so that the
 * blocks of a segment are always disjoint and rise.
 */
export function nextMerge(segments: readonly Segment[], fullRows: number): Merge | undefined {
  const groups = Map.groupBy(segments, ({ entry }) => `${entry.layout} ${entry.day} ${entry.class}`)
  for (const group of groups.values()) {
    const sorted = group.toSorted((a, b) => a.entry.arrivalFirst - b.entry.arrivalFirst)
    const merge = smallMerge(sorted) ?? fullMerge(sorted, fullRows)
    if (merge !== undefined) return merge
  }
  return undefined
}

const SMALL_BYTES = 16 * 1024 * 1024
/** DuckDB works on 2,048 rows at once: larger documents would not fit into its memory. */
const DOCUMENT_BYTES_MAX = 16 * 1024

/** Worth to be written anew; what is large is only copied. */
function isSmall({ rows, documentBytes }: SegmentEntry): boolean {
  return rows < SMALL_ROWS && documentBytes < SMALL_BYTES && documentBytes <= rows * DOCUMENT_BYTES_MAX
}

/** SMALL_COUNT neighbours of about one size, or two that larger ones have closed in. */
function smallMerge(sorted: readonly Segment[]): Merge | undefined {
  for (const [size, rowsMax] of SIZES.entries()) {
    for (const run of runsOf(sorted, ({ entry }) => isSmall(entry) && entry.rows < rowsMax)) {
      const isClosedIn = size === SIZES.length - 1 && run.at(-1) !== sorted.at(-1) && run.length > 1
      if (run.length >= SMALL_COUNT || isClosedIn)
        return { inputs: upTo(run, SMALL_ROWS_MAX), kind: 'rewrite' }
    }
  }
  return undefined
}

/** Full blocks are copied; a small segment that stands alone between larger ones goes with them. */
function fullMerge(sorted: readonly Segment[], fullRows: number): Merge | undefined {
  for (const run of runsOf(sorted, ({ entry }) => entry.rows < fullRows / 2)) {
    while (run.length > 0 && isSmall(run.at(-1)!.entry)) run.pop()
    const rows = run.reduce((sum, { entry }) => sum + entry.rows, 0)
    if (run.length > 1 && (run.length >= FULL_COUNT || rows >= fullRows))
      return { inputs: upTo(run, fullRows), kind: 'concat' }
  }
  return undefined
}

/** Longest runs of neighbours that fit. */
function runsOf(sorted: readonly Segment[], fits: (segment: Segment) => boolean): Segment[][] {
  const runs: Segment[][] = []
  let run: Segment[] | undefined
  for (const segment of sorted) {
    if (!fits(segment)) {
      run = undefined
      continue
    }
    if (run === undefined) {
      run = []
      runs.push(run)
    }
    run.push(segment)
  }
  return runs
}

function upTo(segments: readonly Segment[], rowsMax: number): Segment[] {
  const taken: Segment[] = []
  let rows = 0
  for (const segment of segments) {
    if (taken.length >= 2 && rows + segment.entry.rows > rowsMax) break
    taken.push(segment)
    rows += segment.entry.rows
  }
  return taken
}

function unitedOf(inputs: readonly Segment[]): {
  tenants: [string, number][]
  documentBytes: number
  ingestMinMs: number
  ingestMaxMs: number
} {
  const tenants = new Map<string, number>()
  for (const { entry } of inputs) {
    for (const [tenant, events] of entry.tenants) tenants.set(tenant, (tenants.get(tenant) ?? 0) + events)
  }
  return {
    tenants: [...tenants],
    documentBytes: inputs.reduce((sum, { entry }) => sum + entry.documentBytes, 0),
    ingestMinMs: Math.min(...inputs.map(({ entry }) => entry.ingestMinMs)),
    ingestMaxMs: Math.max(...inputs.map(({ entry }) => entry.ingestMaxMs)),
  }
}

/** In the order of the inputs, which is that of arrival. Row groups of exactly BLOCK_ROWS, but for the last. */
function rewriteSql(inputs: readonly string[], output: string): string {
  return `COPY (SELECT * FROM read_parquet([${inputs.map(literal).join(', ')}])) TO ${literal(output)}
    (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE ${BLOCK_ROWS}, WRITE_BLOOM_FILTER false)`
}
