import type { Telemetry } from '../core/telemetry.ts'
import type { Delivery, Message } from '../ports/bus.ts'
import type { Clock } from '../ports/clock.ts'

/** A message in a topic until all groups have acknowledged it. */
export interface Entry {
  readonly message: Message
  readonly bytes: number
  readonly offset: number
  readonly receivedMs: number
  /** Groups that have not acknowledged. */
  unacknowledged: number
  readonly settled: () => void
}

/** What a subscription holds over all its topics. */
export interface Account {
  bytes: number
  readonly bytesMax: number
  paused: boolean
  closed: boolean
}

export interface Member {
  readonly account: Account
  readonly handle: (delivery: Delivery) => void
  /** Called when bytes were settled, so that the subscription's other topics go on. */
  onRoom: () => void
}

/** An entry as one group sees it. */
interface Item {
  readonly entry: Entry
  attempt: number
  /** Who holds it now, and under which assignment; undefined while it waits. */
  holder: { readonly member: Member; readonly assignment: number } | undefined
  /** Waits out a pause after a nack. */
  resting: AbortController | undefined
}

const NACK_PAUSE_MS_MAX = 5_000

/** One group on one topic: who gets which message, and what is unsettled. */
export class MemoryGroup {
  readonly #name: string
  readonly #topic: string
  readonly #clock: Clock
  readonly #nackPauseMs: number
  readonly #telemetry: Telemetry | undefined
  readonly #members: Member[] = []
  /** Unsettled, by offset: insertion order is offset order. */
  readonly #items = new Map<number, Item>()
  /** Offsets to deliver, by member, in order. Rebuilt when the members change. */
  readonly #queues = new Map<Member, Queue>()
  #assignment = 0
  #pumping = false
  #closed = false

  constructor(options: {
    name: string
    topic: string
    clock: Clock
    nackPauseMs: number
    telemetry: Telemetry | undefined
  }) {
    this.#name = options.name
    this.#topic = options.topic
    this.#clock = options.clock
    this.#nackPauseMs = options.nackPauseMs
    this.#telemetry = options.telemetry
  }

  take(entry: Entry): void {
    const item: Item = { entry, attempt: 0, holder: undefined, resting: undefined }
    this.#items.set(entry.offset, item)
    const owner = this.#ownerOf(item)
    if (owner) this.#queues.get(owner)!.push(item)
    this.#schedule()
  }

  join(account: Account, handle: (delivery: Delivery) => void): Member {
    const member: Member = { account, handle, onRoom: () => this.pump() }
    this.#members.push(member)
    this.#reassign()
    return member
  }

  leave(member: Member): void {
    const at = this.#members.indexOf(member)
    if (at < 0) return
    this.#members.splice(at, 1)
    this.#reassign()
    this.#schedule()
  }

  close(): void {
    this.#closed = true
    for (const item of this.#items.values()) item.resting?.abort()
  }

  lag(nowMs: number): { messages: number; bytes: number; oldestMs: number } {
    let bytes = 0
    let oldest = nowMs
    for (const { entry } of this.#items.values()) {
      bytes += entry.bytes
      oldest = Math.min(oldest, entry.receivedMs)
    }
    return { messages: this.#items.size, bytes, oldestMs: this.#items.size === 0 ? 0 : nowMs - oldest }
  }

  pump(): void {
    this.#schedule()
  }

  /** Deliveries happen in a turn of their own, so that `publish` and `ack` never run a handler inside themselves. */
  #schedule(): void {
    if (this.#pumping || this.#closed) return
    this.#pumping = true
    queueMicrotask(() => {
      this.#pumping = false
      for (const member of this.#members.slice()) this.#deliverTo(member)
    })
  }

  #deliverTo(member: Member): void {
    const queue = this.#queues.get(member)
    const { account } = member
    while (queue !== undefined && queue.length > 0 && !account.paused && !account.closed && !this.#closed) {
      const { bytes } = queue.first.entry
      if (account.bytes > 0 && account.bytes + bytes > account.bytesMax) return
      this.#deliver(member, queue.shift())
    }
  }

  #deliver(member: Member, item: Item): void {
    const { entry } = item
    item.attempt++
    const holder = { member, assignment: this.#assignment }
    item.holder = holder
    member.account.bytes += entry.bytes
    member.handle({
      topic: this.#topic,
      key: entry.message.key,
      value: entry.message.value,
      headers: entry.message.headers ?? {},
      receivedMs: entry.receivedMs,
      attempt: item.attempt,
      assignment: holder.assignment,
      position: `${this.#topic}/0/${entry.offset}`,
      ack: () => this.#acknowledge(item, holder),
      nack: () => this.#rest(item, holder),
    })
  }

  /** An answer counts only while its delivery is the current one: those of an older assignment are discarded. */
  #release(item: Item, holder: Item['holder']): boolean {
    if (item.holder !== holder || holder === undefined) return false
    item.holder = undefined
    holder.member.account.bytes -= item.entry.bytes
    return true
  }

  #acknowledge(item: Item, holder: Item['holder']): void {
    if (!this.#release(item, holder)) return
    this.#items.delete(item.entry.offset)
    item.entry.unacknowledged--
    if (item.entry.unacknowledged === 0) item.entry.settled()
    holder!.member.onRoom()
  }

  #rest(item: Item, holder: Item['holder']): void {
    if (!this.#release(item, holder)) return
    this.#telemetry?.add('decklog_bus_redelivered_total', 1, { topic: this.#topic, group: this.#name })
    const resting = new AbortController()
    item.resting = resting
    const pauseMs = Math.min(this.#nackPauseMs * 2 ** (item.attempt - 1), NACK_PAUSE_MS_MAX)
    this.#clock.sleep(pauseMs, resting.signal).then(
      () => {
        item.resting = undefined
        const owner = this.#ownerOf(item)
        if (owner) this.#queues.get(owner)!.push(item)
        this.#schedule()
      },
      () => {},
    )
    holder!.member.onRoom()
  }

  /** Keys are spread by hash. What a key's new owner has not got is delivered to it, in order of offsets. */
  #reassign(): void {
    this.#assignment++
    const present = new Set(this.#members)
    this.#queues.clear()
    for (const member of this.#members) this.#queues.set(member, new Queue())
    for (const item of this.#items.values()) {
      const owner = this.#ownerOf(item)
      if (item.holder !== undefined && item.holder.member === owner && present.has(owner)) continue
      this.#release(item, item.holder)
      if (owner && item.resting === undefined) this.#queues.get(owner)!.push(item)
    }
  }

  #ownerOf(item: Item): Member | undefined {
    return this.#members[hashOf(item.entry.message.key) % this.#members.length]
  }
}

/** First in, first out, without moving what waits. What has left is let go at once: an item holds its message's bytes. */
class Queue {
  #items: (Item | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  get first(): Item {
    return this.#items[this.#head]!
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  shift(): Item {
    const item = this.#items[this.#head]!
    this.#items[this.#head++] = undefined
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }
}

/** FNV-1a, 32 bit. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
