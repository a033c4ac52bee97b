import type { SpooledMark } from '../../core/spooled-record.ts'

/**
 * Where a message ends on a connection (RFC 6587, RFC 5425, and what glibc's syslog(3) does on a stream socket):
 *
 *     frame   = counted | line
 *     counted = NONZERO *DIGIT SP message          so many bytes; the message may hold newlines
 *     line    = message ( LF | CR LF | NUL )       LF or NUL, whichever the connection shows first
 *
 * Each frame says itself which of the two it is, so a connection may mix them. A count is taken for one only before `<PRI>`, unless
 * the connection has counted before. The terminator that a connection does not use ends a message where `<` and a digit follow, and
 * is then the one that it uses. So only the first message of a connection that ends them with NUL may not hold a newline.
 */
export interface FramerOptions {
  /** Bytes of a message that are kept. The rest, up to its end, is thrown away and counted. */
  readonly recordMax: () => number
  readonly take: (record: Buffer, mark: SpooledMark | undefined) => void
}

const LF = 0x0a
const CR = 0x0d
const NUL = 0x00
const SPACE = 0x20
const LESS = 0x3c
const GREATER = 0x3e
const NOTHING = Buffer.alloc(0)

/** A larger count is none: nobody sends that, and garbage may look so. */
const COUNT_MAX = 64 * 1024 * 1024
const COUNT_DIGITS_MAX = 8
const CHUNKS_MAX = 256
const MORE = -1

export class Framer {
  /** Bytes thrown away because their message was too long. */
  discardedBytes = 0
  /** A counted frame ended where no other begins: where the next one begins, nobody knows. What comes is not looked at. */
  isLost = false
  readonly #options: FramerOptions
  #phase: 'start' | 'counted' | 'line' = 'start'
  #chunks: Buffer[] = []
  #heldBytes = 0
  /** Of a counted frame: bytes that are still to come. */
  #missing = 0
  /** The message was cut, and its rest is on the way. */
  #isDiscarding = false
  #hasCounted = false
  #hasLines = false
  #terminator: number | undefined

  constructor(options: FramerOptions) {
    this.#options = options
  }

  /** Bytes of a message that is not complete. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** What is passed on are parts of `chunk`, where a message lies in one: it must not change any more. */
  push(chunk: Buffer): void {
    if (this.isLost) return
    let bytes = chunk
    if (this.#phase === 'start' && this.#heldBytes > 0) bytes = Buffer.concat([this.#takeHeld(), chunk])
    for (let at = 0; at < bytes.length && !this.isLost; ) {
      if (this.#phase === 'start') at = this.#begin(bytes, at)
      else at = this.#phase === 'counted' ? this.#readCounted(bytes, at) : this.#readLine(bytes, at)
    }
    this.#letGo()
  }

  /** Nothing follows: what there is of a message is taken as it is. */
  finish(): void {
    if (this.#heldBytes > 0) {
      const held = this.#takeHeld()
      const isWhole = this.#phase === 'line' && (held.at(-1) === NUL || held.at(-1) === LF)
      this.#emit(held, isWhole ? undefined : 'partial')
    }
    this.#reset()
  }

  #begin(bytes: Buffer, from: number): number {
    let at = from
    while (at < bytes.length && (bytes[at] === LF || bytes[at] === CR || bytes[at] === NUL)) at++
    if (at === bytes.length) return at
    const start = this.#readCount(bytes, at)
    if (start === MORE) {
      this.#hold(bytes.subarray(at))
      return bytes.length
    }
    if (this.#missing > 0) {
      this.#phase = 'counted'
      this.#hasCounted = true
      return start
    }
    if (this.#hasCounted && !this.#hasLines && bytes[at] !== LESS) {
      this.isLost = true
      this.#hold(bytes.subarray(at, at + this.#options.recordMax()))
      return bytes.length
    }
    this.#phase = 'line'
    this.#hasLines = true
    return at
  }

  /** Sets `#missing` and returns where the message begins; MORE when that is not to be seen yet. Without a count: `at`. */
  #readCount(bytes: Buffer, from: number): number {
    this.#missing = 0
    let at = from
    let count = 0
    while (at < bytes.length && isDigit(bytes[at]!) && at - from < COUNT_DIGITS_MAX)
      count = count * 10 + bytes[at++]! - 48
    if (at === from || bytes[from] === 48) return from
    if (at === bytes.length) return MORE
    if (bytes[at] !== SPACE || count > COUNT_MAX) return from
    const start = at + 1
    if (!this.#hasCounted || this.#hasLines) {
      const isMessage = beginsWithPriority(bytes, start)
      if (isMessage !== true) return isMessage === undefined ? MORE : from
    }
    this.#missing = count
    return start
  }

  #readCounted(bytes: Buffer, at: number): number {
    const end = Math.min(at + this.#missing, bytes.length)
    this.#missing -= end - at
    this.#add(bytes.subarray(at, end))
    if (this.#missing === 0) this.#complete()
    return end
  }

  #readLine(bytes: Buffer, from: number): number {
    if (this.#heldBytes > 0 && this.#endsBetween(bytes, from)) return from
    const end = this.#findEnd(bytes, from)
    this.#add(bytes.subarray(from, end === -1 ? bytes.length : end))
    if (end === -1) return bytes.length
    this.#complete()
    return end + 1
  }

  #findEnd(bytes: Buffer, from: number): number {
    if (this.#terminator === undefined) {
      const line = bytes.indexOf(LF, from)
      const zero = bytes.subarray(0, line === -1 ? bytes.length : line).indexOf(NUL, from)
      if (line === -1 && zero === -1) return -1
      this.#terminator = zero === -1 ? LF : NUL
      return zero === -1 ? line : zero
    }
    const end = bytes.indexOf(this.#terminator, from)
    const other = this.#terminator === LF ? NUL : LF
    const within = end === -1 ? bytes : bytes.subarray(0, end)
    for (let at = within.indexOf(other, from); at !== -1; at = within.indexOf(other, at + 1)) {
      if (bytes[at + 1] !== LESS || !isDigit(bytes[at + 2] ?? 0)) continue
      this.#terminator = other
      return at
    }
    return end
  }

  /** The other terminator was the last that came, or all but its `<`: does a message begin now? */
  #endsBetween(bytes: Buffer, at: number): boolean {
    if (this.#terminator === undefined || this.#isDiscarding) return false
    const other = this.#terminator === LF ? NUL : LF
    const last = this.#chunks.at(-1)!
    const before = last.length > 1 ? last.at(-2) : this.#chunks.at(-2)?.at(-1)
    const isSplit = before === other && last.at(-1) === LESS && isDigit(bytes[at]!)
    if (!isSplit && !(last.at(-1) === other && bytes[at] === LESS && isDigit(bytes[at + 1] ?? 0)))
      return false
    this.#terminator = other
    const held = this.#takeHeld()
    this.#emit(held.subarray(0, isSplit ? -2 : -1), undefined)
    this.#reset()
    if (isSplit) {
      this.#phase = 'line'
      this.#hold(FIRST)
    }
    return true
  }

  /** Adds to the message, as much as may be kept. */
  #add(part: Buffer): void {
    if (part.length === 0) return
    if (this.#isDiscarding) {
      this.discardedBytes += part.length
      return
    }
    const room = Math.max(0, this.#options.recordMax() - this.#heldBytes)
    this.#hold(part.length <= room ? part : part.subarray(0, room))
    if (part.length <= room) return
    this.discardedBytes += part.length - room
    this.#isDiscarding = true
    this.#options.take(this.#takeHeld(), 'truncated')
  }

  #complete(): void {
    if (!this.#isDiscarding && this.#heldBytes > 0) this.#emit(this.#takeHeld(), undefined)
    this.#reset()
  }

  #emit(record: Buffer, mark: SpooledMark | undefined): void {
    let end = record.length
    // A counted message may count its newline; a line may end as Windows does.
    if (end > 0 && (record[end - 1] === LF || record[end - 1] === NUL)) end--
    if (end > 0 && record[end - 1] === CR) end--
    if (end > 0) this.#options.take(record.subarray(0, end), mark)
  }

  #hold(part: Buffer): void {
    if (part.length === 0) return
    this.#chunks.push(part)
    this.#heldBytes += part.length
  }

  /** What is held for long must not keep the whole of a large chunk alive, nor be a thousand small ones. */
  #letGo(): void {
    const last = this.#chunks.at(-1)
    if (last === undefined) return
    if (this.#chunks.length > CHUNKS_MAX) this.#chunks = [Buffer.concat(this.#chunks)]
    else if (last.length < last.buffer.byteLength / 2)
      this.#chunks[this.#chunks.length - 1] = Buffer.from(last)
  }

  #takeHeld(): Buffer {
    const chunks = this.#chunks
    this.#chunks = []
    this.#heldBytes = 0
    if (chunks.length < 2) return chunks[0] ?? NOTHING
    return Buffer.concat(chunks)
  }

  #reset(): void {
    this.#phase = 'start'
    this.#missing = 0
    this.#isDiscarding = false
  }
}

const FIRST = Buffer.from('<')

/** `<0>` to `<999>`; undefined: more bytes are needed to tell. */
function beginsWithPriority(bytes: Buffer, from: number): boolean | undefined {
  if (from >= bytes.length) return undefined
  if (bytes[from] !== LESS) return false
  let at = from + 1
  while (at < bytes.length && at - from <= 3 && isDigit(bytes[at]!)) at++
  if (at === bytes.length) return undefined
  return at > from + 1 && bytes[at] === GREATER
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57
}
