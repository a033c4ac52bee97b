import { Outcome } from '../../../ports/store.ts'
import type { EsContext } from '../context.ts'
import type { Item } from './answer.ts'
import type { Run } from './frame.ts'
import { joinedTwice } from './joined.ts'
import { type OpenBatch, isJoined } from './open-batch.ts'
import { repair, truncate, withoutContent } from './repair.ts'
import { hold } from './target.ts'
import { verifyLanding } from './twins.ts'

export interface SettlerOptions {
  /** Of the sender: what is still looked up ends with it. */
  readonly signal: AbortSignal
  /** Sends rows again, after a pause that grows with their attempts unless one is given. */
  readonly requeue: (run: Run, reason: string, pauseMs?: number) => void
  /** Work that goes on while other requests are answered. */
  readonly track: (work: Promise<void>) => void
  readonly nowMs: () => number
}

/** The message of a document that no request can carry is cut to this. */
const CUT_MESSAGE_BYTES = 64 * 1024

/** What follows for each row from what the cluster answered. */
export class Settler {
  readonly #context: EsContext
  readonly #options: SettlerOptions

  constructor(context: EsContext, options: SettlerOptions) {
    this.#context = context
    this.#options = options
  }

  storeAll(runs: readonly Run[]): void {
    for (const { open, rows } of runs) {
      open.landed.add(open.judgedAt!)
      for (const row of rows) open.settle(row, Outcome.stored)
      this.#mended(open)
    }
  }

  settle(run: Run, items: readonly Item[]): void {
    const { open } = run
    const again = new Group(run)
    const held = new Group(run)
    const refused = new Group(run)
    const joined: number[] = []
    const elsewhere = new Map<string, Elsewhere>()
    for (const [at, item] of items.entries()) {
      const row = run.rows[at]!
      if (item.verdict === 'again') again.add(row, item.reason)
      else if (item.verdict === 'hold') held.add(row, item.reason)
      else if (item.verdict === 'document') refused.add(row, item.reason)
      // A duplicate may be ours, of an attempt whose answer was lost: then nobody has looked for an older copy.
      else if (!isExpected(open, item.index)) append(elsewhere, item, row)
      else if (item.verdict === 'stored') open.settle(row, Outcome.stored)
      else if (isJoined(open, row)) joined.push(row)
      else open.settle(row, Outcome.duplicate)
    }
    if (held.rows.length < run.rows.length) this.#mended(open)
    if (held.rows.length > 0) this.hold(held.run, held.reasons[0]!)
    if (again.rows.length > 0) this.#options.requeue(again.run, again.reasons[0]!)
    if (refused.rows.length > 0) this.repair(refused.run, refused.reasons)
    this.#lookUp(open, { joined, elsewhere })
  }

  /** Rows whose data stream takes nothing until a person mends it. */
  hold(run: Run, reason: string): void {
    const { open } = run
    const { complain, telemetry } = this.#context
    const said = withoutContent(reason)
    if (open.target.hold === undefined) telemetry.add('decklog_store_held_streams', 1)
    hold(open.target, said, this.#options.nowMs())
    complain(holding(open), `Elasticsearch refuses to write to ${open.target.name}: ${said}; its events wait`)
    this.#options.requeue(run, said, 0)
  }

  /** Rows whose documents the index refuses, each with its reason: in another form, or not at all. */
  repair({ open, rows }: Run, reasons: readonly string[]): void {
    const again: number[] = []
    for (const [at, row] of rows.entries()) {
      if (this.#repairOne(open, row, reasons[at]!)) again.push(row)
      else open.settle(row, Outcome.reject, `the index refuses it: ${withoutContent(reasons[at]!)}`)
    }
    open.release()
    if (again.length > 0) this.#options.requeue({ open, rows: again, attempts: 0 }, reasons[0]!, 0)
  }

  /** One row whose document alone is more than a request may hold. */
  cut({ open, rows }: Run, reason: string): void {
    const row = rows[0]!
    const document = open.repairs.has(row) ? undefined : open.document(row)
    const cut = document && truncate(document, CUT_MESSAGE_BYTES)
    open.release()
    if (cut === undefined) {
      open.settle(row, Outcome.reject, `too large for the cluster: ${reason}`)
      return
    }
    open.repairs.set(row, 1)
    open.replaced.set(row, cut)
    this.#options.requeue({ open, rows, attempts: 0 }, reason, 0)
  }

  #repairOne(open: OpenBatch, row: number, reason: string): boolean {
    const repairs = open.repairs.get(row) ?? 0
    const document = open.replaced.get(row) ?? open.document(row)
    const repaired = document && repair(document, { reason, repairs, timeMs: open.batch.receivedMs })
    if (repaired === undefined) return false
    if (repairs === 0) {
      this.#context.telemetry.add('decklog_store_repaired_total', 1, { class: open.batch.class })
    }
    open.repairs.set(row, repairs + 1)
    open.replaced.set(row, repaired)
    return true
  }

  #lookUp(
    open: OpenBatch,
    {
      joined,
      elsewhere,
    }: { readonly joined: readonly number[]; readonly elsewhere: ReadonlyMap<string, Elsewhere> },
  ): void {
    const { signal, track } = this.#options
    for (const { index: landedIn, verdict, rows } of elsewhere.values()) {
      const outcome = verdict === 'stored' ? Outcome.stored : Outcome.duplicate
      track(verifyLanding(this.#context, open, { rows, landedIn, outcome, signal }))
    }
    if (joined.length > 0) track(joinedTwice(this.#context, open, { rows: joined, signal }))
  }

  #mended(open: OpenBatch): void {
    if (open.target.hold === undefined) return
    open.target.hold = undefined
    this.#context.telemetry.add('decklog_store_held_streams', -1)
    this.#context.mended(holding(open))
  }
}

/** Rows of a run that have something in common. */
class Group {
  readonly rows: number[] = []
  readonly reasons: string[] = []
  readonly #run: Run

  constructor(run: Run) {
    this.#run = run
  }

  add(row: number, reason: string): void {
    this.rows.push(row)
    this.reasons.push(reason)
  }

  get run(): Run {
    return { ...this.#run, rows: this.rows }
  }
}

/** In the index that took writes when the batch was judged; of a data stream that was just made there is nothing older. */
function isExpected(open: OpenBatch, index: string): boolean {
  if (index !== open.judgedAt && !(open.judgedAt === undefined && index.endsWith('-000001'))) return false
  open.landed.add(index)
  return true
}

function holding(open: OpenBatch): string {
  return `writing to ${open.target.name}`
}

interface Elsewhere {
  readonly index: string
  readonly verdict: Item['verdict']
  readonly rows: number[]
}

function append(map: Map<string, Elsewhere>, { index, verdict }: Item, row: number): void {
  const key = `${verdict} ${index}`
  const one = map.get(key)
  if (one === undefined) map.set(key, { index, verdict, rows: [row] })
  else one.rows.push(row)
}
