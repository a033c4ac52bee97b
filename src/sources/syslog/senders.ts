import type { Clock } from '../../ports/clock.ts'
import type { Transport } from './syslog-config.ts'

export interface SendersOptions {
  readonly clock: Clock
  /** Streams of their own; beyond, what comes goes into one a transport, `sender: other`. */
  readonly streamsMax: number
  /** Over a second. */
  readonly messagesMax: number
  readonly bytesMax: number
  /** Milliseconds after which a silent stream is forgotten: the spool has closed it. */
  readonly forgetAfter: number
}

/** The names of a stream. One object a stream, so that it serves as a key. */
export type StreamNames = Readonly<Record<string, string>>

/** One address, or all those that there was no room for: with what it may send, and its open connections. */
export interface Sender {
  readonly address: string
  connections: number
  /** Datagrams dropped because it sent more than it may. */
  dropped: number
  lastDroppedMs: number
  lastMs: number
  /** What it may still send at once; below 0 it owes. */
  messages: number
  bytes: number
  refilledMs: number
  readonly streams: Map<string, StreamNames>
}

const SECOND_MS = 1_000
export const OTHER = 'other'

/** Who sends. Bounded: addresses of datagrams can be made up. In the order of last use. */
export class Senders {
  readonly #options: SendersOptions
  readonly #senders = new Map<string, Sender>()
  readonly #other: Sender
  #streams = 0

  constructor(options: SendersOptions) {
    this.#options = options
    this.#other = this.#newSender(OTHER)
  }

  /** Milliseconds of a clock that never steps back. */
  nowMs(): number {
    return Number(this.#options.clock.monotonicNs() / 1_000_000n)
  }

  get isFull(): boolean {
    return this.#streams >= this.#options.streamsMax
  }

  of(address: string): Sender {
    const known = this.#senders.get(address)
    if (known !== undefined) {
      if (known.lastMs + SECOND_MS < this.nowMs()) this.#touch(known)
      return known
    }
    if (this.isFull) this.#forget()
    if (this.isFull) return this.#other
    const sender = this.#newSender(address)
    this.#senders.set(address, sender)
    return sender
  }

  /** A connection of it has ended. */
  closed(sender: Sender): void {
    sender.connections--
    if (sender !== this.#other) this.#touch(sender)
  }

  /** The names of what it sends in this way. `client`: its certificate's name. */
  namesOf(sender: Sender, transport: Transport, client?: string): StreamNames {
    const key = client === undefined ? transport : `${transport} ${client}`
    const known = sender.streams.get(key)
    if (known !== undefined) return known
    const isShared = sender !== this.#other && this.isFull
    if (isShared) return this.namesOf(this.#other, transport)
    // What has no stream of its own is told apart by its transport alone.
    if (sender === this.#other && client !== undefined) return this.namesOf(sender, transport)
    const names = { sender: sender.address, transport, ...(client === undefined ? {} : { client }) }
    sender.streams.set(key, names)
    if (sender !== this.#other) this.#streams++
    return names
  }

  /** May it send a datagram now? */
  takeOne(sender: Sender, bytes: number, nowMs: number): boolean {
    this.#refill(sender, nowMs)
    if (sender.messages < 1 || sender.bytes < bytes) {
      sender.dropped++
      sender.lastDroppedMs = nowMs
      return false
    }
    sender.messages--
    sender.bytes -= bytes
    return true
  }

  /** It has sent this. Returns how many milliseconds nothing more of it should be read. */
  charge(sender: Sender, messages: number, bytes: number): number {
    this.#refill(sender, this.nowMs())
    sender.messages -= messages
    sender.bytes -= bytes
    const { messagesMax, bytesMax } = this.#options
    return Math.ceil(Math.max(0, -sender.messages / messagesMax, -sender.bytes / bytesMax) * SECOND_MS)
  }

  /** Those whose datagrams were dropped since, the most first. */
  limited(sinceMs: number): Sender[] {
    return [this.#other, ...this.#senders.values()]
      .filter((one) => one.dropped > 0 && one.lastDroppedMs >= sinceMs)
      .sort((a, b) => b.dropped - a.dropped)
  }

  #refill(sender: Sender, nowMs: number): void {
    const elapsed = (nowMs - sender.refilledMs) / SECOND_MS
    if (elapsed <= 0) return
    const { messagesMax, bytesMax } = this.#options
    sender.refilledMs = nowMs
    sender.messages = Math.min(messagesMax, sender.messages + elapsed * messagesMax)
    sender.bytes = Math.min(bytesMax, sender.bytes + elapsed * bytesMax)
  }

  #touch(sender: Sender): void {
    sender.lastMs = this.nowMs()
    this.#senders.delete(sender.address)
    this.#senders.set(sender.address, sender)
  }

  /** Those that nothing came of for long. Connections keep theirs. */
  #forget(): void {
    const before = this.nowMs() - this.#options.forgetAfter
    for (const sender of this.#senders.values()) {
      if (sender.lastMs > before) return
      if (sender.connections > 0) continue
      this.#senders.delete(sender.address)
      this.#streams -= sender.streams.size
    }
  }

  #newSender(address: string): Sender {
    const nowMs = this.nowMs()
    const { messagesMax, bytesMax } = this.#options
    return {
      address,
      connections: 0,
      dropped: 0,
      lastDroppedMs: 0,
      lastMs: nowMs,
      messages: messagesMax,
      bytes: bytesMax,
      refilledMs: nowMs,
      streams: new Map(),
    }
  }
}

/** IPv4 is IPv4, also on a socket for both; an interface is no part of an address. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return 'unknown'
  const mapped = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
  const zone = mapped.indexOf('%')
  return zone === -1 ? mapped : mapped.slice(0, zone)
}
