import { randomBytes } from 'node:crypto'
import { diskError, isAbort } from '../../core/errors.ts'
import { streamId } from '../../core/identity.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LogGroup } from '../../sources/log-group.ts'
import { applyCut, type ShipState } from './apply-record.ts'
import { recover, removeSegments, setAside, writeCheckpoint } from './checkpoint.ts'
import type { Complaints } from '../complaints.ts'
import { Journal } from './journal.ts'
import type { Cut, CutContext, CutRecord, StateRecord, StreamState } from './records.ts'
import { sealLine } from './sealed-line.ts'

/**
 * Further names of a group, known when its stream begins: they travel in its provenance and stay as they are for all its life. The
 * stream's id does not depend on them.
 */
export type Describe = (group: LogGroup) => Readonly<Record<string, string>> | undefined

export interface LedgerOptions {
  readonly directory: string
  readonly cluster: string
  readonly node: string
  readonly pipelineVersion: string
  readonly describe?: Describe | undefined
  readonly clock: Clock
  readonly complaints: Complaints
  readonly onFailure: (code: string) => void
  readonly signal: AbortSignal
}

/** The journal is folded into a new checkpoint when it is this large, and several times the checkpoint's own size. */
const JOURNAL_BYTES_MAX = 256 * 1024
const JOURNAL_TO_CHECKPOINT = 4
const RETRY_MS_MIN = 200
const RETRY_MS_MAX = 2_000
const TROUBLE = 'checkpoint of the shipper'

/** What the shipper must not forget: streams, their cuts, how far they are settled. On disk before anything is published. */
export class Ledger {
  readonly state: ShipState
  readonly #options: LedgerOptions
  readonly #journal: Journal
  readonly #byKey = new Map<string, StreamState>()
  readonly #contexts = new Map<string, number>()
  readonly #settled = new Set<StreamState>()
  readonly #run = randomBytes(8).toString('hex')
  #checkpointBytes = 0
  #compacting: Promise<void> | undefined
  #nextNumber: number

  /**
   * Reads what is there and writes it anew as one checkpoint: nothing can be published before the disk has taken that, so it
   * waits, with a message, while the disk refuses. @throws AbortError, system errors while reading
   */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const { directory, clock, complaints } = options
    const found = recover(directory)
    let state: ShipState
    let segment = 1
    if (found.kind === 'state') {
      state = found.state
      segment = found.nextSegment
    } else {
      const lost = found.kind === 'corrupt' ? found : undefined
      state = {
        lineage: randomBytes(8).toString('hex'),
        stateLost: lost?.detail ?? null,
        streams: new Map(),
        contexts: [],
      }
      if (lost !== undefined) {
        segment = lost.nextSegment
        const message = `the shipper's state in ${directory} cannot be trusted (${lost.detail}): it is set aside, all logs are read from their beginning, and repeats are declared`
        complaints.raise('state of the shipper', message)
        await untilDone(options, () => Promise.resolve(setAside(directory, clock.now())))
      }
    }
    const ledger = new Ledger(state, segment, options)
    await untilDone(options, () => ledger.#checkpoint(segment))
    return ledger
  }

  private constructor(state: ShipState, segment: number, options: LedgerOptions) {
    this.state = state
    keepUsedContexts(state)
    this.#options = options
    this.#nextNumber = Math.max(0, ...state.streams.keys()) + 1
    for (const stream of state.streams.values()) if (!stream.closed) this.#byKey.set(stream.key, stream)
    this.#journal = new Journal(segment, options)
  }

  /** The stream of a group, new or as it was left. */
  streamOf(group: LogGroup): StreamState {
    const key = this.#keyOf(group)
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const { cluster, node, clock, describe } = this.#options
    const { kind, names, format, history } = group
    const more = describe?.(group)
    const incarnation = randomBytes(8).toString('hex')
    const created: StreamState = {
      number: this.#nextNumber++,
      key,
      id: streamId({ cluster, node, kind, format, names }, this.state.lineage, incarnation),
      cluster,
      node,
      group: more === undefined ? group : { ...group, names: { ...more, ...names } },
      sinceMs: history ? 0 : clock.now(),
      version: 0,
      nextSeq: 0,
      nextOrdinal: 0,
      streamOffset: 0,
      head: '0'.repeat(64),
      fragment: 0,
      idle: true,
      closed: false,
      losses: this.#stateLosses(),
      files: [],
      finished: [],
      open: [],
    }
    this.state.streams.set(created.number, created)
    this.#byKey.set(key, created)
    this.#append({ kind: 'stream', state: created })
    return created
  }

  /** Every stream that was there when the state was lost has said so; later ones begin as usual. */
  stateLossDeclared(): void {
    if (this.state.stateLost === null) return
    this.state.stateLost = null
    this.#startCompacting()
  }

  contextOf(group: Pick<LogGroup, 'class' | 'format'>): number {
    const { class: className, format } = group
    const name = `${className} ${format}`
    const known = this.#contexts.get(name)
    if (known !== undefined) return known
    const context: CutContext = {
      class: className,
      format,
      pipelineVersion: this.#options.pipelineVersion,
      run: this.#run,
    }
    const index = this.state.contexts.push(context) - 1
    this.#contexts.set(name, index)
    this.#append({ kind: 'context', index, context })
    return index
  }

  /** Decides a cut. `onSafe` is called, in the order of the cuts, when it is on disk and may be published. */
  cut(stream: StreamState, cut: Cut, at: CutRecord['at'], onSafe: () => void): void {
    const record: CutRecord = { kind: 'cut', stream: stream.number, version: stream.version + 1, cut, at }
    const problem = applyCut(stream, record)
    if (problem !== undefined) throw new Error(problem)
    if (stream.closed) this.#byKey.delete(stream.key)
    this.#append(record, onSafe)
  }

  /** The stream goes on with these files, or has these losses to declare. */
  move(stream: StreamState, change: Partial<Pick<StreamState, 'files' | 'finished' | 'losses'>>): void {
    Object.assign(stream, change)
    stream.version++
    const { number, version, files, finished, losses } = stream
    this.#append({ kind: 'move', stream: number, version, files, finished, losses })
  }

  /** From now on a declared loss is sent in place of the cut. Resolves when that is on disk. */
  lost(stream: StreamState, cut: Cut): Promise<void> {
    stream.version++
    stream.open = stream.open.map((one) => (one.ordinal === cut.ordinal ? { ...one, lost: true } : one))
    const { number, version } = stream
    return new Promise((resolve) => {
      this.#append({ kind: 'lost', stream: number, version, ordinal: cut.ordinal }, resolve)
    })
  }

  /** Calls when all that was decided of a stream until now is on disk, what is settled included. */
  whenSafe(stream: StreamState, onSafe: () => void): void {
    this.#append(
      { kind: 'settled', stream: stream.number, ordinal: stream.open[0]?.ordinal ?? stream.nextOrdinal },
      onSafe,
    )
  }

  /** `stream.open` has become shorter: written with the next `tick`. A settled cut that is sent again harms nothing. */
  settled(stream: StreamState): void {
    this.#settled.add(stream)
  }

  /** Nothing was ever cut of it, and nothing will be. */
  forget(stream: StreamState): void {
    this.#byKey.delete(stream.key)
    this.#drop(stream)
  }

  /** Writes what has settled; folds the journal when it is large. */
  tick(): void {
    for (const stream of this.#settled) {
      const ordinal = stream.open[0]?.ordinal ?? stream.nextOrdinal
      this.#append({ kind: 'settled', stream: stream.number, ordinal })
      if (stream.closed && stream.open.length === 0) this.#drop(stream)
    }
    this.#settled.clear()
    const bytesMax = Math.max(JOURNAL_BYTES_MAX, JOURNAL_TO_CHECKPOINT * this.#checkpointBytes)
    if (this.#journal.bytes >= bytesMax) this.#startCompacting()
  }

  async close(): Promise<void> {
    this.tick()
    await this.#compacting
    await this.#journal.close()
    const segment = this.#journal.nextSegment()
    await this.#checkpoint(segment).catch((error: unknown) => this.#failed(error))
  }

  #startCompacting(): void {
    this.#compacting ??= this.#compact().finally(() => {
      this.#compacting = undefined
    })
  }

  async #compact(): Promise<void> {
    const segment = this.#journal.nextSegment()
    await untilDone(this.#options, () => this.#checkpoint(segment)).catch((error: unknown) => {
      if (!isAbort(error)) throw error
    })
  }

  async #checkpoint(segment: number): Promise<void> {
    this.#checkpointBytes = await writeCheckpoint(this.#options.directory, this.state, segment)
    await removeSegments(this.#options.directory, segment)
    this.#options.complaints.over(TROUBLE)
  }

  #failed(error: unknown): void {
    complain(this.#options, error)
  }

  #drop(stream: StreamState): void {
    this.state.streams.delete(stream.number)
    this.#append({ kind: 'drop', stream: stream.number })
  }

  #append(record: StateRecord, onSafe?: () => void): void {
    this.#journal.append(sealLine(record), onSafe)
  }

  #keyOf(group: LogGroup): string {
    const { cluster, node } = this.#options
    return `${cluster.length}:${cluster} ${node.length}:${node} ${group.key}`
  }

  #stateLosses(): StreamState['losses'] {
    const detail = this.state.stateLost
    return detail === null ? [] : [{ firstSeq: 0, count: 0, bytes: -1, reason: 'state-lost', detail }]
  }
}

/** Each start brings new contexts; those of earlier runs stay only while a cut of theirs is open. */
function keepUsedContexts(state: ShipState): void {
  const places = new Map<number, number>()
  const kept: CutContext[] = []
  for (const stream of state.streams.values()) {
    stream.open = stream.open.map((cut) => {
      if (!places.has(cut.context)) places.set(cut.context, kept.push(state.contexts[cut.context]!) - 1)
      return { ...cut, context: places.get(cut.context)! }
    })
  }
  state.contexts.splice(0, state.contexts.length, ...kept)
}

function complain(options: LedgerOptions, error: unknown): void {
  const trouble = diskError(error, `write the ${TROUBLE} in ${options.directory}`)
  options.complaints.raise(TROUBLE, trouble.message)
  options.onFailure(trouble.code)
}

/** Tries until it works, with a message. @throws AbortError */
async function untilDone(options: LedgerOptions, action: () => Promise<void>): Promise<void> {
  for (let pauseMs = RETRY_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
    try {
      return await action()
    } catch (error) {
      complain(options, error)
      await options.clock.sleep(pauseMs, options.signal)
    }
  }
}
