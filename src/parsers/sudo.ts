import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { child, note, relate, writtenBy } from './support/document.ts'
import { sudoJson } from './support/sudo-json.ts'
import { sudoRefusal } from './support/sudo-refusal.ts'
import { putService } from './support/sudo-service.ts'

/**
 * lib/eventlog/eventlog.c, new_logline(): the keys always in this order, each of them may be missing.
 *
 *     USER : [ERROR ; ][HOST=h ; ][TTY=t ; ][CHROOT=d ; ][PWD=d ; ][USER=u ; ][GROUP=g ; ][TSID=id ; ][ENV=a=b c=d ; ]COMMAND=c args
 *     … COMMAND=c args[ ; SIGNAL=s][ ; EXIT=n]   the same line again when the command has ended (log_exit_status)
 *     USER : (command continued) REST            a line longer than syslog takes (maxlen 960) is split
 *     @cee:{"sudo":{"accept":{…}}}               log_format=json: support/sudo-json.ts
 *
 * Control characters are written `#ooo` (octal). A directory may be called `x ; USER=alice ; COMMAND=/bin/true`, and so may an
 * argument (in quotes from 1.9.16): where a key comes twice, nobody can say which is sudo's.
 */
export const sudo: FormatDefinition = {
  name: 'sudo',
  version: 1,
  kind: 'payload',
  title: 'sudo',
  definedBy: 'sudo: lib/eventlog/eventlog.c, plugins/sudoers/logging.c, sudoers(5) log_format',
  dataset: 'system.auth',
  example: '   alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/usr/bin/systemctl restart kubelet',
  remarks: [
    'The message stays as it is; nothing is kept in `event.original`. The session lines of sudo’s PAM stack are read by the format `pam`.',
    '`system.auth.sudo.command` is the command as sudo wrote it; where it holds escapes (`#012`), `decklog.sudo.command_decoded` has it without them. `decklog.sudo` also has `group`, `tsid`, `env`, `chroot`, `host` and `continued`.',
    'JSON (`log_format=json`) gives the same fields; `decklog.sudo` then has `uuid`, `args`, `iolog_path`, `group`, `chroot`, `host` and `signal` too. The command’s whole environment is left out: the message has it. `TSID` and `iolog_path` name the recording.',
    'As in Elastic’s documents a command that starts or stops a unit with systemctl has `event.action` `service-start` or `service-stop` and `service.name`. `event.outcome` and `event.action` of other commands are ours.',
    'When a command has ended and sudo says how, `process.exit_code` has it and `event.type` is `end`. In the classic form that line is told from a command by its last words only, which an argument could imitate: so its action is that of the command, and rules look at it as well.',
    'Where `USER=` comes more than once, because a directory or an argument is called so, `system.auth.sudo.user` and `user.effective.name` have every value, the command begins behind the first `COMMAND=`, and the event is tagged `ambiguous-fields`: a rule for root sees it either way.',
  ],
  actions: {
    sudo_command: 'A command was run (or, `COMMAND=list`, the rights were listed)',
    'service-start': 'A command that starts a unit with systemctl',
    'service-stop': 'A command that stops a unit with systemctl',
    sudo_exit: 'A command ended (JSON)',
    sudo_command_continued: 'The rest of a long command; it belongs to the line before',
    sudo_denied: 'The sudoers file does not allow it',
    sudo_auth_failed: 'Wrong password, none given, or none asked for (`decklog.count` is how often)',
    sudo_error: 'Another error, `system.auth.sudo.error`',
  },
  parse,
}

const WRITERS = ['sudo', 'sudo-rs', 'sudoedit', 'sudo_logsrvd']
const KEYS = ['HOST', 'TTY', 'CHROOT', 'PWD', 'CWD', 'USER', 'GROUP', 'TSID', 'ENV', 'COMMAND'] as const
type Key = (typeof KEYS)[number]
type Values = Partial<Record<Key, string>>

function parse(text: string, draft: Draft): boolean {
  if (!writtenBy(draft, WRITERS)) return false
  if (text.startsWith('@cee:') || text.charCodeAt(0) === 123) return sudoJson(text, draft)
  const colon = text.indexOf(' : ')
  const user = colon < 0 ? '' : text.slice(0, colon).trim()
  if (user === '' || user.includes('(') || user.length > 256) return false
  const from = colon + 3
  if (text.startsWith('(command continued) ', from)) return continued(text.slice(from + 20), user, draft)
  const first = firstKey(text, from)
  const errorEnd = first < 0 ? text.length : first === from ? from : first - 3
  const error = text.slice(from, errorEnd)
  if (first < 0 && !isError(error)) return false
  const values = first < 0 ? {} : readValues(text, first)
  const end = values.COMMAND === undefined ? undefined : readEnd(values.COMMAND)
  if (end !== undefined) values.COMMAND = end.command
  put(draft, user, error, values)
  if (end !== undefined) putEnd(draft, end)
  if (first >= 0) putCandidates(text, first, draft)
  return true
}

function continued(rest: string, user: string, draft: Draft): true {
  putEvent(draft, 'sudo_command_continued', ['info'])
  putUser(draft, user)
  child(child(child(draft.fields, 'system'), 'auth'), 'sudo')['command'] = rest
  child(child(draft.fields, 'decklog'), 'sudo')['continued'] = true
  return true
}

/** Where the first key stands: at once, or behind the error and ` ; `. -1 when there is none. */
function firstKey(text: string, from: number): number {
  if (keyAt(text, from) !== undefined) return from
  for (let at = text.indexOf(' ; ', from); at >= 0; at = text.indexOf(' ; ', at + 3)) {
    if (keyAt(text, at + 3) !== undefined) return at + 3
  }
  return -1
}

/** By its first letter, for there are few: a line asks often. */
function keyAt(text: string, at: number): Key | undefined {
  const keys = KEYS_OF[text.charCodeAt(at) - LETTER_A]
  if (keys === undefined) return undefined
  for (const key of keys)
    if (text.charCodeAt(at + key.length) === EQUALS && text.startsWith(key, at)) return key
  return undefined
}

const LETTER_A = 65
const EQUALS = 61
const KEYS_OF: readonly (readonly Key[] | undefined)[] = Array.from({ length: 26 }, (_, letter) => {
  const keys = KEYS.filter((key) => key.charCodeAt(0) === LETTER_A + letter)
  return keys.length === 0 ? undefined : keys
})

/** A key's value ends where a key that comes later in the order begins; the command's never does. */
function readValues(text: string, first: number): Values {
  const values: Values = {}
  let at = first
  let key = keyAt(text, at)
  while (key !== undefined) {
    const start = at + key.length + 1
    const next = key === 'COMMAND' ? -1 : nextKey(text, start, key)
    values[key] = text.slice(start, next < 0 ? text.length : next - 3)
    key = next < 0 ? undefined : keyAt(text, next)
    at = next
  }
  return values
}

interface CommandEnd {
  readonly command: string
  readonly exitCode: number | undefined
  readonly signal: string | undefined
}

/** `c args ; SIGNAL=TERM ; EXIT=143`: either, or both, at the end. */
function readEnd(command: string): CommandEnd | undefined {
  if (!command.includes(' ; ')) return undefined
  let end = command.length
  const exitAt = command.lastIndexOf(' ; EXIT=')
  const exitCode = exitAt < 0 ? Number.NaN : wholeNumber(command.slice(exitAt + 8))
  if (exitCode >= 0) end = exitAt
  const signalAt = command.lastIndexOf(' ; SIGNAL=', end)
  const signal = signalAt < 0 ? '' : command.slice(signalAt + 10, end)
  const isSignal = signal !== '' && signal.length <= 16 && !signal.includes(' ')
  if (isSignal) end = signalAt
  if (end === command.length) return undefined
  return {
    command: command.slice(0, end),
    exitCode: exitCode >= 0 ? exitCode : undefined,
    signal: isSignal ? signal : undefined,
  }
}

function wholeNumber(text: string): number {
  return text.length > 0 && text.length <= 10 && !/\D/.test(text) ? Number(text) : Number.NaN
}

function putEnd(draft: Draft, { exitCode, signal }: CommandEnd): void {
  child(draft.fields, 'event')['type'] = ['end']
  if (exitCode !== undefined) child(draft.fields, 'process')['exit_code'] = exitCode
  if (signal !== undefined) child(child(draft.fields, 'decklog'), 'sudo')['signal'] = signal
}

function nextKey(text: string, from: number, after: Key): number {
  for (let at = text.indexOf(' ; ', from); at >= 0; at = text.indexOf(' ; ', at + 3)) {
    const key = keyAt(text, at + 3)
    if (key !== undefined && KEYS.indexOf(key) > KEYS.indexOf(after)) return at + 3
  }
  return -1
}

function put(draft: Draft, user: string, error: string, values: Values): void {
  putUser(draft, user)
  const sudoFields: JsonObject = {}
  if (error !== '') sudoFields['error'] = error
  if (values.TTY !== undefined) sudoFields['tty'] = values.TTY
  const directory = values.PWD ?? values.CWD
  if (directory !== undefined) sudoFields['pwd'] = directory
  if (values.USER !== undefined) {
    sudoFields['user'] = values.USER
    child(child(draft.fields, 'user'), 'effective')['name'] = values.USER
    relate(draft, 'user', values.USER)
  }
  if (values.COMMAND !== undefined) sudoFields['command'] = values.COMMAND
  child(child(draft.fields, 'system'), 'auth')['sudo'] = sudoFields
  putDetails(draft, values)
  putOutcome(draft, error)
  if (error === '' && values.COMMAND !== undefined) putService(draft, values.COMMAND)
}

function putDetails(draft: Draft, values: Values): void {
  const details: JsonObject = {}
  if (values.GROUP !== undefined) details['group'] = values.GROUP
  if (values.TSID !== undefined) details['tsid'] = values.TSID
  if (values.ENV !== undefined) details['env'] = values.ENV
  if (values.CHROOT !== undefined) details['chroot'] = values.CHROOT
  if (values.HOST !== undefined) details['host'] = values.HOST
  const decoded = values.COMMAND === undefined ? undefined : decode(values.COMMAND)
  if (decoded !== undefined && decoded !== values.COMMAND) details['command_decoded'] = decoded
  if (Object.keys(details).length > 0) child(draft.fields, 'decklog')['sudo'] = details
}

/** `#012` for a newline: sudo's and rsyslog's way. `#` itself is not escaped, so this is a reading, not the truth. */
function decode(command: string): string {
  if (!command.includes('#')) return command
  return command.replace(/#([0-3][0-7]{2})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  )
}

function putOutcome(draft: Draft, error: string): void {
  if (error === '') {
    putEvent(draft, 'sudo_command', ['start'])['outcome'] = 'success'
    return
  }
  const action = sudoRefusal(error)
  const event = putEvent(draft, action, ['info'])
  event['category'] = ['authentication', 'process']
  event['outcome'] = 'failure'
  event['reason'] = error
  const count = action === 'sudo_auth_failed' ? Number.parseInt(error, 10) : Number.NaN
  if (count > 0) child(draft.fields, 'decklog')['count'] = count
}

/** An error may stand alone, without a key behind it; text that only looks like `word : text` is not sudo's. */
function isError(error: string): boolean {
  return (
    sudoRefusal(error) !== 'sudo_error' || error.startsWith('unable to ') || error.startsWith('problem with ')
  )
}

function putEvent(draft: Draft, action: string, type: string[]): JsonObject {
  const event = child(draft.fields, 'event')
  event['action'] = action
  event['category'] = ['process']
  event['type'] = type
  return event
}

function putUser(draft: Draft, user: string): void {
  child(draft.fields, 'user')['name'] = user
  relate(draft, 'user', user)
}

const CANDIDATES_MAX = 16

function putCandidates(text: string, from: number, draft: Draft): void {
  const users: string[] = []
  for (
    let at = text.indexOf('USER=', from);
    at >= 0 && users.length < CANDIDATES_MAX;
    at = text.indexOf('USER=', at + 5)
  ) {
    if (at !== from && !text.startsWith(' ; ', at - 3)) continue
    const end = text.indexOf(' ; ', at)
    const user = text.slice(at + 5, end < 0 ? text.length : end)
    if (!users.includes(user)) users.push(user)
  }
  if (users.length < 2) return
  note(draft, 'ambiguous-fields')
  child(child(child(draft.fields, 'system'), 'auth'), 'sudo')['user'] = users
  child(child(draft.fields, 'user'), 'effective')['name'] = [...users]
  for (const user of users) relate(draft, 'user', user)
}
