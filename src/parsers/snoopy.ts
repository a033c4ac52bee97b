import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { appName, child, note, putUser, relate, writtenBy } from './support/document.ts'
import { putEndpoint } from './support/endpoint.ts'

/**
 * snoopy, which logs every program that is started. Its message is `message_format` of snoopy.ini; by default, from old to new:
 *
 *     [uid:0 sid:5232 tty:/dev/pts/0 cwd:/root filename:/bin/ls]: ls -l
 *     [login:alice ssh:(192.0.2.1 51234 198.51.100.1 22) sid:5232 tty:/dev/pts/0 (1001/alice) uid:root(0)/root(0) cwd:/root]: ls -l
 *
 * Keys and values in brackets, in any order, then the command line. `(none)`, `(unknown)`, `(undefined)` are no values.
 */
export const snoopy: FormatDefinition = {
  name: 'snoopy',
  version: 1,
  kind: 'payload',
  title: 'snoopy: programs that were started',
  definedBy: 'https://github.com/a2o/snoopy: etc/snoopy.ini.in, doc/CONFIG; src/datasource/*.c',
  dataset: 'decklog.snoopy',
  example:
    '[login:alice ssh:(192.0.2.1 51234 198.51.100.1 22) sid:5232 tty:/dev/pts/0 (1001/alice) uid:root(0)/root(0) cwd:/root]: /usr/bin/cat /etc/shadow',
  remarks: [
    'The message stays as it is; nothing is kept in `event.original`. `process.command_line` is the arguments with spaces between, as snoopy writes them; `process.name` is the program’s, not snoopy’s, and `process.pid` its number.',
    '`user.name` and `user.id` are the real user, `user.effective.*` the effective one, `decklog.snoopy.login` who logged in. `SSH_CONNECTION` gives `source.*` and `destination.*`: it is a variable of the user’s environment and can be set by them.',
    'A directory or command may hold `]: `; then the first one is taken and the event is tagged `ambiguous-fields`. A message without brackets, from a `message_format` of one’s own, is the command line where the writer is snoopy.',
  ],
  actions: { exec: 'A program was started' },
  parse,
}

const KEYS = [
  'login',
  'ssh',
  'sid',
  'tty',
  'uid',
  'cwd',
  'filename',
  'username',
  'pid',
  'ppid',
  'rpname',
] as const
type Key = (typeof KEYS)[number]
type Values = Partial<Record<Key, string>>

function parse(text: string, draft: Draft): boolean {
  // It writes from within every program, so in the journal only the name that it gives itself is snoopy's.
  if (appName(draft) !== 'snoopy' && !writtenBy(draft, ['snoopy'])) return false
  const close = text.startsWith('[') ? text.indexOf(']: ') : -1
  const values = close < 0 ? undefined : readValues(text.slice(1, close))
  if (values === undefined) return bare(text, draft)
  if (text.includes(']: ', close + 1)) note(draft, 'ambiguous-fields')
  putProcess(draft, text.slice(close + 3), values)
  putUsers(draft, values)
  putSsh(draft, values.ssh)
  putDetails(draft, values)
  return true
}

/** Only where the header has said that snoopy wrote it. */
function bare(text: string, draft: Draft): boolean {
  const name = (draft.fields['process'] as JsonObject | undefined)?.['name']
  if ((name !== 'snoopy' && appName(draft) !== 'snoopy') || text === '') return false
  putProcess(draft, text, {})
  // Words of another form may stand before the command line: its first word is a program only if it is a path.
  if (!text.startsWith('/')) child(draft.fields, 'process')['name'] = name!
  return true
}

/** `key:value` with spaces between; a value goes on to the next key. Undefined when there is no known key. */
function readValues(text: string): Values | undefined {
  const values: Values = {}
  let key = keyAt(text, 0)
  if (key === undefined) return undefined
  let start = key.length + 1
  for (let space = text.indexOf(' '); space >= 0; space = text.indexOf(' ', space + 1)) {
    const next = keyAt(text, space + 1)
    // A directory may be called like a key: what has a value keeps it, and cwd ends before `filename` only.
    if (next === undefined || values[next] !== undefined || (key === 'cwd' && next !== 'filename')) continue
    values[key] = text.slice(start, space)
    key = next
    start = space + next.length + 2
  }
  values[key] = text.slice(start)
  return values
}

function keyAt(text: string, at: number): Key | undefined {
  return KEYS.find((key) => text.startsWith(key, at) && text.charCodeAt(at + key.length) === 58)
}

function putProcess(draft: Draft, commandLine: string, { cwd, filename, sid, tty }: Values): void {
  const event = child(draft.fields, 'event')
  event['action'] = 'exec'
  event['category'] = ['process']
  event['type'] = ['start']
  const process = child(draft.fields, 'process')
  process['command_line'] = commandLine
  const program = valueOf(filename) ?? commandLine.split(' ', 1)[0]!
  const name = program.slice(program.lastIndexOf('/') + 1)
  if (name !== '') process['name'] = name
  if (program.startsWith('/')) process['executable'] = program
  if (valueOf(cwd) !== undefined) process['working_directory'] = cwd!
  if (sid !== undefined && /^\d{1,10}$/.test(sid)) process['session_leader'] = { pid: Number(sid) }
  const terminal = valueOf(tty?.split(' ', 1)[0])
  if (terminal !== undefined) child(child(draft.fields, 'decklog'), 'snoopy')['tty'] = terminal
}

/** `root(0)/root(0)`, real and effective, or the number alone. */
function putUsers(draft: Draft, { uid, username, login }: Values): void {
  const user: JsonObject = {}
  const [real, effective] = (uid ?? '').split('/', 2)
  Object.assign(user, userOf(real ?? ''))
  if (valueOf(username) !== undefined) user['name'] ??= username!
  const other = userOf(effective ?? '')
  if (Object.keys(other).length > 0) user['effective'] = other
  if (Object.keys(user).length > 0) putUser(draft, user)
  for (const name of [user['name'], other['name'], valueOf(login)])
    if (typeof name === 'string') relate(draft, 'user', name)
}

function userOf(text: string): JsonObject {
  const open = text.lastIndexOf('(')
  if (open < 0) return /^\d{1,10}$/.test(text) ? { id: text } : {}
  const user: JsonObject = {}
  const name = valueOf(text.slice(0, open))
  const id = text.slice(open + 1, text.endsWith(')') ? -1 : undefined)
  if (name !== undefined) user['name'] = name
  if (/^\d{1,10}$/.test(id)) user['id'] = id
  return user
}

/** `(ADDR PORT ADDR PORT)`. */
function putSsh(draft: Draft, ssh: string | undefined): void {
  const words = ssh?.startsWith('(') === true && ssh.endsWith(')') ? ssh.slice(1, -1).split(' ', 5) : []
  if (words.length !== 4) return
  const [source, sourcePort, destination, destinationPort] = words
  putEndpoint(draft, 'source', { address: source!, port: portOf(sourcePort!), start: 0, end: 0 })
  putEndpoint(draft, 'destination', {
    address: destination!,
    port: portOf(destinationPort!),
    start: 0,
    end: 0,
  })
}

function portOf(text: string): number {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : -1
}

function putDetails(draft: Draft, { login, rpname, ppid }: Values): void {
  const details: JsonObject = {}
  if (valueOf(login) !== undefined) details['login'] = login!
  if (valueOf(rpname) !== undefined) details['root_process'] = rpname!
  if (Object.keys(details).length > 0) Object.assign(child(child(draft.fields, 'decklog'), 'snoopy'), details)
  if (ppid !== undefined && /^\d{1,10}$/.test(ppid))
    child(child(draft.fields, 'process'), 'parent')['pid'] = Number(ppid)
}

const NOTHING = new Set(['', '(none)', '(unknown)', '(undefined)', '((undefined))', '(null)'])

function valueOf(text: string | undefined): string | undefined {
  return text === undefined || NOTHING.has(text) ? undefined : text
}
