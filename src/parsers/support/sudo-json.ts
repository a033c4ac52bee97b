import type { Draft, Json, JsonObject } from '../../core/document.ts'
import { child, isObject, relate } from './document.ts'
import { sudoRefusal } from './sudo-refusal.ts'
import { putService } from './sudo-service.ts'

/**
 * sudo's `log_format=json` (lib/eventlog/eventlog.c, eventlog_store_json()), in syslog behind `@cee:` and below `sudo`, in a file
 * (`json_compact`) without them:
 *
 *     {"accept"|"reject"|"exit"|"alert": {"uuid", "reason", "server_time", "submit_time", "iolog_path", "submituser", "command",
 *       "runuser", "rungroup", "runchroot", "runcwd", "ttyname", "submithost", "submitcwd", "runuid", "rungid", "runargv", "runenv", …}}
 */
export function sudoJson(text: string, draft: Draft): boolean {
  const value = parse(text.startsWith('@cee:') ? text.slice(5) : text)
  if (!isObject(value)) return false
  const events = isObject(value['sudo']) ? value['sudo'] : value
  for (const kind of KINDS) {
    const event = events[kind]
    if (isObject(event) && (typeof event['uuid'] === 'string' || isObject(event['server_time']))) {
      put(draft, kind, event)
      return true
    }
  }
  return false
}

const KINDS = ['accept', 'reject', 'exit', 'alert'] as const
type Kind = (typeof KINDS)[number]

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

function put(draft: Draft, kind: Kind, event: JsonObject): void {
  putTime(draft, event[kind === 'exit' ? 'exit_time' : 'server_time'] ?? event['server_time'])
  putUsers(draft, event)
  const command = commandOf(event)
  putSudo(draft, event, command)
  putDetails(draft, event)
  putEvent(draft, kind, event, command)
}

/** Of a line that has no time of its own. */
function putTime(draft: Draft, time: Json | undefined): void {
  if (draft.timeNs !== undefined || !isObject(time)) return
  const { seconds, nanoseconds } = time
  if (typeof seconds !== 'number' || !Number.isSafeInteger(seconds) || seconds <= 0) return
  const nanos = typeof nanoseconds === 'number' && Number.isSafeInteger(nanoseconds) ? nanoseconds : 0
  draft.timeNs = BigInt(seconds) * 1_000_000_000n + BigInt(nanos)
}

function putUsers(draft: Draft, event: JsonObject): void {
  const submitter = textOf(event['submituser'])
  const runner = textOf(event['runuser'])
  if (submitter !== undefined) {
    child(draft.fields, 'user')['name'] = submitter
    relate(draft, 'user', submitter)
  }
  if (runner === undefined) return
  const effective: JsonObject = { name: runner }
  if (typeof event['runuid'] === 'number') effective['id'] = String(event['runuid'])
  child(draft.fields, 'user')['effective'] = effective
  relate(draft, 'user', runner)
}

/** As the classic line has it: the program's path and the arguments behind it. */
function commandOf(event: JsonObject): string | undefined {
  const command = textOf(event['command'])
  const args = event['runargv']
  if (command === undefined || !Array.isArray(args) || args.length < 2) return command
  return `${command} ${args.slice(1).filter(isText).join(' ')}`
}

function putSudo(draft: Draft, event: JsonObject, command: string | undefined): void {
  const tty = textOf(event['ttyname'])
  const values: Readonly<Record<string, string | undefined>> = {
    error: textOf(event['reason']),
    tty: tty?.startsWith('/dev/') === true ? tty.slice(5) : tty,
    pwd: textOf(event['submitcwd']),
    user: textOf(event['runuser']),
    command,
  }
  const sudo = definedOf(values)
  if (Object.keys(sudo).length > 0) child(child(draft.fields, 'system'), 'auth')['sudo'] = sudo
}

function putDetails(draft: Draft, event: JsonObject): void {
  const details = definedOf({
    uuid: textOf(event['uuid']),
    host: textOf(event['submithost']),
    group: textOf(event['rungroup']),
    chroot: textOf(event['runchroot']),
    cwd: textOf(event['runcwd']),
    iolog_path: textOf(event['iolog_path']),
    signal: textOf(event['signal']),
  })
  const args = event['runargv']
  if (Array.isArray(args)) details['args'] = args.filter(isText)
  child(draft.fields, 'decklog')['sudo'] = details
}

function putEvent(draft: Draft, kind: Kind, about: JsonObject, command: string | undefined): void {
  const event = child(draft.fields, 'event')
  const reason = textOf(about['reason'])
  event['category'] = ['process']
  if (kind === 'accept') {
    Object.assign(event, { action: 'sudo_command', type: ['start'], outcome: 'success' })
    if (command !== undefined) putService(draft, command)
  } else if (kind === 'exit') {
    Object.assign(event, { action: 'sudo_exit', type: ['end'] })
    putExit(draft, about)
  } else {
    const action = kind === 'alert' ? 'sudo_error' : sudoRefusal(reason ?? '')
    Object.assign(event, { action, type: ['info'], outcome: 'failure' })
    event['category'] = ['authentication', 'process']
    if (reason !== undefined) event['reason'] = reason
    const count = action === 'sudo_auth_failed' ? Number.parseInt(reason ?? '', 10) : Number.NaN
    if (count > 0) child(draft.fields, 'decklog')['count'] = count
  }
}

function putExit(draft: Draft, about: JsonObject): void {
  const code = about['exit_value']
  if (typeof code === 'number' && Number.isSafeInteger(code))
    child(draft.fields, 'process')['exit_code'] = code
  const time = about['run_time']
  if (!isObject(time) || typeof time['seconds'] !== 'number') return
  const nanos = typeof time['nanoseconds'] === 'number' ? time['nanoseconds'] : 0
  const duration = time['seconds'] * 1e9 + nanos
  if (Number.isSafeInteger(duration) && duration >= 0) child(draft.fields, 'event')['duration'] = duration
}

function definedOf(values: Readonly<Record<string, string | undefined>>): JsonObject {
  const defined: JsonObject = {}
  for (const name in values) if (values[name] !== undefined) defined[name] = values[name]
  return defined
}

function isText(value: Json): value is string {
  return typeof value === 'string'
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
