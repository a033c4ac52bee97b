import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { child, processName, relate, writtenBy } from './support/document.ts'

/**
 * systemd src/login: the session's number is the audit session's (`ses` of auditd and tlog) where there is one, else `cN`.
 *
 *     New session 324 of user alice.
 *     New session '324' of user 'alice' with class 'user' and type 'tty'.      from v256
 *     Session 324 logged out. Waiting for processes to exit.
 *     Removed session 324.
 *     New seat seat0.      System is rebooting.      System is powering down (…).
 */
export const logind: FormatDefinition = {
  name: 'logind',
  version: 1,
  kind: 'payload',
  title: 'systemd-logind',
  definedBy: 'systemd: src/login/logind-session.c, logind-dbus.c, logind-seat.c',
  dataset: 'system.auth',
  example: 'New session 324 of user alice.',
  remarks: [
    'The message stays as it is; nothing is kept in `event.original`. `decklog.logind.session` is the session’s number: the same as the audit session’s, where there is one, so that it joins with auditd and tlog. `decklog.logind` also has `class`, `type` and `seat`.',
  ],
  actions: {
    session_new: 'A session began, for one user',
    session_logged_out: 'A session’s leader ended; its other processes may go on',
    session_removed: 'A session is gone',
    system_shutdown: 'The machine goes down, reboots or sleeps',
    logind_message: 'Another message of systemd-logind',
  },
  parse,
}

function parse(text: string, draft: Draft): boolean {
  if (!writtenBy(draft, ['systemd-logind'])) return false
  return newSession(text, draft) || endedSession(text, draft) || other(text, draft)
}

function newSession(text: string, draft: Draft): boolean {
  const of = text.startsWith('New session ') ? text.indexOf(' of user ') : -1
  if (of < 13 || !text.endsWith('.')) return false
  const detail = text.indexOf(" with class '", of)
  const user = unquoted(text.slice(of + 9, detail < 0 ? -1 : detail))
  const fields: JsonObject = { session: unquoted(text.slice(12, of)) }
  if (detail >= 0) {
    const type = text.indexOf("' and type '", detail)
    if (type > 0)
      Object.assign(fields, { class: text.slice(detail + 13, type), type: text.slice(type + 12, -2) })
  }
  put(draft, 'session_new', 'start', fields)
  child(draft.fields, 'user')['name'] = user
  relate(draft, 'user', user)
  return true
}

function endedSession(text: string, draft: Draft): boolean {
  const loggedOut = text.startsWith('Session ') ? text.indexOf(' logged out. ') : -1
  if (loggedOut > 8)
    return put(draft, 'session_logged_out', 'end', { session: unquoted(text.slice(8, loggedOut)) })
  if (!text.startsWith('Removed session ') || !text.endsWith('.')) return false
  return put(draft, 'session_removed', 'end', { session: unquoted(text.slice(16, -1)) })
}

/** Other messages are taken only where the writer is known to be logind. */
function other(text: string, draft: Draft): boolean {
  if (processName(draft) === undefined) return false
  if (/^(?:System is|The system will) /.test(text)) return put(draft, 'system_shutdown', 'info', {})
  const seat = text.startsWith('New seat ') ? { seat: text.slice(9, -1) } : {}
  return put(draft, 'logind_message', 'info', seat)
}

function put(draft: Draft, action: string, type: string, fields: JsonObject): true {
  const event = child(draft.fields, 'event')
  event['action'] = action
  event['category'] = [action.startsWith('session_') ? 'session' : 'host']
  event['type'] = [type]
  if (Object.keys(fields).length > 0) child(draft.fields, 'decklog')['logind'] = fields
  return true
}

function unquoted(text: string): string {
  return text.length > 1 && text.startsWith("'") && text.endsWith("'") ? text.slice(1, -1) : text
}
