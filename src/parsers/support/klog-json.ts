import type { Draft, Json, JsonObject } from '../../core/document.ts'
import { JSON_DEPTH_MAX } from '../../core/limits.ts'
import type { FormatContext } from '../../ports/format.ts'
import { isObject, note, replaceMessage } from './document.ts'
import { scanJson } from './json-scan.ts'
import { putKnown } from './klog-known.ts'
import { readIso } from './time.ts'

/**
 * `--logging-format=json` of Kubernetes components (component-base/logs/json):
 *
 *     {"ts":1795507200000.1234,"caller":"app/server.go:142","msg":"…","v":0,"key":value,…}
 *     {"ts":1795507200000.1234,"logger":"…","caller":"…","msg":"…","err":"…","key":value,…}
 *
 * `ts` is in milliseconds. Information has `v`, errors have none.
 */
export function readKlogJson(text: string, draft: Draft, context: FormatContext): boolean {
  const record = parsed(text)
  if (record === undefined) return false
  const { ts, msg, caller, v, logger } = record
  const message = typeof msg === 'string' ? msg : undefined
  if (
    message === undefined ||
    ts === undefined ||
    (caller === undefined && v === undefined && record['err'] === undefined)
  )
    return false
  const time = timeOf(ts, context)
  if (time === undefined) return false
  const scan = scanJson(text)
  if (scan.depth > JSON_DEPTH_MAX) return false
  if (time >= 0n) draft.timeNs = time
  else note(draft, 'time-invalid')
  if (scan.oddNumber) note(draft, 'json-number-precision')
  const log: JsonObject = { level: levelOf(record) }
  if (typeof caller === 'string') putCaller(log, caller)
  if (typeof logger === 'string') log['logger'] = logger
  draft.fields['log'] = log
  replaceMessage(draft, text, message)
  putKnown(draft, message, textual(pairsOf(record, draft)))
  return true
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as Json
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Nanoseconds; -1 for a number that is no moment; undefined for what is no time stamp. */
function timeOf(ts: Json, context: FormatContext): bigint | undefined {
  if (typeof ts === 'string') {
    const stamp = readIso(ts, 0, context.utcOffsetMinutes)
    return stamp === undefined || stamp.end !== ts.length ? undefined : (stamp.ns ?? -1n)
  }
  if (typeof ts !== 'number') return undefined
  // zap's own encoder writes seconds: no component has logged before 2001, nor after 5138.
  const ms = ts < 1e11 ? ts * 1000 : ts
  if (!(ms >= 0) || ms > 9.2e15) return -1n
  return BigInt(Math.round(ms * 1000)) * 1000n
}

function levelOf(record: JsonObject): string {
  const level = record['level']
  if (typeof level === 'string' && level.length < 16) return level.toLowerCase()
  return record['v'] === undefined ? 'error' : 'info'
}

function putCaller(log: JsonObject, caller: string): void {
  const colon = caller.lastIndexOf(':')
  const line = colon > 0 ? Number(caller.slice(colon + 1)) : Number.NaN
  log['origin'] = {
    file: Number.isSafeInteger(line) && line >= 0 ? { name: caller.slice(0, colon), line } : { name: caller },
  }
}

const OWN = new Set(['ts', 'msg', 'caller', 'logger', 'level'])

/** What is no field of the format itself: goes below a flattened field, whose names may be any. */
function pairsOf(record: JsonObject, draft: Draft): JsonObject | undefined {
  let pairs: JsonObject | undefined
  for (const name of Object.keys(record)) {
    if (OWN.has(name)) continue
    if (name === '__proto__') {
      note(draft, 'json-proto-key')
      continue
    }
    pairs ??= {}
    pairs[name] = record[name]!
  }
  return pairs
}

/** Numbers and booleans as the text format writes them. */
function textual(pairs: JsonObject | undefined): JsonObject | undefined {
  if (pairs === undefined) return undefined
  const texts: JsonObject = {}
  for (const name of Object.keys(pairs)) {
    const value = pairs[name]!
    texts[name] = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value
  }
  return texts
}
