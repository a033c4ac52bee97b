import type { Draft, Json, JsonObject } from '../core/document.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { child, isObject, relate } from './support/document.ts'
import { readObject, str } from './support/json-record.ts'
import { putService } from './support/sudo-service.ts'
import { millisOf, putSession } from './support/session-io.ts'

/**
 * What stands in a directory of sudo's I/O logs (`iolog_dir`/00/00/01):
 *
 *     log.json     {"timestamp":{…},"submituser":…,"command":…,"runuser":…,"ttyname":…,"runargv":[…],…} on one line
 *     log          TIME:USER:RUNAS:GROUP:TTY:LINES:COLUMNS, then the directory and the command on lines of their own
 *     timing       TYPE DELAY BYTES                   0 stdin, 1 stdout, 2 stderr, 3 ttyin, 4 ttyout
 *                  5 DELAY ROWS COLUMNS               the window's size
 *                  7 DELAY SIGNAL                     suspended, resumed
 */
export const sudoIo: FormatDefinition = {
  name: 'sudo-io',
  version: 1,
  kind: 'payload',
  isDocument: true,
  title: 'sudo I/O logs: who recorded what, and the timing',
  definedBy: 'sudo: lib/iolog/iolog_loginfo.c, iolog_legacy.c, iolog_timing.c; sudoers(5), sudoreplay(8)',
  dataset: 'decklog.session_io',
  example:
    '{"timestamp":{"seconds":1795549087,"nanoseconds":213114371},"submituser":"alice","command":"/usr/bin/sh","runuser":"root","ttyname":"/dev/pts/0","submithost":"node-1","submitcwd":"/home/alice","runuid":0,"columns":80,"lines":24,"runargv":["sh"]}',
  remarks: [
    'The message stays as it is; nothing is kept in `event.original`. Names are those of the format `sudo`, with `event.action` `session_recording`; the recording is found by `TSID` and `iolog_path` there. The command’s environment is left out: the message has it.',
    'sudo writes log.json over many lines, which are joined. The directory and command of the old `log` stand on lines of their own, which are not read; log.json has them. The streams themselves (ttyin, ttyout, …) are bytes of a terminal: the format `script` reads their lines.',
    'Timing: `decklog.sudo_io` has `stream`, `delay_ms`, `bytes`, `window`, `signal`.',
  ],
  actions: {
    session_recording: 'A recording began: who, as whom, what, where',
    session_io: 'How much went which way, and when',
    session_window: 'The window was resized',
    session_signal: 'The command was suspended or resumed',
  },
  parse,
}

function parse(text: string, draft: Draft): boolean {
  const code = text.charCodeAt(0)
  if (code === 123) return info(text, draft)
  return code >= 48 && code <= 57 && (timing(text, draft) || legacy(text, draft))
}

function info(text: string, draft: Draft): boolean {
  const object = readObject(text)
  if (
    object === undefined ||
    typeof object['submituser'] !== 'string' ||
    typeof object['command'] !== 'string'
  )
    return false
  const args = Array.isArray(object['runargv']) ? object['runargv'].filter(isText) : []
  const command = args.length > 1 ? `${object['command']} ${args.slice(1).join(' ')}` : object['command']
  const time = isObject(object['timestamp']) ? object['timestamp'] : {}
  put(draft, {
    seconds: time['seconds'],
    nanos: time['nanoseconds'],
    user: object['submituser'],
    runAs: str(object['runuser']),
    group: str(object['rungroup']),
    tty: str(object['ttyname']),
    cwd: str(object['submitcwd']),
    command,
    rows: object['lines'],
    columns: object['columns'],
  })
  putService(draft, command)
  child(draft.fields, 'event')['action'] = 'session_recording'
  const host = str(object['submithost'])
  if (host !== '') relate(draft, 'hosts', host)
  return true
}

/** `1795549087:alice:root::/dev/pts/0:24:80`. */
function legacy(text: string, draft: Draft): boolean {
  const parts = text.split(':', 8)
  if (parts.length < 5 || parts.length > 7 || !/^\d{9,11}(?:\.\d{1,9})?$/.test(parts[0]!)) return false
  const [time, user, runAs, group, tty, rows, columns] = parts
  const [seconds, fraction] = time!.split('.')
  put(draft, {
    seconds: Number(seconds),
    nanos: Number((fraction ?? '').padEnd(9, '0')),
    user: user!,
    runAs: runAs!,
    group: group!,
    tty: tty!,
    rows: Number(rows),
    columns: Number(columns),
  })
  return true
}

interface Recording {
  readonly seconds: Json | undefined
  readonly nanos: Json | undefined
  readonly user: string
  readonly runAs: string
  readonly group: string
  readonly tty: string
  readonly cwd?: string
  readonly command?: string
  readonly rows: Json | undefined
  readonly columns: Json | undefined
}

function put(draft: Draft, recording: Recording): void {
  const { seconds, nanos, user, runAs, group, tty, cwd, command, rows, columns } = recording
  if (draft.timeNs === undefined && isCount(seconds))
    draft.timeNs = BigInt(seconds) * 1_000_000_000n + BigInt(isCount(nanos) ? nanos : 0)
  putSession(draft, 'session_recording', 'start')
  const users = child(draft.fields, 'user')
  users['name'] = user
  relate(draft, 'user', user)
  if (runAs !== '') {
    users['effective'] = { name: runAs }
    relate(draft, 'user', runAs)
  }
  const sudo: JsonObject = {}
  if (tty !== '') sudo['tty'] = tty.startsWith('/dev/') ? tty.slice(5) : tty
  if (cwd !== undefined && cwd !== '') sudo['pwd'] = cwd
  if (runAs !== '') sudo['user'] = runAs
  if (command !== undefined) sudo['command'] = command
  child(child(draft.fields, 'system'), 'auth')['sudo'] = sudo
  const details: JsonObject = {}
  if (isCount(rows) && isCount(columns) && columns > 0) details['window'] = `${columns}x${rows}`
  if (group !== '') details['group'] = group
  child(draft.fields, 'decklog')['sudo_io'] = details
}

const STREAMS: Readonly<Record<string, string>> = {
  '0': 'stdin',
  '1': 'stdout',
  '2': 'stderr',
  '3': 'ttyin',
  '4': 'ttyout',
  '6': 'ttyout',
}

function timing(text: string, draft: Draft): boolean {
  if (text.length > 64 || text.charCodeAt(1) !== 32) return false
  const [type, delay, third, fourth, more] = text.split(' ', 5)
  const ms = millisOf(delay ?? '')
  if (ms === undefined || third === undefined || more !== undefined) return false
  const stream = STREAMS[type!]
  const details: JsonObject = { delay_ms: ms }
  if (stream !== undefined) {
    if (fourth !== undefined || !/^\d{1,12}$/.test(third)) return false
    putSession(draft, 'session_io', 'info')
    Object.assign(details, { stream, bytes: Number(third) })
  } else if (type === '5') {
    if (fourth === undefined || !/^\d{1,5}$/.test(third) || !/^\d{1,5}$/.test(fourth)) return false
    putSession(draft, 'session_window', 'info')
    details['window'] = `${fourth}x${third}`
  } else if (type === '7' && fourth === undefined && /^[A-Z0-9]{1,16}$/.test(third)) {
    putSession(draft, 'session_signal', 'info')
    details['signal'] = third
  } else return false
  child(draft.fields, 'decklog')['sudo_io'] = details
  return true
}

function isCount(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isText(value: Json): value is string {
  return typeof value === 'string'
}
