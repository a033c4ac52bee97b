/** Documents under construction: one growing buffer a batch. Callers reserve, then write at `at`. */
export class DocumentWriter {
  bytes: Buffer = Buffer.allocUnsafeSlow(64 * 1024)
  at = 0

  /** Makes room for `count` more bytes. `bytes` may be another buffer afterwards. */
  reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return
    let size = this.bytes.length * 2
    while (size < this.at + count) size *= 2
    const larger = Buffer.allocUnsafeSlow(size)
    this.bytes.copy(larger, 0, 0, this.at)
    this.bytes = larger
  }

  byte(value: number): void {
    if (this.at === this.bytes.length) this.reserve(1)
    this.bytes[this.at++] = value
  }

  text(text: string): void {
    this.reserve(text.length * 3)
    this.at += this.bytes.write(text, this.at, 'utf8')
  }

  /** What was written, handed over without a copy; the writer goes on with a buffer of its own. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.at)
    // Whole words of four bytes.
    this.bytes = Buffer.allocUnsafeSlow((Math.max(SIZE_MIN, Math.min(this.at * 2, SIZE_MAX)) + 3) & ~3)
    this.at = 0
    return taken
  }
}

const SIZE_MIN = 64 * 1024
const SIZE_MAX = 4 * 1024 * 1024

/** Copies a constant piece. Returns where it ends. */
export function put(out: Buffer, at: number, piece: Uint8Array): number {
  out.set(piece, at)
  return at + piece.length
}

/** Decimal digits of a non-negative safe integer. Returns where they end. */
export function putInteger(out: Buffer, at: number, value: number): number {
  if (value >= 1e9) return at + out.write(String(value), at, 'latin1')
  let size = 1
  for (let limit = 10; value >= limit; limit *= 10) size++
  let rest = value
  for (let i = at + size - 1; i >= at; i--) {
    const next = (rest / 10) | 0
    out[i] = 48 + rest - next * 10
    rest = next
  }
  return at + size
}
