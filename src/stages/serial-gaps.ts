import type { JoinedHeader } from '../ports/joined-format.ts'

/** Serials that never came. */
export interface SerialGap {
  readonly origin: string
  readonly first: number
  readonly last: number
  /** Record that showed it. */
  readonly seq: number
}

/** A serial that has not come so much later, by the records' own times or by what else has come, will not come any more. */
const WAIT_SECONDS = 2
const WAIT_RECORDS = 2048
/** Serials that are remembered behind one that is missing. */
const AHEAD_MAX = 4096
/** Machines in one stream whose serials are followed; of more the oldest are forgotten. */
const ORIGINS_MAX = 256
/** Serials are unsigned 32-bit numbers that roll over. */
const ROLL = 2 ** 32

interface Seen {
  readonly seq: number
  readonly time: number
}

interface Numbering {
  /** The lowest serial that is not accounted for. */
  next: number
  /** Serials above it that have come, and when. */
  readonly ahead: Map<number, Seen>
  /** The earliest of them. */
  oldest: Seen
  /** The latest time of a record. */
  time: number
}

const NEVER: Seen = { seq: Number.POSITIVE_INFINITY, time: Number.POSITIVE_INFINITY }

/**
 * Follows the serials of each origin and says which of them never came. It knows nothing before the first record that it sees, so it
 * never says anything about that. A serial below the expected ones with a later time is a writer that has begun anew.
 */
export class SerialGaps {
  readonly #numberings = new Map<string, Numbering>()
  readonly #gaps: SerialGap[] = []
  #last: Numbering | undefined
  #lastOrigin = ''

  /** Gaps that are certain now; each is given once. */
  take(): readonly SerialGap[] {
    return this.#gaps.splice(0)
  }

  see(header: JoinedHeader, seq: number): void {
    const { origin, serial } = header
    const time = header.seconds + header.nanos / 1e9
    const numbering = this.#of(origin)
    if (numbering === undefined) {
      this.#begin(origin, serial, time)
      return
    }
    if (numbering.ahead.size > 0) this.#settle(origin, numbering, time, seq)
    const distance = (serial - numbering.next + ROLL) % ROLL
    if (distance === 0) {
      numbering.next = (serial + 1) % ROLL
      this.#closeUp(numbering)
    } else if (distance > ROLL / 2) {
      if (time - numbering.time > WAIT_SECONDS && ROLL - distance > 1) this.#restart(origin, serial, time)
    } else if (time < numbering.time - WAIT_SECONDS) {
      this.#restart(origin, serial, time)
    } else {
      if (!numbering.ahead.has(serial)) {
        const seen = { seq, time }
        numbering.ahead.set(serial, seen)
        if (numbering.ahead.size === 1) numbering.oldest = seen
      }
      if (numbering.ahead.size > AHEAD_MAX) this.#giveUp(origin, numbering)
    }
    if (time > numbering.time) numbering.time = time
  }

  /** Nothing more is awaited of what is missing. */
  settleAll(): void {
    for (const [origin, numbering] of this.#numberings) {
      while (numbering.ahead.size > 0) this.#giveUp(origin, numbering)
    }
  }

  /** Forgets everything: what is missing from here on is known, or cannot be known. */
  reset(): void {
    this.#numberings.clear()
    this.#last = undefined
  }

  #of(origin: string): Numbering | undefined {
    if (this.#last !== undefined && this.#lastOrigin === origin) return this.#last
    const found = this.#numberings.get(origin)
    if (found === undefined) return undefined
    this.#last = found
    this.#lastOrigin = origin
    return found
  }

  #begin(origin: string, serial: number, time: number): void {
    if (this.#numberings.size >= ORIGINS_MAX) {
      this.#numberings.delete(this.#numberings.keys().next().value!)
      this.#last = undefined
    }
    const next = (serial + 1) % ROLL
    this.#numberings.set(origin, { next, ahead: new Map(), oldest: NEVER, time })
  }

  /** The writer counts anew. What was still awaited of its earlier numbers is lost. */
  #restart(origin: string, serial: number, time: number): void {
    const numbering = this.#numberings.get(origin)!
    while (numbering.ahead.size > 0) this.#giveUp(origin, numbering)
    numbering.next = (serial + 1) % ROLL
    numbering.time = time
  }

  #settle(origin: string, numbering: Numbering, time: number, seq: number): void {
    while (time - numbering.oldest.time > WAIT_SECONDS || seq - numbering.oldest.seq > WAIT_RECORDS)
      this.#giveUp(origin, numbering)
  }

  /** The next serials that are missing are lost. */
  #giveUp(origin: string, numbering: Numbering): void {
    const { next, ahead } = numbering
    let distance = ROLL
    for (const serial of ahead.keys()) distance = Math.min(distance, (serial - next + ROLL) % ROLL)
    const after = (next + distance) % ROLL
    this.#gaps.push({ origin, first: next, last: (after - 1 + ROLL) % ROLL, seq: ahead.get(after)!.seq })
    numbering.next = after
    this.#closeUp(numbering)
    let oldest = NEVER
    for (const seen of ahead.values()) if (seen.seq < oldest.seq) oldest = seen
    numbering.oldest = oldest
  }

  #closeUp(numbering: Numbering): void {
    while (numbering.ahead.delete(numbering.next)) numbering.next = (numbering.next + 1) % ROLL
    if (numbering.ahead.size === 0) numbering.oldest = NEVER
  }
}
