/**
 * Reads the Journal Export Format (systemd.io/JOURNAL_EXPORT_FORMATS):
 *
 *     stream = *( entry LF )
 *     entry  = 1*( text / binary )
 *     text   = NAME "=" value LF                    the value is UTF-8 without control characters
 *     binary = NAME LF length value LF              length: 64 bits, little-endian
 *
 * This is the hot path of the journal. Invariants: each byte is looked at once, what is kept of a field is at most `fieldMax` and of an
 * entry `entryMax` bytes, and nothing given out points into a chunk that comes later.
 */

export interface ExportedEntry {
  /** In the order in which they came; a name may come more than once. */
  readonly fields: readonly ExportedField[]
  /** Bytes that were not kept. */
  readonly cutBytes: number
}

export interface ExportedField {
  readonly name: string
  readonly value: Buffer
}

export interface ExportLimits {
  readonly fieldMax: number
  readonly entryMax: number
}

const LF = 0x0a
const EQUALS = 0x3d
const NAME_MAX = 64
/** systemd's own bound (DATA_SIZE_MAX) is 768 MiB; a length above this is no length. */
const LENGTH_MAX = 2n ** 32n

type State = 'line' | 'length' | 'value' | 'end'

export class ExportReader {
  readonly #limits: ExportLimits
  #state: State = 'line'
  #kept: Buffer[] = []
  #keptBytes = 0
  #name = ''
  #leftBytes = 0
  #fields: ExportedField[] = []
  #entryBytes = 0
  #cutBytes = 0

  constructor(limits: ExportLimits) {
    this.#limits = limits
  }

  /** The entries that end in the chunk. False as second value: what came is not of this format, and the reader is of no use any more. */
  read(chunk: Buffer, onEntry: (entry: ExportedEntry) => void): boolean {
    for (let at = 0; at < chunk.length; ) {
      switch (this.#state) {
        case 'line': {
          const newline = chunk.indexOf(LF, at)
          const end = newline === -1 ? chunk.length : newline
          this.#keep(chunk.subarray(at, end))
          at = end + 1
          if (newline !== -1 && !this.#line(onEntry)) return false
          break
        }
        case 'length':
          at = this.#length(chunk, at)
          if (at === -1) return false
          break
        case 'value': {
          const end = Math.min(chunk.length, at + this.#leftBytes)
          this.#keep(chunk.subarray(at, end))
          this.#leftBytes -= end - at
          at = end
          if (this.#leftBytes === 0) this.#state = 'end'
          break
        }
        case 'end':
          if (chunk[at++] !== LF) return false
          this.#add(this.#name, this.#take())
          this.#state = 'line'
      }
    }
    return true
  }

  #line(onEntry: (entry: ExportedEntry) => void): boolean {
    const line = this.#take()
    if (line.length === 0) {
      if (this.#fields.length > 0) onEntry({ fields: this.#fields, cutBytes: this.#cutBytes })
      this.#fields = []
      this.#entryBytes = 0
      this.#cutBytes = 0
      return true
    }
    const equals = line.indexOf(EQUALS)
    const nameEnd = equals === -1 ? line.length : equals
    if (nameEnd > NAME_MAX || nameEnd === 0) return false
    const name = line.toString('latin1', 0, nameEnd)
    if (equals !== -1) {
      this.#add(name, line.subarray(equals + 1))
      return true
    }
    this.#name = name
    this.#state = 'length'
    return true
  }

  /** Where to go on; -1: it is no length. */
  #length(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + 8 - this.#keptBytes)
    this.#keep(chunk.subarray(at, end))
    if (this.#keptBytes < 8) return end
    const length = this.#take().readBigUInt64LE()
    if (length > LENGTH_MAX) return -1
    this.#leftBytes = Number(length)
    this.#state = length === 0n ? 'end' : 'value'
    return end
  }

  #keep(bytes: Buffer): void {
    const room = this.#limits.fieldMax - this.#keptBytes
    if (bytes.length > room) this.#cutBytes += bytes.length - room
    const kept = bytes.length > room ? bytes.subarray(0, room) : bytes
    if (kept.length === 0) return
    this.#kept.push(kept)
    this.#keptBytes += kept.length
  }

  #take(): Buffer {
    const whole = this.#kept.length === 1 ? this.#kept[0]! : Buffer.concat(this.#kept)
    this.#kept = []
    this.#keptBytes = 0
    return whole
  }

  #add(name: string, value: Buffer): void {
    if (this.#entryBytes + value.length > this.#limits.entryMax) {
      this.#cutBytes += value.length
      return
    }
    this.#entryBytes += value.length + name.length
    this.#fields.push({ name, value })
  }
}
