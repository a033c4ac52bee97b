import type { RawBatch } from '../core/batch.ts'
import { DecklogError } from '../core/errors.ts'
import type { Telemetry } from '../core/telemetry.ts'
import type { Archive, ArchivedBatch } from '../ports/archive.ts'
import type { Bus, Delivery, Subscription } from '../ports/bus.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from './log.ts'

export interface ArchiveRoleOptions {
  readonly bus: Bus
  readonly archive: Archive
  readonly classes: readonly string[]
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly log: Log
  /** Reads a message of `decklog.raw.<class>`; throws when it is none. */
  readonly decode: (bytes: Uint8Array) => RawBatch
  /** Bytes that a class may have delivered and not archived. 16 MiB unless said. */
  readonly classBytesMax?: number
  /** How often it looks for segments to seal. 10 s unless said. */
  readonly sealEveryMs?: number
}

export interface ArchiveRole extends AsyncDisposable {
  /** Ends the deliveries, waits for the append in hand. What is not archived is delivered again to the next one. */
  close(): Promise<void>
}

const GROUP = 'archive'
const CLASS_BYTES_MAX = 16 * 1024 * 1024
const GROUP_BYTES_MAX = 4 * 1024 * 1024
const SEAL_EVERY_MS = 10_000
const BACKOFF_MS_MIN = 100
const BACKOFF_MS_MAX = 10_000

/**
 * Keeps every raw batch: takes them from the bus, appends them in groups, acknowledges once they are safe. It never drops
 * one: while the archive cannot write it waits and tries again, and by the bus's bounds the shippers wait too. Each class
 * has its own budget and its own way, so that a loud one does not delay a quiet one.
 */
export async function startArchiveRole(options: ArchiveRoleOptions): Promise<ArchiveRole> {
  const stop = new AbortController()
  const lanes = options.classes.map((cls) => new ClassLane(options, cls, stop.signal))
  const subscriptions: Subscription[] = []
  const sealing = sealRegularly(options, stop.signal)
  const close = async (): Promise<void> => {
    stop.abort()
    await Promise.all(subscriptions.map((subscription) => subscription.close()))
    await Promise.all([sealing, ...lanes.map((lane) => lane.ended())])
  }
  try {
    for (const lane of lanes) subscriptions.push(await lane.subscribe())
  } catch (error) {
    await close()
    throw error
  }
  return { close, [Symbol.asyncDispose]: close }
}

interface Waiting {
  readonly delivery: Delivery
  readonly item: ArchivedBatch
}

/** The way of one class: what is delivered and not archived, and the loop that archives it. */
class ClassLane {
  readonly #options: ArchiveRoleOptions
  readonly #class: string
  readonly #signal: AbortSignal
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #failing = false

  constructor(options: ArchiveRoleOptions, cls: string, signal: AbortSignal) {
    this.#options = options
    this.#class = cls
    this.#signal = signal
  }

  subscribe(): Promise<Subscription> {
    const { bus, classBytesMax = CLASS_BYTES_MAX } = this.#options
    const handle = (delivery: Delivery): void => this.#take(delivery)
    return bus.subscribe({
      group: GROUP,
      topics: [`decklog.raw.${this.#class}`],
      bytesMax: classBytesMax,
      handle,
    })
  }

  async ended(): Promise<void> {
    await this.#running
  }

  #take(delivery: Delivery): void {
    const { decode, telemetry, log } = this.#options
    try {
      const batch = decode(delivery.value)
      this.#waiting.push({ delivery, item: { batch, receivedMs: delivery.receivedMs } })
      this.#running ??= this.#run()
    } catch {
      // No batch, so there is nothing to archive and no use in trying again; `process` keeps its bytes as a dead letter.
      telemetry.add('decklog_archive_errors_total', 1, { class: this.#class })
      log.error(
        { position: delivery.position },
        'a message on the bus is no raw batch: not archived, kept as a dead letter',
      )
      delivery.ack()
    }
  }

  async #run(): Promise<void> {
    // What one turn of the event loop delivers is appended together.
    await Promise.resolve()
    while (this.#waiting.length > 0 && !this.#signal.aborted) {
      const group = this.#nextGroup()
      await this.#archive(group)
    }
    this.#running = undefined
  }

  #nextGroup(): Waiting[] {
    let bytes = 0
    let end = 0
    while (end < this.#waiting.length && (end === 0 || bytes < GROUP_BYTES_MAX))
      bytes += this.#waiting[end++]!.delivery.value.length
    return this.#waiting.splice(0, end)
  }

  /** Returns when the group is archived, or given back to the bus. */
  async #archive(group: readonly Waiting[]): Promise<void> {
    const { archive, clock } = this.#options
    for (let backoffMs = BACKOFF_MS_MIN; ; backoffMs = Math.min(backoffMs * 2, BACKOFF_MS_MAX)) {
      try {
        await archive.append(
          group.map(({ item }) => item),
          { signal: this.#signal },
        )
        this.#succeeded()
        for (const { delivery } of group) delivery.ack()
        return
      } catch (error) {
        if (this.#signal.aborted) return
        this.#failed(error)
        if (!(error instanceof DecklogError) || !error.retryable) return giveBack(group, error)
      }
      if (!(await slept(clock, backoffMs, this.#signal))) return
    }
  }

  #failed(error: unknown): void {
    if (!this.#failing)
      this.#options.log.warn(
        { class: this.#class, reason: reasonOf(error) },
        'archiving waits: nothing is acknowledged until it works',
      )
    this.#failing = true
  }

  #succeeded(): void {
    if (this.#failing) this.#options.log.info({ class: this.#class }, 'archiving goes on')
    this.#failing = false
  }
}

/** The bus delivers them again after a pause; nothing is lost. */
function giveBack(group: readonly Waiting[], error: unknown): void {
  for (const { delivery } of group) delivery.nack(error)
}

async function sealRegularly(
  { archive, clock, log, sealEveryMs = SEAL_EVERY_MS }: ArchiveRoleOptions,
  signal: AbortSignal,
): Promise<void> {
  let failing = false
  while (await slept(clock, sealEveryMs, signal)) {
    try {
      for (const { name, batches, bytes } of await archive.seal())
        log.info({ segment: name, batches, bytes }, 'segment sealed')
      failing = false
    } catch (error) {
      if (!failing) log.warn({ reason: reasonOf(error) }, 'a segment could not be sealed; it is tried again')
      failing = true
    }
  }
}

/** False when the signal fired. */
async function slept(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(ms, signal)
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return !signal.aborted
}

/** Our own messages hold no log content; others are not shown. */
function reasonOf(error: unknown): string {
  return error instanceof DecklogError ? error.message : 'an unexpected error'
}
