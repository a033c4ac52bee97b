import type { Draft, Json, JsonObject } from '../../core/document.ts'
import { JSON_DEPTH_MAX } from '../../core/limits.ts'
import type { FormatContext } from '../../ports/format.ts'
import { isObject, note } from './document.ts'
import { scanJson } from './json-scan.ts'
import { readIso } from './time.ts'

/**
 * The object that a whole text is, or undefined; also where it is nested deeper than any of these formats is, so that what
 * follows may walk it. Nothing is said in a draft: the text may be of another format.
 */
export function readObject(text: string): JsonObject | undefined {
  let at = 0
  while (text.charCodeAt(at) === 32) at++
  if (text.charCodeAt(at) !== 123) return undefined
  const value = parseJson(text)
  return isObject(value) && (text.length < 2 * JSON_DEPTH_MAX || isShallow(value)) ? value : undefined
}

/** Walks no deeper than the limit. */
export function isShallow(value: Json, levels = JSON_DEPTH_MAX): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (levels === 0) return false
  if (Array.isArray(value)) return value.every((part) => isShallow(part, levels - 1))
  for (const name in value) if (!isShallow(value[name]!, levels - 1)) return false
  return true
}

/** Any JSON value, or undefined. */
export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/**
 * Keeps the exact text of a JSON record, for it cannot be rebuilt from the document, and says what was odd about it. Behind a
 * header of syslog the header is part of it.
 */
export function keepJson(text: string, draft: Draft): void {
  keepText(text, draft)
  if (hasLongNumber(text) && scanJson(text).oddNumber) note(draft, 'json-number-precision')
  if (text.includes('__proto__')) note(draft, 'json-proto-key')
}

const LONG = 16

/** Sixteen digits in a row: they cover every sixteenth place of the text, so only those are looked at. */
function hasLongNumber(text: string): boolean {
  for (let at = LONG - 1; at < text.length; at += LONG) {
    if (!isDigit(text, at)) continue
    let start = at
    while (isDigit(text, start - 1) && at - start < LONG) start--
    let end = at + 1
    while (isDigit(text, end) && end - start < LONG) end++
    if (end - start >= LONG) return true
  }
  return false
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code >= 48 && code <= 57
}

/** `event.original` where `message` becomes another text than what stood there. */
export function keepText(text: string, draft: Draft): void {
  if (draft.original !== undefined) return
  const decklog = draft.fields['decklog']
  const header = isObject(decklog) ? decklog['header'] : undefined
  draft.original = typeof header === 'string' ? header + text : text
}

/** A string, '' for anything else. */
export function str(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

/** A string, or a number or boolean written as one; undefined for anything else and for an empty one. */
export function textOf(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

/** An integer, also one that is written as a string (protobuf's JSON does so with 64 bits). */
export function intOf(value: Json | undefined): number | undefined {
  const number = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined
}

export function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : NONE
}

const NONE: JsonObject = Object.freeze(Object.create(null) as JsonObject)

export function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}

export function objectsOf(value: Json | undefined): readonly JsonObject[] {
  return listOf(value).filter(isObject)
}

/** The strings of a list; numbers are written as such. Undefined when there is none. */
export function stringsOf(value: Json | undefined, max = LIST_MAX): string[] | undefined {
  const found: string[] = []
  for (const part of listOf(value)) {
    const text = textOf(part)
    if (text !== undefined && found.length < max) found.push(text)
  }
  return found.length === 0 ? undefined : found
}

const LIST_MAX = 256

/** Sets `a.b.c` of nested fields; undefined, '' and empty lists are no values. Paths are the caller's own, never foreign. */
export function put(fields: JsonObject, path: string, value: Json | undefined): void {
  if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) return
  let names = PATHS.get(path)
  if (names === undefined) PATHS.set(path, (names = path.split('.')))
  let target = fields
  for (let i = 0; i < names.length - 1; i++) {
    const next = target[names[i]!]
    if (isObject(next)) target = next
    else {
      const made: JsonObject = {}
      target[names[i]!] = made
      target = made
    }
  }
  target[names.at(-1)!] = value
}

const PATHS = new Map<string, readonly string[]>()

/** The moment of an RFC 3339 text, or undefined. */
export function isoNs(value: Json | undefined, context: FormatContext): bigint | undefined {
  if (typeof value !== 'string') return undefined
  const stamp = readIso(value, 0, context.utcOffsetMinutes)
  return stamp?.end === value.length ? stamp.ns : undefined
}

/** A moment as it was written, to the nanosecond; '' for a text that is none, which no date field takes. */
export function isoAsWritten(value: Json | undefined): string {
  if (typeof value !== 'string') return ''
  const stamp = readIso(value, 0, 0)
  return stamp?.ns !== undefined && stamp.end === value.length ? value : ''
}

/** Takes the first of the values that is a moment as the event's time; a value that is none is said. */
export function putTime(
  draft: Draft,
  context: FormatContext,
  ...values: readonly (Json | undefined)[]
): void {
  let said = false
  for (const value of values) {
    if (typeof value !== 'string' || value === '') continue
    const ns = isoNs(value, context)
    if (ns !== undefined && ns > 0n) {
      draft.timeNs = ns
      return
    }
    said = true
  }
  if (said && draft.timeNs === undefined) note(draft, 'time-invalid')
}

/** A moment as documents have it, or undefined for a text that is none. */
export function isoText(value: Json | undefined, context: FormatContext): string | undefined {
  const ns = isoNs(value, context)
  if (ns === undefined || ns <= 0n) return undefined
  return new Date(Number(ns / 1_000_000n)).toISOString()
}

/** What an earlier format found, for the other events of a record; mostly that is nothing. */
export function copyOf(fields: JsonObject): JsonObject {
  for (const _ in fields) return structuredClone(fields)
  return {}
}

/** Another event of the same record, with what an earlier format found and the same time. */
export function another(draft: Draft, base: JsonObject): Draft {
  return {
    fields: copyOf(base),
    message: '',
    timeNs: draft.timeNs,
    quality: [],
    original: undefined,
  }
}

/** Cut where a text would be unreasonably long; a half surrogate pair is mended by the writer. */
export function shortened(text: string, max = 8192): string {
  return text.length <= max ? text : `${text.slice(0, max)}…`
}
