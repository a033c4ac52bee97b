import type { Draft, Json, JsonObject } from '../../core/document.ts'
import { JSON_DEPTH_MAX } from '../../core/limits.ts'
import type { FormatContext } from '../../ports/format.ts'
import { child, isObject, note, replaceMessage } from './document.ts'
import { scanJson } from './json-scan.ts'
import { readPairs } from './klog-pairs.ts'
import { readIso } from './time.ts'

/** What a line of a Go program's structured logger says, in whichever encoding. */
export interface LoggedLine {
  readonly message: string
  /** Everything else but time and level. */
  readonly pairs: JsonObject | undefined
}

/**
 * logrus with its TextFormatter: `time="2026-11-24T08:00:00.123Z" level=info msg="…" key=value …`. Undefined, with the draft
 * untouched, when it is none: a level and a message are there, and a time when `time=` comes first.
 */
export function readLogrusText(text: string, draft: Draft, context: FormatContext): LoggedLine | undefined {
  if (!text.startsWith('time="') && !text.startsWith('level=')) return undefined
  const fields = readPairs(text, 0)
  return fields === undefined ? undefined : putLogged(text, fields, draft, context)
}

/** The same as one JSON object a line. */
export function readLoggedJson(text: string, draft: Draft, context: FormatContext): LoggedLine | undefined {
  if (text.charCodeAt(0) !== 123) return undefined
  const fields = parsed(text)
  if (fields === undefined) return undefined
  const scan = scanJson(text)
  if (scan.depth > JSON_DEPTH_MAX) return undefined
  const logged = putLogged(text, fields, draft, context)
  if (logged !== undefined && scan.oddNumber) note(draft, 'json-number-precision')
  return logged
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as Json
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const LEVEL_LENGTH_MAX = 16

function putLogged(
  text: string,
  fields: JsonObject,
  draft: Draft,
  context: FormatContext,
): LoggedLine | undefined {
  const { level, msg } = fields
  const time = fields['time'] ?? fields['ts']
  if (typeof level !== 'string' || typeof msg !== 'string' || level.length > LEVEL_LENGTH_MAX)
    return undefined
  const ns = time === undefined ? undefined : nsOf(time, context)
  if (ns !== undefined && ns >= 0n) draft.timeNs = ns
  else if (time !== undefined) note(draft, 'time-invalid')
  child(draft.fields, 'log')['level'] = level.toLowerCase()
  replaceMessage(draft, text, msg)
  const pairs = othersOf(fields, draft)
  if (pairs !== undefined) child(draft.fields, 'decklog')['payload'] = pairs
  return { message: msg, pairs }
}

/** ISO 8601, or seconds since the epoch as zap writes them by default. */
function nsOf(time: Json, context: FormatContext): bigint | undefined {
  if (typeof time === 'number') {
    return time > 0 && time < 9e9 ? BigInt(Math.round(time * 1e6)) * 1000n : undefined
  }
  if (typeof time !== 'string') return undefined
  const stamp = readIso(time, 0, context.utcOffsetMinutes)
  return stamp?.end === time.length ? stamp.ns : undefined
}

function othersOf(fields: JsonObject, draft: Draft): JsonObject | undefined {
  let others: JsonObject | undefined
  for (const name of Object.keys(fields)) {
    if (name === 'time' || name === 'ts' || name === 'level' || name === 'msg') continue
    if (name === '__proto__') {
      note(draft, 'json-proto-key')
      continue
    }
    others ??= {}
    others[name] = fields[name]!
  }
  return others
}

/** `file.go:12` → `log.origin.file`. */
export function putOrigin(draft: Draft, caller: Json | undefined): void {
  if (typeof caller !== 'string' || caller === '') return
  const colon = caller.lastIndexOf(':')
  const line = colon > 0 ? Number(caller.slice(colon + 1)) : Number.NaN
  const isLine = Number.isSafeInteger(line) && line >= 0
  const file: JsonObject = isLine ? { name: caller.slice(0, colon), line } : { name: caller }
  child(draft.fields, 'log')['origin'] = { file }
}

export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}
