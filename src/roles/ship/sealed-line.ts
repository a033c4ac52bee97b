import { crc32 } from 'node:zlib'

/**
 * The shipper's own files are lines: `<crc32, 8 hex digits> <JSON>\n`. The checksum covers the JSON. A torn line, a flipped bit and
 * a file that was cut all show, and a person can read the rest.
 */
export function sealLine(value: object): string {
  const json = JSON.stringify(value)
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`
}

export interface SealedLines {
  readonly values: readonly unknown[]
  /**
   * `torn`: only the end is bad, as a crash in the middle of an append leaves it. `corrupt`: a bad line has good ones after
   * it, so something else changed the file.
   */
  readonly end: 'whole' | 'torn' | 'corrupt'
}

export function readSealedLines(text: string): SealedLines {
  const values: unknown[] = []
  const lines = text.split('\n')
  const tail = lines.pop()
  let bad = tail === '' ? undefined : lines.length
  for (const [index, line] of lines.entries()) {
    const value = unseal(line)
    if (value === undefined) bad = Math.min(bad ?? index, index)
    else if (bad !== undefined && index > bad) return { values, end: 'corrupt' }
    else values.push(value)
  }
  return { values, end: bad === undefined ? 'whole' : 'torn' }
}

function unseal(line: string): unknown {
  if (line[8] !== ' ') return undefined
  const json = line.slice(9)
  if (Number.parseInt(line.slice(0, 8), 16) !== crc32(json)) return undefined
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
