import { parseInstant } from '../core/instant.ts'
import type { TimeRange } from '../ports/store.ts'
import { ProblemError } from './problems.ts'

/** The parameters of one request. Unknown and repeated ones are refused: ignored, they would answer another question. */
export type Parameters = ReadonlyMap<string, string>

export function readParameters(request: Request, known: readonly string[]): Parameters {
  const values = new Map<string, string>()
  for (const [name, value] of new URL(request.url).searchParams) {
    if (!known.includes(name)) {
      const list = known.length === 0 ? 'this path takes none' : `this path takes ${known.join(', ')}`
      throw wrong(`unknown parameter ${shown(name)}: ${list}`)
    }
    if (values.has(name)) throw wrong(`parameter "${name}" is there twice`)
    values.set(name, value)
  }
  return values
}

export function wholeNumber(
  values: Parameters,
  name: string,
  bounds: { readonly min: number; readonly max: number; readonly fallback: number; readonly hint?: string },
): number {
  const text = values.get(name)
  if (text === undefined || text === '') return bounds.fallback
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (value >= bounds.min && value <= bounds.max) return value
  const hint = bounds.hint === undefined ? '' : `; ${bounds.hint}`
  throw wrong(`"${name}" is a whole number from ${bounds.min} to ${bounds.max}, not ${shown(text)}${hint}`)
}

export function choice<T extends string>(values: Parameters, name: string, choices: readonly [T, ...T[]]): T {
  const text = values.get(name)
  if (text === undefined || text === '') return choices[0]
  const chosen = choices.find((candidate) => candidate === text)
  if (chosen === undefined) throw wrong(`"${name}" is one of ${choices.join(', ')}, not ${shown(text)}`)
  return chosen
}

export function required(values: Parameters, name: string): string {
  const text = values.get(name)
  if (text === undefined || text === '') throw wrong(`"${name}" is missing`)
  return text
}

/** `from` and `to`, where they are given. */
export function timeRange(values: Parameters, nowMs: number): TimeRange {
  const fromNs = instant(values, 'from', nowMs)
  const toNs = instant(values, 'to', nowMs)
  if (fromNs !== undefined && toNs !== undefined && fromNs > toNs) {
    throw wrong('"from" lies after "to": exchange them')
  }
  return { ...(fromNs === undefined ? {} : { fromNs }), ...(toNs === undefined ? {} : { toNs }) }
}

function instant(values: Parameters, name: string, nowMs: number): bigint | undefined {
  const text = values.get(name)
  if (text === undefined || text === '') return undefined
  const parsed = parseInstant(text, nowMs)
  if (parsed === undefined) {
    throw wrong(
      `"${name}" is a time such as 2026-11-24, 2026-11-24T10:00:00Z, 1795514400000 or now-15m, not ${shown(text)}`,
    )
  }
  return parsed.fromNs
}

function wrong(detail: string): ProblemError {
  return new ProblemError('parameter-invalid', detail)
}

function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}
