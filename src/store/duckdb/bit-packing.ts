/** Least significant bit first. */
export function putBits(
  out: Uint8Array,
  { bit, width, value }: { bit: number; width: number; value: number },
): void {
  let rest = value
  let left = width
  let at = bit
  while (left > 0) {
    const room = 8 - (at & 7)
    const take = room < left ? room : left
    const index = Math.floor(at / 8)
    out[index] = out[index]! | ((rest % (1 << take)) << (at & 7))
    rest = Math.floor(rest / (1 << take))
    left -= take
    at += take
  }
}

/** The RLE / bit-packing hybrid: `<count << 1> <value>` for runs, `<groups of 8 << 1 | 1> <packed>` for the rest. */
export function runs(values: Int32Array, width: number): Uint8Array {
  const valueBytes = Math.ceil(width / 8)
  const out = Buffer.allocUnsafe(16 + Math.ceil(values.length / 8) * (width + 6))
  let at = 0
  const head = (value: number): void => {
    let rest = value
    while (rest >= 128) {
      out[at++] = (rest & 127) | 128
      rest >>>= 7
    }
    out[at++] = rest
  }
  let start = 0
  while (start < values.length) {
    const run = runLength(values, start)
    if (run >= 8) {
      head(run << 1)
      for (let i = 0; i < valueBytes; i++) out[at++] = (values[start]! >>> (8 * i)) & 255
      start += run
      continue
    }
    let groups = 0
    let end = start
    // Packed values come in eights; padding is only allowed at the very end.
    while (end < values.length && groups < 63 && (groups === 0 || runLength(values, end) < 8)) {
      groups++
      end += 8
    }
    head((groups << 1) | 1)
    out.fill(0, at, at + groups * width)
    const last = Math.min(end, values.length)
    for (let i = start; i < last; i++)
      putBits(out, { bit: at * 8 + (i - start) * width, width, value: values[i]! })
    at += groups * width
    start = end
  }
  return out.subarray(0, at)
}

function runLength(values: Int32Array, start: number): number {
  const value = values[start]
  let end = start + 1
  while (end < values.length && values[end] === value) end++
  return end - start
}
