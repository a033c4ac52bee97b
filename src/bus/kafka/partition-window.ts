/** A message of one partition, from its delivery until everything before it is settled too. */
export interface Item {
  readonly offset: number
  readonly bytes: number
  readonly key: string
  readonly value: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  readonly receivedMs: number
  attempt: number
  /** Deliveries whose nack counts against the message. */
  failures: number
  state: 'open' | 'resting' | 'settled'
}

/** What stands in the window once settled: the message itself is let go. */
type Slot = { readonly offset: number; item: Item | undefined }

/**
 * What one assignment of a partition has delivered. Everything below `low` is settled, and may be committed; nothing else may. It
 * is a value without I/O: the consumer fills it, deliveries settle it, the commit reads it.
 */
export class PartitionWindow {
  readonly partition: number
  /** Grows with each assignment in this process. */
  readonly assignment: number
  /** The next offset to deliver; undefined until it is known where to start. */
  next: number | undefined
  /** Up to where the group has committed. */
  committed: number | undefined
  /** One after the last message of the partition, as last seen. */
  high = 0
  /** The partition was lost: answers to its deliveries change nothing any more. */
  isLost = false
  /** When `low` moved last, or had reason not to. */
  movedMs: number
  #slots: Slot[] = []
  #head = 0

  constructor(options: { partition: number; assignment: number; nowMs: number }) {
    this.partition = options.partition
    this.assignment = options.assignment
    this.movedMs = options.nowMs
  }

  start(offset: number): void {
    this.next = offset
    this.committed = offset
  }

  /** The lowest offset that is not settled. */
  get low(): number | undefined {
    return this.#slots[this.#head]?.offset ?? this.next
  }

  /** Delivered, with settled ones that wait for an earlier one. */
  get length(): number {
    return this.#slots.length - this.#head
  }

  /** The oldest that is not settled. */
  get oldest(): Item | undefined {
    return this.#slots[this.#head]?.item
  }

  add(item: Item): void {
    this.#slots.push({ offset: item.offset, item })
    this.next = item.offset + 1
  }

  /** Skips offsets that hold nothing for us. */
  skipTo(offset: number): void {
    this.next = offset
  }

  /** Returns whether `low` has moved. */
  settle(item: Item): boolean {
    item.state = 'settled'
    const slot = this.#find(item.offset)
    if (slot !== undefined) slot.item = undefined
    const before = this.#head
    while (this.#head < this.#slots.length && this.#slots[this.#head]!.item === undefined) this.#head++
    const hasMoved = this.#head > before
    if (this.#head > 256 && this.#head * 2 > this.#slots.length) {
      this.#slots = this.#slots.slice(this.#head)
      this.#head = 0
    }
    return hasMoved
  }

  /** What is not settled, oldest first. */
  *unsettled(): Generator<Item> {
    for (let i = this.#head; i < this.#slots.length; i++) {
      const { item } = this.#slots[i]!
      if (item !== undefined) yield item
    }
  }

  /** Binary search: offsets rise, and may have gaps. */
  #find(offset: number): Slot | undefined {
    let [from, to] = [this.#head, this.#slots.length - 1]
    while (from <= to) {
      const middle = (from + to) >> 1
      const slot = this.#slots[middle]!
      if (slot.offset === offset) return slot
      if (slot.offset < offset) from = middle + 1
      else to = middle - 1
    }
    return undefined
  }
}
