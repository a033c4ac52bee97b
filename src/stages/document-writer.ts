/** Documents under construction: one growing buffer, used again for each batch. Callers reserve, then write at `at`. */
export class DocumentWriter {
  bytes: Buffer = Buffer.allocUnsafeSlow(1024 * 1024)
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

  text(text: string): void {
    this.reserve(text.length * 3)
    this.at += this.bytes.write(text, this.at, 'utf8')
  }

  /** A copy of what was written; the writer is empty afterwards. A buffer that one batch made huge is given back. */
  take(): Uint8Array {
    const copy = new Uint8Array(this.bytes.subarray(0, this.at))
    this.at = 0
    if (this.bytes.length > KEPT_BYTES_MAX) this.bytes = Buffer.allocUnsafeSlow(KEPT_BYTES_MAX)
    return copy
  }
}

const KEPT_BYTES_MAX = 8 * 1024 * 1024

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
