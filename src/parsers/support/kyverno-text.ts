import type { Draft, JsonObject } from '../../core/document.ts'
import type { FormatContext } from '../../ports/format.ts'
import { isObject } from './document.ts'
import { isShallow, keepText, parseJson, put, putTime } from './json-record.ts'
import { readMonthDay } from './time.ts'

const PAIRS_MAX = 64

/** The two forms of text; both give the names of the JSON form. */
export function readKyvernoText(text: string, draft: Draft, context: FormatContext): JsonObject | undefined {
  return readConsole(text, draft, context) ?? readKlog(text, draft, context)
}

/** `TIME\tLEVEL\tLOGGER\t[CALLER\t]MESSAGE\t{…}` of zap's console encoder. */
function readConsole(text: string, draft: Draft, context: FormatContext): JsonObject | undefined {
  const parts = text.split('\t', 7)
  if (parts.length < 4 || !/^\d{4}-\d{2}-\d{2}T/.test(parts[0]!) || !/^[A-Z]{3,6}$/i.test(parts[1]!))
    return undefined
  const brace = text.indexOf('\t{')
  const found = brace < 0 ? undefined : parseJson(text.slice(brace + 1))
  const fields = isObject(found) && isShallow(found) ? found : {}
  const words = (brace < 0 ? text : text.slice(0, brace)).split('\t')
  const message = words.at(-1)!
  keepText(text, draft)
  draft.message = message
  putTime(draft, context, parts[0])
  put(draft.fields, 'log.level', parts[1]!.toLowerCase())
  if (words.length > 3) put(draft.fields, 'log.logger', parts[2])
  return { ...fields, msg: message }
}

/** `I1124 08:00:00.123456       1 file.go:105] LOGGER "msg"="…" "key"="value" "list"=["a"]` of klogr. */
function readKlog(text: string, draft: Draft, context: FormatContext): JsonObject | undefined {
  const head = /^([IWEF])(\d{2})(\d{2}) (\d{2}:\d{2}:\d{2}\.\d{6}) +\d{1,9} ([^\s\]]{1,128})\] /.exec(text)
  const at = head === null ? -1 : text.indexOf('"msg"=')
  if (head === null || at < 0) return undefined
  const fields = readPairs(text, at)
  const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
  const stamp = readMonthDay(`${months[Number(head[2]) - 1] ?? ''} ${head[3]} ${head[4]}`, 0, context)
  if (stamp?.ns !== undefined) draft.timeNs = stamp.ns
  put(draft.fields, 'log.level', { I: 'info', W: 'warning', E: 'error', F: 'critical' }[head[1]!])
  put(draft.fields, 'log.origin.file.name', head[5]!.split(':', 1)[0])
  put(draft.fields, 'log.logger', text.slice(head[0].length, at).trim())
  return fields
}

/** `"key"=VALUE`, VALUE a JSON value or a word. */
function readPairs(text: string, from: number): JsonObject {
  const fields = Object.create(null) as JsonObject
  let at = from
  for (let count = 0; count < PAIRS_MAX; count++) {
    const open = text.indexOf('"', at)
    const close = open < 0 ? -1 : text.indexOf('"=', open + 1)
    if (close < 0) break
    const end = valueEnd(text, close + 2)
    const value = text.slice(close + 2, end)
    const read = parseJson(value)
    fields[text.slice(open + 1, close)] = read !== undefined && isShallow(read) ? read : value
    at = end
  }
  return fields
}

/** Behind a string, a list or a structure; a word ends at a blank. */
function valueEnd(text: string, from: number): number {
  let depth = 0
  let quoted = false
  for (let at = from; at < text.length; at++) {
    const char = text[at]
    if (quoted) {
      if (char === '\\') at++
      else if (char === '"') quoted = false
    } else if (char === '"') quoted = true
    else if (char === '{' || char === '[') depth++
    else if (char === '}' || char === ']') depth--
    else if (char === ' ' && depth <= 0) return at
  }
  return text.length
}
