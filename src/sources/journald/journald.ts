import { DecklogError, isAbort } from '../../core/errors.ts'
import type { Receiver, ReceiverOptions } from '../../ports/receiver.ts'
import { type Entry, isUpTo, type Position, positionOf, toEntry } from './entry.ts'
import { ExportReader } from './export-reader.ts'
import { followJournal } from './journalctl.ts'
import { noteOf, readNote } from './journal-note.ts'
import { lossRecord } from './loss-record.ts'
import { unitPicker } from './unit-picker.ts'

/** As `config/sources/journald.ts` gives it. */
export interface JournaldConfig {
  /** Streams of their own. */
  readonly units: Readonly<Record<string, unknown>>
  readonly only: {
    readonly units: readonly string[]
    readonly identifiers: readonly string[]
    readonly priority?: number | undefined
  }
  readonly directory?: string | undefined
  readonly journalctl: string
  readonly from: 'all' | 'now'
}

const FIELD_BYTES_MAX = 1024 * 1024
const ENTRY_BYTES_MAX = 2 * 1024 * 1024
const RESTART_MS_MIN = 500
const RESTART_MS_MAX = 30_000
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 5_000
/** A journalctl that ran so long was fine. */
const FINE_MS = 10_000
/** Journals that came here from so many machines: a note is bounded. */
const MACHINES_MAX = 32

/**
 * Follows systemd's journal. Names of a stream: `machine`, and `unit` for those that the configuration names. The cursor of the last entry
 * is kept with the spool; entries that a crash left behind it are not taken again, and where the cursor's entry is gone the loss is declared.
 */
export function startJournald(options: ReceiverOptions<JournaldConfig>): Promise<Receiver> {
  return Promise.resolve(new Journald(options))
}

type Names = Readonly<Record<string, string>>

class Journald implements Receiver {
  readonly #options: ReceiverOptions<JournaldConfig>
  readonly #stop = new AbortController()
  readonly #unitOf: (entry: Entry) => string | undefined
  /** Where each stream stood when this run began. */
  readonly #before = new Map<string, Position | undefined>()
  readonly #machines = new Set<string>()
  readonly #running: Promise<void>
  /** What is asked for; the cursor's entry need not be in what another question gives. */
  readonly #filters: string
  #isSame: boolean
  #cursor: string | undefined
  #ended: string | undefined
  #refused: string | undefined

  constructor(options: ReceiverOptions<JournaldConfig>) {
    this.#options = options
    this.#unitOf = unitPicker(Object.keys(options.config.units))
    const { config, spool } = options
    this.#filters = JSON.stringify([config.only, config.directory ?? ''])
    const note = readNote(spool.note)
    this.#cursor = note.cursor
    this.#isSame = note.filters === this.#filters
    // Looked up at once: what is shipped meanwhile goes.
    for (const machine of note.machines) {
      this.#machines.add(machine)
      this.#positionBefore({ machine })
      for (const unit of Object.keys(config.units)) this.#positionBefore({ machine, unit })
    }
    this.#running = this.#run().catch((error: unknown) => {
      if (!isAbort(error)) throw error
    })
  }

  problems(): string[] {
    return [this.#ended, this.#refused].filter((one) => one !== undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, log, telemetry } = this.#options
    const { signal } = this.#stop
    for (let pauseMs = RESTART_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, RESTART_MS_MAX)) {
      const startNs = clock.monotonicNs()
      const why = await this.#follow()
      if (signal.aborted) return
      if (Number(clock.monotonicNs() - startNs) / 1e6 >= FINE_MS) pauseMs = RESTART_MS_MIN
      if (this.#ended === undefined) log.warn({}, why ?? 'journalctl ended')
      this.#ended = why
      telemetry.add('decklog_source_refused_total', 1, { kind: 'journald', reason: 'journalctl-ended' })
      await clock.sleep(pauseMs, signal)
    }
  }

  async #follow(): Promise<string | undefined> {
    const { config, telemetry } = this.#options
    const reader = new ExportReader({ fieldMax: FIELD_BYTES_MAX, entryMax: ENTRY_BYTES_MAX })
    const from = this.#cursor === undefined ? config.from : { cursor: this.#cursor }
    let expected = this.#isSame ? this.#cursor : undefined
    let isReadable = true
    const why = await followJournal({ ...config, from, signal: this.#stop.signal }, async (chunk) => {
      const entries: Entry[] = []
      isReadable = reader.read(chunk, (exported) => {
        const entry = toEntry(exported)
        if (exported.cutBytes > 0)
          telemetry.add('decklog_source_altered_total', 1, { kind: 'journald', reason: 'cut' })
        if (entry !== undefined) entries.push(entry)
      })
      if (entries.length === 0) return isReadable
      this.#ended = undefined
      const before = expected
      expected = undefined
      await this.#take(entries, before)
      return isReadable
    })
    return isReadable ? why : 'journalctl wrote what is not the export format; it is started again'
  }

  /** `expected`: the cursor of the entry that was asked for; should another come first, that one is gone. */
  async #take(entries: readonly Entry[], expected: string | undefined): Promise<void> {
    const batches = new Map<string, { readonly names: Names; readonly records: Buffer[] }>()
    const add = (names: Names, record: Buffer): void => {
      const key = JSON.stringify(names)
      const batch = batches.get(key) ?? { names, records: [] }
      batch.records.push(record)
      batches.set(key, batch)
    }
    await this.#noteMachines(entries)
    const first = entries[0]!
    const isFound = expected === undefined || first.cursor === expected
    if (!isFound) {
      const { clock, telemetry } = this.#options
      telemetry.add('decklog_source_dropped_total', 1, { kind: 'journald', reason: 'vacuumed' })
      add({ machine: first.machine }, lossRecord(expected, first, clock.now()))
    }
    for (const entry of entries) {
      if (entry.cursor === this.#cursor) continue
      const names = this.#namesOf(entry)
      if (!isUpTo(positionOf(entry.cursor), this.#positionBefore(names))) add(names, entry.record)
    }
    for (const { names, records } of batches.values())
      await this.#untilTaken(() => this.#options.spool.append(names, records))
    const { cursor } = entries.at(-1)!
    await this.#keepNote(cursor)
    this.#cursor = cursor
    this.#isSame = true
  }

  /** Of whose streams a later run must look up the ends, before anything of them is in the spool. */
  async #noteMachines(entries: readonly Entry[]): Promise<void> {
    const isNew = entries.some(({ machine }) => !this.#machines.has(machine))
    if (!isNew) return
    for (const { machine } of entries) if (this.#machines.size < MACHINES_MAX) this.#machines.add(machine)
    await this.#keepNote(this.#cursor, this.#isSame ? this.#filters : '')
  }

  #keepNote(cursor: string | undefined, filters = this.#filters): Promise<void> {
    const note = noteOf({ cursor, filters, machines: [...this.#machines] })
    return this.#untilTaken(() => this.#options.spool.keepNote(note))
  }

  #namesOf(entry: Entry): Names {
    const unit = this.#unitOf(entry)
    return unit === undefined ? { machine: entry.machine } : { machine: entry.machine, unit }
  }

  #positionBefore(names: Names): Position | undefined {
    const key = JSON.stringify(names)
    if (!this.#before.has(key)) this.#before.set(key, lastPosition(this.#options.spool.lastRecord(names)))
    return this.#before.get(key)
  }

  /** While there is no room nothing is read: the journal keeps it. @throws AbortError */
  async #untilTaken(action: () => Promise<void>): Promise<void> {
    const { clock } = this.#options
    const { signal } = this.#stop
    for (let pauseMs = RETRY_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
      try {
        await action()
        this.#refused = undefined
        return
      } catch (error) {
        if (!(error instanceof DecklogError) || !error.retryable || error.code === 'closed') throw error
        this.#refused = `the journal is not read further: ${error.message}`
        await clock.sleep(pauseMs, signal)
      }
    }
  }
}

function lastPosition(record: Uint8Array | undefined): Position | undefined {
  if (record === undefined) return undefined
  try {
    const { __CURSOR: cursor } = JSON.parse(Buffer.from(record).toString('utf8')) as { __CURSOR?: unknown }
    return typeof cursor === 'string' ? positionOf(cursor) : undefined
  } catch {
    return undefined
  }
}
