import type { Draft, Json, JsonObject } from '../../core/document.ts'
import type { FormatContext } from '../../ports/format.ts'
import { note } from './document.ts'
import { keepJson, put, putTime, readObject, shortened, str } from './json-record.ts'

/** A line of zap, as controllers write it: `{"level","ts","logger","caller","msg",…}`. Undefined when it is none. */
export function readZap(text: string): JsonObject | undefined {
  const log = readObject(text)
  if (log === undefined || typeof log['msg'] !== 'string' || typeof log['level'] !== 'string')
    return undefined
  const time = log['ts'] ?? log['timestamp'] ?? log['time']
  return typeof time === 'number' || typeof time === 'string' ? log : undefined
}

/** What all lines of zap have. `msg` becomes the message, the record is kept. */
export function putZap(text: string, draft: Draft, log: JsonObject, context: FormatContext): void {
  const { fields } = draft
  keepJson(text, draft)
  draft.message = str(log['msg'])
  putStamp(draft, log['ts'] ?? log['timestamp'] ?? log['time'], context)
  put(fields, 'log.level', str(log['level']).toLowerCase())
  put(fields, 'log.logger', str(log['logger']))
  put(fields, 'error.message', shortened(str(log['error']) || str(log['err']), 8192))
}

/** Seconds with a fraction, or a text. */
function putStamp(draft: Draft, value: Json | undefined, context: FormatContext): void {
  if (typeof value !== 'number') {
    putTime(draft, context, value)
    return
  }
  const seconds = value > 1e12 ? value / 1000 : value
  if (seconds > 0 && seconds < 9e9) draft.timeNs = BigInt(Math.round(seconds * 1e6)) * 1000n
  else note(draft, 'time-invalid')
}
