/**
 * Which event has an id: hashes of both, 8 bytes each, in one table with open addressing. Invariants: the size is a power of two and
 * at most half full, so that a search ends at an empty slot; a slot is empty when both halves of its key are 0, and no key is.
 */
export class ClaimTable {
  count = 0
  #slots = new Uint32Array(4 * SLOTS_MIN)

  /** The half hashes of the event that has the key; undefined when none has. */
  find(keyHigh: number, keyLow: number): readonly [high: number, low: number] | undefined {
    const at = this.#slotOf(keyHigh, keyLow)
    return this.#isEmpty(at) ? undefined : [this.#slots[at + 2]!, this.#slots[at + 3]!]
  }

  /** The key must not be there. */
  add(keyHigh: number, keyLow: number, high: number, low: number): void {
    if ((this.count + 1) * 8 > this.#slots.length) this.#grow()
    this.#slots.set([keyHigh, keyLow, high, low], this.#slotOf(keyHigh, keyLow))
    this.count++
  }

  #slotOf(high: number, low: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    for (let at = (low * 4) & mask; ; at = (at + 4) & mask) {
      if (this.#isEmpty(at) || (slots[at] === high && slots[at + 1] === low)) return at
    }
  }

  #isEmpty(at: number): boolean {
    return this.#slots[at] === 0 && this.#slots[at + 1] === 0
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    for (let at = 0; at < old.length; at += 4) {
      if (old[at] === 0 && old[at + 1] === 0) continue
      this.#slots.set(old.subarray(at, at + 4), this.#slotOf(old[at]!, old[at + 1]!))
    }
  }
}

const SLOTS_MIN = 1024
