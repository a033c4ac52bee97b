import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { child, processName, relate, writtenBy } from './support/document.ts'
import { putEndpoint, readEndpoint } from './support/endpoint.ts'
import { TemplateSet, type TemplateValues } from './support/templates.ts'

/** login at a console, a serial line or over telnet, and agetty before it. */
export const login: FormatDefinition = {
  name: 'login',
  version: 1,
  kind: 'payload',
  title: 'login, agetty',
  definedBy: 'util-linux: login-utils/login.c, term-utils/agetty.c; shadow: src/login.c',
  dataset: 'system.auth',
  example: "FAILED LOGIN (1) on '/dev/tty1' FOR 'alice', Authentication failure",
  remarks: [
    'The message stays as it is; nothing is kept in `event.original`. The lines of login’s PAM stack are read by the format `pam`.',
    'A user name in a failed login is what somebody typed: passwords come there by mistake. `decklog.login.tty` is the terminal, `decklog.count` how often it was tried.',
  ],
  actions: {
    console_login: 'Somebody logged in at a terminal, or tried to (`event.outcome`)',
    login_message: 'Another message of login or agetty',
  },
  parse,
}

type Outcome = 'success' | 'failure'

const MESSAGES = new TemplateSet<Outcome>([
  ['ROOT LOGIN ON {tty} FROM {host}', 'success'],
  ['ROOT LOGIN ON {tty}', 'success'],
  ['LOGIN ON {tty} BY {user} FROM {host}', 'success'],
  ['LOGIN ON {tty} BY {user}', 'success'],
  ['DIALUP AT {tty} BY {user}', 'success'],
  ["ROOT LOGIN  on '{tty}' from '{host}'", 'success'],
  ["ROOT LOGIN  on '{tty}'", 'success'],
  ["ROOT LOGIN on '{tty}' from '{host}'", 'success'],
  ["ROOT LOGIN on '{tty}'", 'success'],
  ["'{user}' logged in on '{tty}' from '{host}'", 'success'],
  ["'{user}' logged in on '{tty}'", 'success'],
  ["'{user}' logged in  on '{tty}' from '{host}'", 'success'],
  ["'{user}' logged in  on '{tty}'", 'success'],
  ["FAILED LOGIN ({count}) on '{tty}' from '{host}' FOR '{user}', {reason}", 'failure'],
  ["FAILED LOGIN ({count}) on '{tty}' FOR '{user}', {reason}", 'failure'],
  ["TOO MANY LOGIN TRIES ({count}) on '{tty}' from '{host}' FOR '{user}'", 'failure'],
  ["TOO MANY LOGIN TRIES ({count}) on '{tty}' FOR '{user}'", 'failure'],
  ['FAILED LOGIN {count} FROM {host} FOR {user}, {reason}', 'failure'],
  ['FAILED LOGIN SESSION FROM {host} FOR {user}, {reason}', 'failure'],
  ['TOO MANY LOGIN TRIES ({count}) FROM {host} FOR {user}, {reason}', 'failure'],
  ["invalid password for '{user}' on '{tty}' from '{host}'", 'failure'],
  ["invalid password for '{user}' on '{tty}'", 'failure'],
  ["exceeded failure limit for '{user}' on '{tty}'", 'failure'],
])

function parse(text: string, draft: Draft): boolean {
  if (!writtenBy(draft, ['login', 'agetty', 'getty', 'mingetty']) || text.startsWith('pam_')) return false
  const found = MESSAGES.match(text)
  if (found === undefined) return other(draft)
  const event = child(draft.fields, 'event')
  const isSuccess = found.meaning === 'success'
  event['action'] = 'console_login'
  event['category'] = isSuccess ? ['authentication', 'session'] : ['authentication']
  event['type'] = [isSuccess ? 'start' : 'info']
  event['outcome'] = found.meaning
  if (found.values['reason'] !== undefined) event['reason'] = found.values['reason']
  putValues(draft, found.values, text.startsWith('ROOT '))
  return true
}

function putValues(draft: Draft, values: TemplateValues, isRoot: boolean): void {
  const user = isRoot ? 'root' : values['user']
  // login writes UNKNOWN, and (unknown), where nobody of that name exists.
  if (user !== undefined && user !== 'UNKNOWN' && user !== '(unknown)') {
    child(draft.fields, 'user')['name'] = user
    relate(draft, 'user', user)
  }
  const { host, tty, count } = values
  // util-linux names the terminal where it knows no host.
  const isHost = host !== undefined && host !== '(null)' && !/^(?:tty|pts\/|\/dev\/|console)/.test(host)
  const source = isHost ? readEndpoint(host, 0) : undefined
  if (source !== undefined) putEndpoint(draft, 'source', source)
  const terminal = tty ?? (isHost || host === '(null)' ? undefined : host)
  const details: JsonObject = {}
  if (terminal !== undefined) details['tty'] = terminal
  if (Object.keys(details).length > 0) child(draft.fields, 'decklog')['login'] = details
  if (count !== undefined && /^\d{1,9}$/.test(count)) child(draft.fields, 'decklog')['count'] = Number(count)
}

/** Other messages are taken only where the writer is known. */
function other(draft: Draft): boolean {
  if (processName(draft) === undefined) return false
  const event = child(draft.fields, 'event')
  event['action'] = 'login_message'
  event['category'] = ['authentication']
  event['type'] = ['info']
  return true
}
