import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** One figure of a benchmark, with what it is held against. */
export interface Measurement {
  readonly name: string
  readonly value: number
  /** As it is printed: `lines/s`, `MB/s`, `ms`, `MB`, `%`, `s/M lines`. */
  readonly unit: string
  /** What was promised, in the same unit. */
  readonly target?: { readonly atLeast: number } | { readonly atMost: number }
  /** Physical limits and rivals, measured in the same run, in the same unit. */
  readonly beside?: readonly { readonly name: string; readonly value: number }[]
  /** Measured and shown, but no promise: what it was measured under. */
  readonly remark?: string
}

/** What one benchmark says; a file of `benchmarks/results/`. */
export interface Subject {
  readonly subject: string
  /** How it was measured: sentences for the page. */
  readonly about: string
  /** Made from what is measured while it runs: sizes, counts, versions of rivals. */
  readonly notes?: readonly string[]
  readonly measurements: readonly Measurement[]
}

/** Prints a table and, with `--json FILE`, writes the subject there. */
export function report(subject: Subject, jsonFile: string | undefined): void {
  process.stdout.write(`\n${subject.subject}\n`)
  for (const one of subject.measurements) {
    const beside = (one.beside ?? []).map(({ name, value }) => `${name} ${shown(value)}`).join(', ')
    process.stdout.write(
      `${one.name.padEnd(58)}${shown(one.value).padStart(12)} ${one.unit.padEnd(12)}${targetText(one).padEnd(18)}${verdictOf(one).padEnd(15)}${beside}\n`,
    )
  }
  for (const note of subject.notes ?? []) process.stdout.write(`${note}\n`)
  if (jsonFile === undefined) return
  mkdirSync(dirname(jsonFile), { recursive: true })
  writeFileSync(jsonFile, `${JSON.stringify(rounded(subject), null, 2)}\n`)
}

export function verdictOf({ value, target }: Measurement): 'holds' | 'does not hold' | '' {
  if (target === undefined) return ''
  const holds = 'atLeast' in target ? value >= target.atLeast : value <= target.atMost
  return holds ? 'holds' : 'does not hold'
}

export function targetText({ target, unit }: Measurement): string {
  if (target === undefined) return ''
  return 'atLeast' in target ? `≥ ${shown(target.atLeast)} ${unit}` : `≤ ${shown(target.atMost)} ${unit}`
}

export function shown(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en', { maximumFractionDigits: digits })
}

export function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5)
}

/** Nearest rank: a value that was measured, never one between two. */
export function quantile(numbers: readonly number[], share: number): number {
  if (numbers.length === 0) throw new Error('no value was measured')
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!
}

/** Five significant digits say all that a measurement knows, and keep the files small. */
function rounded(subject: Subject): Subject {
  const few = (value: number): number => Number(value.toPrecision(5))
  return {
    ...subject,
    measurements: subject.measurements.map((one) => ({
      ...one,
      value: few(one.value),
      ...(one.beside === undefined
        ? {}
        : { beside: one.beside.map(({ name, value }) => ({ name, value: few(value) })) }),
    })),
  }
}
