/**
 * Documents of one batch share most of their bytes: everything that the shipper says of the source. Runs of neighbouring
 * top-level members that were the same in two documents are compared in one go in the next ones, and not read.
 *
 * A run is only a shortcut: it is found by comparing bytes that were read, and used when the bytes are the same again at
 * the same member.
 */
export interface RunValue {
  readonly column: number
  readonly kind: number
  /** From the run's start on. */
  readonly start: number
  readonly end: number
}

export interface Run {
  readonly firstMember: number
  readonly lastMember: number
  /** From the first member's key to the last one's end. */
  readonly bytes: Buffer
  readonly values: readonly RunValue[]
  /** It was used for the document before, so its values are that document's. */
  isSettled: boolean
}

const MEMBERS_MAX = 64
/** Shorter ones are read as fast as compared. */
const BYTES_MIN = 64
/** After so many documents without a use a run is looked for only now and then. */
const MISSES_MAX = 8
const PAUSE = 32

/** Positions of the top-level members of a document. */
class Members {
  bytes: Buffer = Buffer.alloc(0)
  readonly starts = new Int32Array(MEMBERS_MAX)
  readonly ends = new Int32Array(MEMBERS_MAX)
  count = 0
}

export class RunFinder {
  readonly #runs: Run[] = []
  /** The run that the next member may begin. */
  #next = 0
  #missed = false
  #current = new Members()
  #previous = new Members()
  #misses = 0
  #pause = 0

  begin(bytes: Uint8Array): void {
    const { buffer, byteOffset, byteLength } = bytes
    if (this.#current.bytes.buffer !== buffer || this.#current.bytes.byteOffset !== byteOffset) {
      this.#current.bytes = Buffer.from(buffer, byteOffset, byteLength)
    }
    this.#current.count = 0
    this.#next = 0
    this.#missed = this.#runs.length === 0
  }

  /** The run that member number `member` begins, when its bytes are at `at`. */
  matchAt(member: number, at: number, end: number): Run | undefined {
    let run = this.#runs[this.#next]
    while (run !== undefined && run.firstMember < member) run = this.#runs[++this.#next]
    if (run === undefined || run.firstMember !== member) return undefined
    const { bytes } = run
    const to = at + bytes.byteLength
    const isThere = to < end && this.#current.bytes.compare(bytes, 0, bytes.byteLength, at, to) === 0
    // What follows must end the member: `"a":1` is not the run's when `"a":12` is there.
    const next = this.#current.bytes[to]
    if (isThere && (next === 0x2c || next === 0x7d)) return run
    run.isSettled = false
    this.#missed = true
    return undefined
  }

  /** A member that was read. */
  member(at: number, start: number, end: number): void {
    if (at >= MEMBERS_MAX) return
    const current = this.#current
    for (let skipped = current.count; skipped < at; skipped++) current.ends[skipped] = -1
    current.starts[at] = start
    current.ends[at] = end
    current.count = at + 1
  }

  /** After a document that is good: looks for new runs when one of the old did not fit. */
  end(valuesOf: (run: { start: number; end: number }) => RunValue[] | undefined): void {
    for (const run of this.#runs.slice(this.#next))
      if (run.firstMember >= this.#current.count) run.isSettled = false
    if (!this.#missed) {
      this.#misses = 0
      return
    }
    if (this.#pause > 0) {
      this.#pause--
      return
    }
    if (++this.#misses > MISSES_MAX) this.#pause = PAUSE
    this.#find(valuesOf)
    const previous = this.#previous
    this.#previous = this.#current
    this.#current = previous
  }

  /** The document was none: neither it nor a run is to be compared with. */
  reset(): void {
    this.unsettle()
    this.#previous.count = 0
  }

  /** The next document does not repeat the values of this one. */
  unsettle(): void {
    for (const run of this.#runs) run.isSettled = false
  }

  #find(valuesOf: (run: { start: number; end: number }) => RunValue[] | undefined): void {
    const [now, before] = [this.#current, this.#previous]
    this.#runs.length = 0
    const count = Math.min(now.count, before.count)
    for (let first = 0; first < count; first++) {
      let last = first - 1
      while (last + 1 < count && isSame(now, before, last + 1)) last++
      if (last < first) continue
      const [start, end] = [now.starts[first]!, now.ends[last]!]
      const values = end - start < BYTES_MIN ? undefined : valuesOf({ start, end })
      if (values !== undefined) {
        const bytes = Buffer.from(now.bytes.subarray(start, end))
        this.#runs.push({ firstMember: first, lastMember: last, bytes, values, isSettled: true })
      }
      first = last
    }
  }
}

/** Members that were compared as part of a run have no positions. */
function isSame(now: Members, before: Members, at: number): boolean {
  const [start, end] = [now.starts[at]!, now.ends[at]!]
  const [from, to] = [before.starts[at]!, before.ends[at]!]
  if (end < 0 || to < 0 || end - start !== to - from) return false
  return now.bytes.compare(before.bytes, from, to, start, end) === 0
}
