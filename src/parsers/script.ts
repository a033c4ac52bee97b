import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { child } from './support/document.ts'
import { readMoment } from './support/moment.ts'
import { millisOf, putOutput, putSession } from './support/session-io.ts'

/**
 * script(1) of util-linux: the typescript, and its timing in both forms:
 *
 *     Script started on 2026-11-24 20:04:48+00:00 [COMMAND="/bin/sh" TERM="xterm" TTY="/dev/pts/0" COLUMNS="80" LINES="24"]
 *     what the terminal showed, line by line
 *     Script done on 2026-11-24 20:04:51+00:00 [COMMAND_EXIT_CODE="0"]
 *
 *     0.087592 2                                     timing, classic: seconds, bytes
 *     O 0.003859 2      I 1.203365 3                 advanced: output, input
 *     S 0.707216 SIGWINCH ROWS=50 COLS=132           a signal
 *     H 0.000000 COMMAND /bin/sh                     about the recording
 */
export const script: FormatDefinition = {
  name: 'script',
  version: 1,
  kind: 'payload',
  title: 'script: typescripts and their timing',
  definedBy: 'util-linux: term-utils/script.c, script(1), scriptreplay(1)',
  dataset: 'decklog.session_io',
  example:
    'Script started on 2026-11-24 20:04:48+00:00 [COMMAND="/bin/sh" TERM="xterm" TTY="/dev/pts/0" COLUMNS="80" LINES="24"]',
  remarks: [
    'Lines of a typescript have no time of their own; the first and the last one have. `message` is the line without escape sequences, `process.io.text` the line as it came, and where they differ the record is in `event.original`.',
    '`decklog.script` has `command`, `term`, `tty`, `window`, and of timing lines `stream`, `delay_ms`, `bytes`, `signal`, `name` and `value`. Every line is of this format, for a terminal may show anything: it is chosen by the file that it stands in.',
  ],
  actions: {
    session_recording: 'A recording began',
    session_exit: 'It ended, with the command’s exit status',
    session_io: 'What was shown, or when how much of it',
    session_window: 'The window was resized',
    session_signal: 'The session got a signal',
    session_message: 'What the timing says about the recording',
  },
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  if (text.startsWith('Script started on ')) return edge(text, 18, draft, context)
  if (text.startsWith('Script done on ')) return edge(text, 15, draft, context)
  if (timing(text, draft)) return true
  putSession(draft, 'session_io', 'info')
  putOutput(draft, text, text)
  return true
}

function edge(text: string, from: number, draft: Draft, context: FormatContext): boolean {
  const isStart = from === 18
  const open = text.indexOf(' [', from)
  const stamp = text.slice(from, open < 0 ? text.length : open).trim()
  draft.timeNs ??= readMoment(stamp, context)
  putSession(draft, isStart ? 'session_recording' : 'session_exit', isStart ? 'start' : 'end')
  const values = open < 0 ? {} : quotedValues(text.slice(open + 2))
  const details: JsonObject = {}
  for (const name of ['COMMAND', 'TERM', 'TTY'] as const)
    if (values[name] !== undefined) details[name.toLowerCase()] = values[name]
  if (values['COLUMNS'] !== undefined && values['LINES'] !== undefined)
    details['window'] = `${values['COLUMNS']}x${values['LINES']}`
  const exit = values['COMMAND_EXIT_CODE']
  if (exit !== undefined && /^\d{1,3}$/.test(exit)) child(draft.fields, 'process')['exit_code'] = Number(exit)
  if (Object.keys(details).length > 0) child(draft.fields, 'decklog')['script'] = details
  return true
}

/** `NAME="value" NAME="value"]`. */
function quotedValues(text: string): Readonly<Record<string, string>> {
  const values: Record<string, string> = {}
  for (const match of text.matchAll(/([A-Z_]{1,32})="([^"]{0,4096})"/g)) values[match[1]!] = match[2]!
  return values
}

const LINE_MAX = 4096

function timing(text: string, draft: Draft): boolean {
  const code = text.charCodeAt(0)
  const isClassic = code >= 48 && code <= 57
  if (text.length > LINE_MAX || (!isClassic && text.charCodeAt(1) !== 32)) return false
  const words = text.split(' ', 6)
  return isClassic ? classic(words, draft) : advanced(text, words, draft)
}

function classic([delay, bytes, more]: readonly string[], draft: Draft): boolean {
  const ms = delay?.includes('.') === true ? millisOf(delay) : undefined
  if (ms === undefined || bytes === undefined || more !== undefined || !/^\d{1,9}$/.test(bytes)) return false
  return put(draft, 'session_io', { stream: 'output', delay_ms: ms, bytes: Number(bytes) })
}

function advanced(text: string, [kind, delay, third, ...rest]: readonly string[], draft: Draft): boolean {
  const ms = delay === undefined ? undefined : millisOf(delay)
  if (ms === undefined || third === undefined) return false
  if (kind === 'O' || kind === 'I') {
    if (!/^\d{1,9}$/.test(third) || rest.length > 0) return false
    const stream = kind === 'O' ? 'output' : 'input'
    return put(draft, 'session_io', { stream, delay_ms: ms, bytes: Number(third) })
  }
  if (kind === 'H') {
    const value = text.slice(kind.length + delay!.length + third.length + 3)
    return put(draft, 'session_message', { delay_ms: ms, name: third, value })
  }
  if (kind !== 'S' || !third.startsWith('SIG')) return false
  const rows = rest.find((word) => word.startsWith('ROWS='))?.slice(5)
  const columns = rest.find((word) => word.startsWith('COLS='))?.slice(5)
  const details: JsonObject = { delay_ms: ms, signal: third }
  if (rows === undefined || columns === undefined) return put(draft, 'session_signal', details)
  return put(draft, 'session_window', { ...details, window: `${columns}x${rows}` })
}

function put(draft: Draft, action: string, details: JsonObject): true {
  putSession(draft, action, 'info')
  child(draft.fields, 'decklog')['script'] = details
  return true
}
