const UNITS = [
  ['d', 864e5],
  ['h', 36e5],
  ['min', 6e4],
  ['s', 1e3],
] as const

/** An age for a person: `3 d`, `2 h`, `45 s`. */
export function ageOf(ms: number): string {
  for (const [name, unitMs] of UNITS) {
    if (ms >= (name === 's' ? unitMs : 2 * unitMs)) return `${Math.floor(ms / unitMs)} ${name}`
  }
  return '0 s'
}

export function sizeOf(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  const power = Math.min(4, Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1000 ** power
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${['B', 'kB', 'MB', 'GB', 'TB'][power]}`
}

export function countOf(count: number): string {
  return count.toLocaleString('en-US', { maximumFractionDigits: 0 })
}

export function counted(count: number, what: string): string {
  return `${countOf(count)} ${what}${count === 1 ? '' : 's'}`
}
