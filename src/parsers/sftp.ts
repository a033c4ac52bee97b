import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { appName, child, note, processName, relate, writtenBy } from './support/document.ts'
import { putEndpoint } from './support/endpoint.ts'

/**
 * OpenSSH's sftp-server.c, as a program or inside sshd (`ForceCommand internal-sftp -l INFO`):
 *
 *     session (opened|closed) for local user USER from [ADDR]
 *     open "PATH" flags READ,WRITE,CREATE,TRUNCATE mode 0644
 *     close "PATH" bytes read N written N              also `forced close "PATH" …` when the session ended
 *     opendir|closedir|remove name|mkdir name|rmdir name|stat name|… "PATH"[ mode …]
 *     rename|posix-rename|symlink|hardlink old "PATH" new "PATH"
 *     set "PATH" (mode|owner|size|modtime) …
 *     sent status REASON
 *
 * PATH is the client's: control characters and bytes that are not ASCII are escaped (`\303\251`, vis(3)), quotes are not. What
 * stands behind it holds no quote, so PATH ends at the last one. Between two paths that may be wrong: then the event says so.
 */
export const sftp: FormatDefinition = {
  name: 'sftp',
  version: 1,
  kind: 'payload',
  title: 'OpenSSH sftp-server and internal-sftp',
  definedBy: 'OpenSSH portable: sftp-server.c',
  dataset: 'system.auth',
  example: 'open "/etc/kubernetes/admin.conf" flags READ mode 0666',
  remarks: [
    'The message stays as it is; nothing is kept in `event.original`. Where sshd passes on what a server in a chroot says, the lines are under sshd’s name and end with ` [postauth]`.',
    '`file.path` is the file, unescaped; of renames and links it is the new one and `decklog.sftp.old_path` the old one. `decklog.sftp` also has `verb`, `flags`, `mode`, `attribute` and `value`. `bytes_read` is what the client took from the file, `bytes_written` what it put there. The user stands in the session’s lines only; `process.pid` joins them.',
  ],
  actions: {
    sftp_session_opened: 'A user’s file transfer session began',
    sftp_session_closed: 'It ended',
    sftp_open: 'A file was opened; `decklog.sftp.flags` says for what',
    sftp_close: 'A file was closed, with how much was read and written',
    sftp_list: 'A directory was opened or closed, or a name looked at',
    sftp_remove: 'A file or directory was removed',
    sftp_create: 'A directory or link was made',
    sftp_rename: 'A file was renamed',
    sftp_change: 'Mode, owner, size or times were set',
    sftp_refused: 'The server said no to the request before (`event.reason`)',
    sftp_message: 'Another message of the server',
  },
  parse,
}

const OWN_WRITERS = ['sftp-server', 'internal-sftp']
const WRITERS = [...OWN_WRITERS, 'sshd', 'sshd-session']

interface Verb {
  readonly start: string
  readonly action: string
  readonly type: string
}

const VERBS: readonly Verb[] = [
  { start: 'open "', action: 'sftp_open', type: 'access' },
  { start: 'close "', action: 'sftp_close', type: 'info' },
  { start: 'forced close "', action: 'sftp_close', type: 'info' },
  { start: 'opendir "', action: 'sftp_list', type: 'access' },
  { start: 'closedir "', action: 'sftp_list', type: 'info' },
  { start: 'forced closedir "', action: 'sftp_list', type: 'info' },
  { start: 'stat name "', action: 'sftp_list', type: 'access' },
  { start: 'lstat name "', action: 'sftp_list', type: 'access' },
  { start: 'statvfs "', action: 'sftp_list', type: 'access' },
  { start: 'readlink "', action: 'sftp_list', type: 'access' },
  { start: 'remove name "', action: 'sftp_remove', type: 'deletion' },
  { start: 'rmdir name "', action: 'sftp_remove', type: 'deletion' },
  { start: 'mkdir name "', action: 'sftp_create', type: 'creation' },
  { start: 'symlink old "', action: 'sftp_create', type: 'creation' },
  { start: 'hardlink old "', action: 'sftp_create', type: 'creation' },
  { start: 'rename old "', action: 'sftp_rename', type: 'change' },
  { start: 'posix-rename old "', action: 'sftp_rename', type: 'change' },
  { start: 'set "', action: 'sftp_change', type: 'change' },
  { start: 'lset "', action: 'sftp_change', type: 'change' },
]

function parse(line: string, draft: Draft): boolean {
  if (!writtenBy(draft, WRITERS)) return false
  const name = processName(draft)
  // In the journal the server inside sshd is sshd's process, and calls itself internal-sftp.
  const isOwn =
    name !== undefined && (OWN_WRITERS.includes(name) || OWN_WRITERS.includes(appName(draft) ?? ''))
  const isPassedOn = line.endsWith(' [postauth]')
  if (name !== undefined && !isOwn && !isPassedOn) return false
  const text = isPassedOn ? line.slice(0, -11) : line
  return session(text, draft) || fileVerb(text, draft) || refused(text, draft) || (isOwn && message(draft))
}

function session(text: string, draft: Draft): boolean {
  const opened = text.startsWith('session opened for local user ')
  if (!opened && !text.startsWith('session closed for local user ')) return false
  const from = text.lastIndexOf(' from [')
  if (from < 30 || !text.endsWith(']')) return false
  const user = text.slice(30, from)
  put(draft, opened ? 'sftp_session_opened' : 'sftp_session_closed', ['session'], opened ? 'start' : 'end')
  child(draft.fields, 'user')['name'] = user
  relate(draft, 'user', user)
  const address = text.slice(from + 7, -1)
  if (address !== '' && address !== 'UNKNOWN')
    putEndpoint(draft, 'source', { address, port: -1, start: 0, end: 0 })
  return true
}

function fileVerb(text: string, draft: Draft): boolean {
  const verb = VERBS.find(({ start }) => text.startsWith(start))
  const end = text.lastIndexOf('"')
  if (verb === undefined || end < verb.start.length) return false
  const paths = text.slice(verb.start.length, end)
  const between = verb.start.endsWith(' old "') ? paths.indexOf(BETWEEN) : -1
  const path = unescaped(between < 0 ? paths : paths.slice(between + BETWEEN.length))
  const details: JsonObject = {
    verb: verb.start.slice(0, verb.start.indexOf(' "')).replace(/ (?:name|old)$/, ''),
  }
  if (between >= 0) details['old_path'] = unescaped(paths.slice(0, between))
  if (between >= 0 && paths.includes(BETWEEN, between + 1)) note(draft, 'ambiguous-fields')
  draft.fields['file'] = fileOf(path)
  Object.assign(details, detailsOf(verb.action, text.slice(end + 2)))
  put(draft, verb.action, ['file'], verb.type)
  child(draft.fields, 'decklog')['sftp'] = details
  return true
}

const BETWEEN = '" new "'

function fileOf(path: string): JsonObject {
  const slash = path.lastIndexOf('/')
  const name = path.slice(slash + 1)
  return name === '' || slash < 0
    ? { path }
    : { path, name, directory: slash === 0 ? '/' : path.slice(0, slash) }
}

/** `flags READ mode 0666`, `bytes read 10 written 0`, `mode 0644`, `size 12`. */
function detailsOf(action: string, rest: string): JsonObject {
  const words = rest.split(' ', 8)
  if (action === 'sftp_open' && words[0] === 'flags') {
    const flags = words[1]?.split(',') ?? []
    return words[2] === 'mode' && words[3] !== undefined ? { flags, mode: words[3] } : { flags }
  }
  if (action === 'sftp_close' && words[0] === 'bytes') {
    const read = Number(words[2])
    const written = Number(words[4])
    if (!Number.isSafeInteger(read) || !Number.isSafeInteger(written)) return {}
    return { bytes_read: read, bytes_written: written }
  }
  if (words[0] === 'mode' && words[1] !== undefined) return { attribute: 'mode', value: words[1] }
  return action === 'sftp_change' && words[0] !== '' && words[0] !== undefined
    ? { attribute: words[0], value: rest.slice(words[0].length + 1) }
    : {}
}

const ESCAPE = /\\(?:([0-3][0-7]{2})|(.))/g
const LETTERS: Readonly<Record<string, number>> = {
  n: 10,
  r: 13,
  t: 9,
  a: 7,
  b: 8,
  v: 11,
  f: 12,
  s: 32,
  0: 0,
}

/** Octal escapes are bytes, of UTF-8 mostly. */
function unescaped(path: string): string {
  if (!path.includes('\\')) return path
  const bytes = path.replace(ESCAPE, (_, octal: string | undefined, letter: string) =>
    octal === undefined
      ? String.fromCharCode(LETTERS[letter] ?? letter.charCodeAt(0))
      : String.fromCharCode(Number.parseInt(octal, 8)),
  )
  return /[^\0-\xff]/.test(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8')
}

function refused(text: string, draft: Draft): boolean {
  if (!text.startsWith('sent status ')) return false
  const event = put(draft, 'sftp_refused', ['file'], 'info')
  event['outcome'] = 'failure'
  event['reason'] = text.slice(12)
  return true
}

function message(draft: Draft): boolean {
  put(draft, 'sftp_message', ['session'], 'info')
  return true
}

function put(draft: Draft, action: string, category: string[], type: string): JsonObject {
  const event = child(draft.fields, 'event')
  event['action'] = action
  event['category'] = category
  event['type'] = [type]
  return event
}
