import type { Draft, Json, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { child, isObject } from './support/document.ts'
import { intOf, keepText, parseJson, readObject, str } from './support/json-record.ts'
import { readMoment } from './support/moment.ts'
import { millisOf, putOutput, putSession } from './support/session-io.ts'
import { terminalText } from './support/terminal-text.ts'

/**
 * asciinema's recordings, a line each:
 *
 *     {"version":2,"width":80,"height":24,"timestamp":1795550694,"env":{…}}          header, version 2
 *     {"version":3,"term":{"cols":80,"rows":24,"type":"xterm"},"timestamp":…}        header, version 3
 *     [1.248868, "o", "text"]     o output, i input, m marker, r resize, x exit; time since the start (2) or the line before (3)
 *     # comment                   version 3
 *     {"version":1,…,"stdout":[[0.25,"text"],…]}                                      all of it in one object
 */
export const asciicast: FormatDefinition = {
  name: 'asciicast',
  version: 1,
  kind: 'payload',
  title: 'asciinema: recorded terminal sessions (asciicast 1, 2 and 3)',
  definedBy: 'https://docs.asciinema.org/manual/asciicast/ (v1, v2, v3)',
  dataset: 'decklog.session_io',
  example: '[1.25432, "o", "uid=0(root) gid=0(root) groups=0(root)\\r\\n"]',
  remarks: [
    'The record is kept in `event.original`. `message` is what the terminal showed, without escape sequences; `process.io.text` is the output as it came, `decklog.asciicast.input` what was typed.',
    'Lines of a recording have no time of their own: `decklog.asciicast.offset_ms` is the time since the start in version 2, since the line before in version 3, and the event’s time is its batch’s. The header’s `timestamp` is the header’s time.',
    'A recording of version 1 is one event with all of its output.',
  ],
  actions: {
    session_recording: 'A recording begins: size of the window, command, environment',
    session_io: 'What was typed and shown',
    session_window: 'The window was resized',
    session_marker: 'A marker in the recording',
    session_exit: 'The recorded command ended',
  },
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  switch (text.charCodeAt(0)) {
    case 91:
      return event(text, draft)
    case 123:
      return header(text, draft, context)
    default:
      return false
  }
}

function header(text: string, draft: Draft, context: FormatContext): boolean {
  const object = readObject(text)
  const version = object?.['version']
  if (object === undefined || (version !== 1 && version !== 2 && version !== 3)) return false
  const term = isObject(object['term']) ? object['term'] : undefined
  const columns = intOf(object['width'] ?? term?.['cols'])
  const rows = intOf(object['height'] ?? term?.['rows'])
  if (columns === undefined || rows === undefined) return false
  keepText(text, draft)
  draft.timeNs ??= readMoment(object['timestamp'] ?? null, context)
  const details: JsonObject = { version, window: `${columns}x${rows}` }
  for (const name of ['command', 'title'] as const)
    if (str(object[name]) !== '') details[name] = object[name]!
  const kind = str(term?.['type']) || str(isObject(object['env']) ? object['env']['TERM'] : undefined)
  if (kind !== '') details['term'] = kind
  if (typeof object['duration'] === 'number') details['duration_ms'] = Math.round(object['duration'] * 1000)
  putSession(draft, 'session_recording', 'start')
  child(draft.fields, 'decklog')['asciicast'] = details
  if (version === 1) putAll(text, object['stdout'], draft)
  else if (details['command'] !== undefined) draft.message = str(details['command'])
  return true
}

/** Version 1: all of the output. */
function putAll(text: string, stdout: Json | undefined, draft: Draft): void {
  if (!Array.isArray(stdout)) return
  const parts = stdout.map((part) => (Array.isArray(part) ? str(part[1]) : ''))
  putOutput(draft, text, parts.join(''))
}

function event(text: string, draft: Draft): boolean {
  const value = parseJson(text)
  if (!Array.isArray(value) || value.length !== 3) return false
  const [time, code, data] = value
  if (typeof time !== 'number' || !(time >= 0) || typeof code !== 'string' || typeof data !== 'string')
    return false
  const details: JsonObject = { offset_ms: millisOf(time.toFixed(6)) ?? 0 }
  if (code === 'o') putOutput(draft, text, data)
  else if (code === 'i') details['input'] = data
  else if (code === 'r') details['window'] = data
  else if (code === 'm') details['marker'] = data
  else if (code !== 'x') return false
  keepText(text, draft)
  if (code === 'i') draft.message = terminalText(data)
  putSession(draft, ACTIONS[code]!, code === 'x' ? 'end' : 'info')
  if (code === 'x' && /^\d{1,3}$/.test(data)) child(draft.fields, 'process')['exit_code'] = Number(data)
  child(draft.fields, 'decklog')['asciicast'] = details
  return true
}

const ACTIONS: Readonly<Record<string, string>> = {
  o: 'session_io',
  i: 'session_io',
  r: 'session_window',
  m: 'session_marker',
  x: 'session_exit',
}
