import type { JsonObject } from '../../core/document.ts'
import type { FormatContext } from '../../ports/format.ts'
import { readIso, type Moment } from './time.ts'

/**
 * RFC 5424, after `<PRI>`:
 *
 *     VERSION SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID SP STRUCTURED-DATA [SP MSG]
 *     SD = "-" | 1*( "[" SD-ID *( SP NAME="VALUE" ) "]" ), where `\"`, `\\` and `\]` stand for the character
 *     MSG = [BOM] text; "-" is the NILVALUE of a field
 */
export interface Header5424 {
  readonly stamp: Moment | undefined
  readonly host: string | undefined
  readonly app: string | undefined
  readonly procId: string | undefined
  readonly msgId: string | undefined
  readonly structured: JsonObject | undefined
  /** Where the message begins (after a BOM). */
  readonly end: number
}

/** `from` is where the version stands. Undefined when the text is not of this form. */
export function read5424(text: string, from: number, context: FormatContext): Header5424 | undefined {
  if (text.charCodeAt(from) !== 49 || text.charCodeAt(from + 1) !== 32) return undefined
  let at = from + 2
  let stamp: Moment | undefined
  if (text.charCodeAt(at) === 45 && text.charCodeAt(at + 1) === 32) at += 1
  else {
    stamp = readIso(text, at, context.utcOffsetMinutes)
    if (stamp === undefined) return undefined
    at = stamp.end
  }
  const words: (string | undefined)[] = []
  for (let i = 0; i < 4; i++) {
    if (text.charCodeAt(at) !== 32) return undefined
    const end = text.indexOf(' ', at + 1)
    if (end <= at + 1) return undefined
    const word = text.slice(at + 1, end)
    words.push(word === '-' ? undefined : word)
    at = end
  }
  const data = readStructured(text, at + 1)
  if (data === undefined) return undefined
  const [host, app, procId, msgId] = words
  return { stamp, host, app, procId, msgId, structured: data.value, end: messageStart(text, data.end) }
}

function messageStart(text: string, at: number): number {
  let start = at
  while (text.charCodeAt(start) === 32) start++
  return text.charCodeAt(start) === 0xfeff ? start + 1 : start
}

interface Structured {
  readonly value: JsonObject | undefined
  readonly end: number
}

function readStructured(text: string, from: number): Structured | undefined {
  if (text.charCodeAt(from) === 45)
    return endsField(text, from + 1) ? { value: undefined, end: from + 1 } : undefined
  const value: JsonObject = emptyObject()
  let at = from
  while (text.charCodeAt(at) === 91) {
    const element = readElement(text, at)
    if (element === undefined) return undefined
    value[element.id] = element.params
    at = element.end
  }
  return at > from && endsField(text, at) ? { value, end: at } : undefined
}

function endsField(text: string, at: number): boolean {
  return at >= text.length || text.charCodeAt(at) === 32
}

function readElement(
  text: string,
  from: number,
): { id: string; params: JsonObject; end: number } | undefined {
  let at = nameEnd(text, from + 1)
  const id = text.slice(from + 1, at)
  if (id === '') return undefined
  const params: JsonObject = emptyObject()
  while (text.charCodeAt(at) === 32) {
    const start = at + 1
    at = nameEnd(text, start)
    if (at === start || text.charCodeAt(at) !== 61 || text.charCodeAt(at + 1) !== 34) return undefined
    const end = quoteEnd(text, at + 2)
    if (end < 0) return undefined
    addParam(params, text.slice(start, at), unescaped(text.slice(at + 2, end)))
    at = end + 1
  }
  return text.charCodeAt(at) === 93 ? { id, params, end: at + 1 } : undefined
}

/** A name may come more than once (`ip="…" ip="…"`): then it has a list. */
function addParam(params: JsonObject, name: string, value: string): void {
  const known = params[name]
  if (known === undefined) params[name] = value
  else if (Array.isArray(known)) known.push(value)
  else params[name] = [known, value]
}

/** A name holds printable ASCII but `=`, space, `]` and `"`. */
function nameEnd(text: string, from: number): number {
  let at = from
  for (let code = text.charCodeAt(at); code > 32 && code < 127; code = text.charCodeAt(++at)) {
    if (code === 61 || code === 93 || code === 34) break
  }
  return at
}

function quoteEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 92) at++
    else if (code === 34) return at
  }
  return -1
}

/** Only the three escapes of the RFC are escapes; before anything else a backslash is itself. */
function unescaped(text: string): string {
  return text.includes('\\') ? text.replace(/\\(["\\\]])/g, '$1') : text
}

function emptyObject(): JsonObject {
  return Object.create(null) as JsonObject
}
