import { DecklogError, isAbort } from '../../core/errors.ts'
import type { SpooledMark } from '../../core/spooled-record.ts'
import type { ReceiverOptions } from '../../ports/receiver.ts'
import type { StreamNames } from './senders.ts'
import type { SyslogConfig } from './syslog-config.ts'

/** Why a message is not taken: nobody can tell its sender. */
export type DropReason = 'rate-limited' | 'spool-full' | 'kernel' | 'closing'
/** Why a connection is not taken, or not kept. */
export type RefusalReason =
  | 'connections'
  | 'sender-connections'
  | 'tls-handshake'
  | 'client-certificate'
  | 'client-name'
  | 'proxy-header'
  | 'framing'
  | 'idle'

const KIND = { kind: 'syslog' }
const RETRY_MS_MIN = 50
const RETRY_MS_MAX = 1_000
const DECLARE_EVERY_MS = 10_000
/** Datagrams that came before this are no news any more. */
export const RECENT_MS = 5 * 60_000
/** What decklog itself says goes into a stream of its own. */
const OWN_NAMES: StreamNames = { sender: 'decklog', transport: 'internal' }

interface Records {
  readonly names: StreamNames
  readonly records: readonly Buffer[]
  readonly marks: ReadonlyMap<number, SpooledMark>
}

/** Where all ways meet: the spool, what is counted, and what is said of what is missing. */
export class Intake {
  readonly options: ReceiverOptions<SyslogConfig>
  /** Bytes of messages in memory, of all connections. */
  heldBytes = 0
  readonly #giveUp = new AbortController()
  readonly #undeclared = new Map<DropReason, number>()
  readonly #refused = new Map<RefusalReason, { count: number; lastMs: number; detail: string }>()
  #nextDeclarationMs = 0
  #isDeclaring = false
  #waiting = 0
  #waitingSinceMs = 0

  constructor(options: ReceiverOptions<SyslogConfig>) {
    this.options = options
  }

  nowMs(): number {
    return Number(this.options.clock.monotonicNs() / 1_000_000n)
  }

  get isMemoryFull(): boolean {
    return this.heldBytes >= this.options.config.memoryMax
  }

  /** Appending has to wait right now. */
  get isWaiting(): boolean {
    return this.#waiting > 0
  }

  /**
   * Resolves when they are on disk; while the spool is full or its disk refuses, it waits. Returns false when there is no more time:
   * decklog is ending, and they are counted as dropped.
   */
  async append({ names, records, marks }: Records): Promise<boolean> {
    const { spool, clock } = this.options
    const { signal } = this.#giveUp
    let isWaiting = false
    try {
      for (let retryMs = RETRY_MS_MIN; ; retryMs = Math.min(retryMs * 2, RETRY_MS_MAX)) {
        try {
          await spool.append(names, records, marks.size === 0 ? { signal } : { signal, marks })
          return true
        } catch (error) {
          if (!(error instanceof DecklogError) || !error.retryable || error.code === 'closed') throw error
          if (!isWaiting) this.#beginWaiting()
          isWaiting = true
        }
        await clock.sleep(retryMs, signal)
      }
    } catch (error) {
      if (!isAbort(error) && !(error instanceof DecklogError)) throw error
      this.drop('closing', records.length)
      return false
    } finally {
      if (isWaiting) this.#waiting--
    }
  }

  drop(reason: DropReason, count = 1): void {
    this.options.telemetry.add('decklog_source_dropped_total', count, { ...KIND, reason })
    this.#undeclared.set(reason, (this.#undeclared.get(reason) ?? 0) + count)
  }

  alter(mark: SpooledMark): void {
    this.options.telemetry.add('decklog_source_altered_total', 1, { ...KIND, reason: mark })
  }

  /** Bytes of messages that were too long. */
  cut(bytes: number): void {
    this.options.telemetry.add('decklog_source_cut_bytes_total', bytes, KIND)
  }

  /** `detail` holds no content: an address, and the code of an error. */
  refuse(reason: RefusalReason, detail: string): void {
    this.options.telemetry.add('decklog_source_refused_total', 1, { ...KIND, reason })
    const before = this.#refused.get(reason)
    this.#refused.set(reason, { count: (before?.count ?? 0) + 1, lastMs: this.nowMs(), detail })
  }

  showConnections(count: number): void {
    this.options.telemetry.set('decklog_source_connections', count, KIND)
  }

  /** What was dropped is said in a record of its own, so that who searches sees that there was more. */
  async declare(nowMs: number): Promise<void> {
    if (this.#undeclared.size === 0 || nowMs < this.#nextDeclarationMs || this.#isDeclaring) return
    this.#isDeclaring = true
    this.#nextDeclarationMs = nowMs + DECLARE_EVERY_MS
    const drops = [...this.#undeclared]
    this.#undeclared.clear()
    const time = new Date(this.options.clock.now()).toISOString()
    const records = drops.map(([reason, count]) => declaration(time, reason, count))
    try {
      await this.options.spool.append(OWN_NAMES, records, { signal: this.#giveUp.signal })
    } catch (error) {
      if (!isAbort(error) && !(error instanceof DecklogError)) throw error
      for (const [reason, count] of drops) {
        this.#undeclared.set(reason, (this.#undeclared.get(reason) ?? 0) + count)
      }
    } finally {
      this.#isDeclaring = false
    }
  }

  /** The same, now: what can still be said. */
  async declareLast(): Promise<void> {
    this.#nextDeclarationMs = 0
    await this.declare(0)
  }

  /** Nothing waits any longer. */
  giveUp(): void {
    this.#giveUp.abort()
  }

  problems(): string[] {
    const nowMs = this.nowMs()
    const waited = Math.round((nowMs - this.#waitingSinceMs) / 1000)
    const waiting = `messages wait for the spool since ${waited} s: TCP is not read, datagrams are dropped once memory is full`
    const recent = [...this.#refused].filter(([, { lastMs }]) => nowMs - lastMs < RECENT_MS)
    const refused = recent.map(
      ([reason, { count, detail }]) => `${REFUSALS[reason]} (${count} so far; last: ${detail})`,
    )
    return [...(this.isWaiting ? [waiting] : []), ...refused]
  }

  #beginWaiting(): void {
    if (this.#waiting++ === 0) this.#waitingSinceMs = this.nowMs()
  }
}

const REFUSALS: Readonly<Record<RefusalReason, string>> = {
  connections: 'connections are refused: connectionsMax are open',
  'sender-connections': 'a sender has senderConnectionsMax connections open, and wants more',
  'tls-handshake': 'TLS handshakes fail',
  'client-certificate': 'clients have no certificate of the authority in clientCa',
  'client-name': 'certificates of clients have no name that tls.clients allows',
  'proxy-header': 'connections of a proxy do not begin with a good header of the PROXY protocol',
  framing: 'connections were ended because their octet counts do not fit their messages',
  idle: 'silent connections were closed',
}

const SENTENCES: Readonly<Record<DropReason, string>> = {
  'rate-limited': 'datagrams of senders over their limit',
  'spool-full': 'datagrams while the spool did not keep up',
  kernel: 'datagrams in the kernel, for the receive buffer was full',
  closing: 'messages that could not be kept before the end',
}

/** RFC 5424; 5.4: facility syslog, severity warning. 32473 is the number for documentation: decklog has none. */
function declaration(time: string, reason: DropReason, count: number): Buffer {
  const data = `[decklog@32473 reason="${reason}" count="${count}"]`
  return Buffer.from(
    `<44>1 ${time} - decklog - dropped ${data} ${count} messages were dropped: ${SENTENCES[reason]}`,
  )
}
