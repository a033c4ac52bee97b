import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { child, processName, relate, writtenBy } from './support/document.ts'

/**
 * cron (Vixie's, cronie), crontab, anacron, run-parts, BusyBox crond:
 *
 *     (WHO) WHAT (DETAIL)                       CMD, CMDOUT, CMDEND, END, RELOAD, LIST, REPLACE, BEGIN EDIT, AUTH, …
 *     (root) CMD ([4711] run-parts /etc/cron.hourly)     with the child's number: cron -L 8, cronie's END
 *     Job `cron.daily' started                  anacron
 *     (/etc/cron.hourly) starting 0anacron      run-parts
 *     USER root pid 123 cmd run-parts /etc/…    BusyBox
 *
 * DETAIL of CMD is the crontab's line, which its owner wrote: WHO and WHAT come before it.
 */
export const cron: FormatDefinition = {
  name: 'cron',
  version: 1,
  kind: 'payload',
  title: 'cron, crontab, anacron',
  definedBy:
    'Debian cron and cronie: log_it() in misc.c and its callers; anacron: log.c, runjob.c; BusyBox crond.c',
  dataset: 'system.syslog',
  example: '(root) CMD (test -x /usr/sbin/anacron || run-parts --report /etc/cron.daily)',
  remarks: [
    'The message stays as it is; nothing is kept in `event.original`. `user.name` is whose crontab it is or, for crontab itself, who called it; `user.target.name` is then whose table was looked at or changed.',
    '`decklog.cron` has `what` (cron’s own word), `command`, `detail`, `job` and `child_pid`. The command is not `process.command_line`, for the process of the line is cron.',
  ],
  actions: {
    cron_command: 'A job was started',
    cron_command_end: 'A job ended',
    cron_output: 'What a job printed, or where it was mailed',
    crontab_changed: 'A table was replaced, edited or deleted',
    crontab_read: 'A table was listed, or an editor was opened on it',
    cron_reloaded: 'cron has read a changed table',
    cron_denied: 'A user may not use crontab, or a table was refused for its owner or mode',
    cron_error: 'A job failed, or cron itself',
    cron_message: 'Another message of cron',
  },
  parse,
}

const WRITERS = [
  'cron',
  'CRON',
  'crond',
  'CROND',
  'crontab',
  'anacron',
  'run-parts',
  'cronie',
  '/USR/SBIN/CRON',
]

function parse(text: string, draft: Draft): boolean {
  if (!writtenBy(draft, WRITERS) || text.startsWith('pam_')) return false
  if (text.charCodeAt(0) === 40) return vixie(text, draft) || runParts(text, draft) || other(draft)
  return anacron(text, draft) || busybox(text, draft) || other(draft)
}

interface Kind {
  readonly action: string
  readonly category: string
  readonly type: string
  readonly failed?: boolean
}

const process = (action: string, type: string, failed = false): Kind => ({
  action,
  category: 'process',
  type,
  failed,
})
const table = (action: string, type: string, failed = false): Kind => ({
  action,
  category: 'configuration',
  type,
  failed,
})

const KINDS: Readonly<Record<string, Kind>> = {
  CMD: process('cron_command', 'start'),
  CMDEND: process('cron_command_end', 'end'),
  END: process('cron_command_end', 'end'),
  CMDOUT: process('cron_output', 'info'),
  MAIL: process('cron_output', 'info'),
  RELOAD: table('cron_reloaded', 'change'),
  LIST: table('crontab_read', 'access'),
  'BEGIN EDIT': table('crontab_read', 'access'),
  'END EDIT': table('crontab_changed', 'change'),
  REPLACE: table('crontab_changed', 'change'),
  DELETE: table('crontab_changed', 'deletion'),
  AUTH: table('cron_denied', 'denied', true),
  'WRONG FILE OWNER': table('cron_denied', 'denied', true),
  'WRONG INODE INFO': table('cron_denied', 'denied', true),
  'INSECURE MODE': table('cron_denied', 'denied', true),
  'BAD FILE MODE': table('cron_denied', 'denied', true),
  'NOT A REGULAR FILE': table('cron_denied', 'denied', true),
  ORPHAN: table('cron_denied', 'denied', true),
}
const MESSAGE = process('cron_message', 'info')
const ERROR = process('cron_error', 'info', true)
const WHAT_LENGTH_MAX = 64

function vixie(text: string, draft: Draft): boolean {
  const whoEnd = text.indexOf(') ')
  const open = whoEnd < 0 ? -1 : text.indexOf(' (', whoEnd + 1)
  if (open < whoEnd + 2 || open - whoEnd > WHAT_LENGTH_MAX || !text.endsWith(')')) return false
  const who = text.slice(1, whoEnd)
  const what = text.slice(whoEnd + 2, open)
  const detail = text.slice(text.startsWith(' (', open) ? open + 2 : open, -1)
  // `INSECURE MODE (group/other writable) (FILE)`
  const kind = KINDS[what] ?? (isFailure(what) ? ERROR : MESSAGE)
  put(draft, kind)
  const isTable = kind.category === 'configuration'
  if (isUser(who)) putUser(draft, who)
  const details: JsonObject = { what }
  if (kind.action === 'cron_command' || kind.action === 'cron_command_end') {
    Object.assign(details, commandOf(detail))
  } else details['detail'] = detail
  if (isTable && detail.startsWith('/')) draft.fields['file'] = { path: detail }
  else if (isTable && kind.failed !== true && isUser(detail)) putTarget(draft, detail)
  if (kind.failed === true)
    child(draft.fields, 'event')['reason'] = kind === ERROR ? `${what}: ${detail}` : what
  child(draft.fields, 'decklog')['cron'] = details
  return true
}

function isFailure(what: string): boolean {
  return /error|fail|can't|bad |too long|missing|not found/i.test(what)
}

/** `(*system*)`, `(*system*t)`, `(CRON)` are cron's own. */
function isUser(name: string): boolean {
  return name !== '' && name !== 'CRON' && name !== 'crond' && !/[*/ ]/.test(name)
}

/** `[4711] command`, or the command alone. */
function commandOf(detail: string): JsonObject {
  const close = detail.startsWith('[') ? detail.indexOf('] ') : -1
  const pid = close > 1 ? Number(detail.slice(1, close)) : Number.NaN
  return Number.isInteger(pid) ? { command: detail.slice(close + 2), child_pid: pid } : { command: detail }
}

/** `(/etc/cron.hourly) starting 0anacron`. */
function runParts(text: string, draft: Draft): boolean {
  const close = text.indexOf(') ')
  const verb = text.startsWith('starting ', close + 2) ? 9 : text.startsWith('finished ', close + 2) ? 9 : 0
  if (!text.startsWith('(/') || close < 0 || verb === 0) return false
  const isEnd = text.startsWith('finished ', close + 2)
  put(draft, isEnd ? KINDS['END']! : KINDS['CMD']!)
  const details = { detail: text.slice(1, close), command: text.slice(close + 2 + verb) }
  child(draft.fields, 'decklog')['cron'] = details
  return true
}

/** `Job 'cron.daily' started`, with an older opening quote too; `Will run job …`, `Normal exit (1 job run)`. */
function anacron(text: string, draft: Draft): boolean {
  const from = text.startsWith('Job ') ? 5 : -1
  const to = from < 0 ? -1 : text.indexOf("' ", from)
  if (to < 0) return false
  const rest = text.slice(to + 2)
  const kind = rest.startsWith('started')
    ? KINDS['CMD']!
    : !rest.startsWith('terminated')
      ? MESSAGE
      : rest.includes('exit status') || rest.includes('abnormally')
        ? ERROR
        : KINDS['END']!
  put(draft, kind)
  const job = text.slice(from, to)
  child(draft.fields, 'decklog')['cron'] = kind === ERROR ? { job, detail: rest } : { job }
  if (kind === ERROR) child(draft.fields, 'event')['reason'] = rest
  return true
}

/** `USER root pid 123 cmd COMMAND`. */
function busybox(text: string, draft: Draft): boolean {
  const pid = text.startsWith('USER ') ? text.indexOf(' pid ') : -1
  const cmd = pid < 0 ? -1 : text.indexOf(' cmd ', pid)
  if (cmd < 0) return false
  put(draft, KINDS['CMD']!)
  putUser(draft, text.slice(5, pid))
  const number = Number(text.slice(pid + 5, cmd))
  const command = text.slice(cmd + 5)
  child(draft.fields, 'decklog')['cron'] = Number.isInteger(number)
    ? { what: 'CMD', command, child_pid: number }
    : { what: 'CMD', command }
  return true
}

/** Other messages are taken only where the writer is known. */
function other(draft: Draft): boolean {
  if (processName(draft) === undefined) return false
  put(draft, MESSAGE)
  return true
}

function put(draft: Draft, kind: Kind): void {
  const event = child(draft.fields, 'event')
  event['action'] = kind.action
  event['category'] = [kind.category]
  event['type'] = [kind.type]
  if (kind.failed === true) event['outcome'] = 'failure'
}

function putUser(draft: Draft, name: string): void {
  child(draft.fields, 'user')['name'] = name
  relate(draft, 'user', name)
}

function putTarget(draft: Draft, name: string): void {
  child(child(draft.fields, 'user'), 'target')['name'] = name
  relate(draft, 'user', name)
}
