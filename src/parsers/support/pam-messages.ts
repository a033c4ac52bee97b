import type { Draft, JsonObject } from '../../core/document.ts'
import { type PamFacts, type PamOrigin, putPam } from './pam-event.ts'

/**
 * pam_unix and modules that write like it (pam_sss, pam_krb5, pam_winbind, pam_ldap):
 *
 *     session opened for user NAME[(uid=N)] by [NAME](uid=N)
 *     session closed for user NAME
 *     authentication failure; logname=L uid=N euid=N tty=T ruser=R rhost=H [ user=U]
 *     N more authentication failure[s]; logname=… user=U
 */
export function sessionOpened(text: string, draft: Draft, origin: PamOrigin): boolean {
  if (!text.startsWith('session opened for user ')) return false
  const by = text.lastIndexOf(' by ')
  const target = nameAndId(text.slice(24, by < 24 ? text.length : by))
  const actor = by < 24 ? { name: '', id: undefined } : nameAndId(text.slice(by + 4))
  return putPam(draft, 'logged-on', origin, { outcome: 'success', ...usersOf(target, actor, origin) })
}

interface NameAndId {
  readonly name: string
  readonly id: string | undefined
}

/** `root(uid=0)`, `root`, `(uid=0)`. */
function nameAndId(text: string): NameAndId {
  const open = text.lastIndexOf('(uid=')
  if (open < 0 || !text.endsWith(')')) return { name: text, id: undefined }
  return { name: text.slice(0, open), id: text.slice(open + 5, -1) }
}

/**
 * Who and whom. sshd, cron and the like open sessions as root for the user who logs in: `by (uid=0)` names no one. In sudo
 * and su the caller counts even where only a number is known.
 */
function usersOf(target: NameAndId, actor: NameAndId, origin: PamOrigin): PamFacts {
  const calls =
    actor.name !== '' ||
    (actor.id !== undefined && /^(?:su|runuser|pkexec|doas|polkit)/.test(origin.service ?? ''))
  const id = (value: string | undefined, name: 'userId' | 'effectiveId'): PamFacts =>
    value === undefined ? {} : { [name]: value }
  if (!calls) return { user: target.name, ...id(target.id, 'userId') }
  return {
    user: actor.name,
    ...id(actor.id, 'userId'),
    effective: target.name,
    ...id(target.id, 'effectiveId'),
  }
}

export function sessionClosed(text: string, draft: Draft, origin: PamOrigin): boolean {
  if (!text.startsWith('session closed for user ')) return false
  return putPam(draft, 'logged-off', origin, { user: text.slice(24) })
}

export function authentication(text: string, draft: Draft, origin: PamOrigin): boolean {
  const semicolon = text.indexOf('; ')
  const head = semicolon < 0 ? text : text.slice(0, semicolon)
  const more = /^(\d{1,9}) more authentication failures?$/.exec(head)
  if (more !== null) {
    const facts = keyValues(text, semicolon)
    return putPam(draft, 'authentication_failure', origin, {
      outcome: 'failure',
      count: Number(more[1]),
      ...facts,
    })
  }
  if (head === 'authentication failure') {
    return putPam(draft, 'authentication_failure', origin, {
      outcome: 'failure',
      ...keyValues(text, semicolon),
    })
  }
  if (head !== 'authentication success') return false
  return putPam(draft, 'authentication_success', origin, {
    outcome: 'success',
    ...keyValues(text, semicolon),
  })
}

const ORDER = ['logname', 'uid', 'euid', 'tty', 'ruser', 'rhost', 'user'] as const

/**
 * The keys stand in this order, each once; `user`, which a client may have sent, is last and takes the rest. So a name such as
 * `x rhost=192.0.2.1` changes nothing.
 */
function keyValues(text: string, from: number): PamFacts {
  if (from < 0) return {}
  const values = new Map<string, string>()
  let at = from + 1
  for (const [index, key] of ORDER.entries()) {
    if (!text.startsWith(` ${key}=`, at)) {
      if (key !== 'user' || !text.startsWith('  user=', at)) continue
      at++
    }
    const start = at + key.length + 2
    const next = index + 1 < ORDER.length ? nextKey(text, start, index + 1) : text.length
    values.set(key, text.slice(start, next).trimEnd())
    at = next
  }
  const details: JsonObject = {}
  for (const key of ['logname', 'uid', 'euid', 'tty', 'ruser'] as const) {
    const value = values.get(key)
    if (value !== undefined && value !== '') details[key] = value
  }
  const host = values.get('rhost')
  const user = values.get('user') ?? ''
  return host === undefined || host === '' ? { user, details } : { user, details, host }
}

function nextKey(text: string, from: number, index: number): number {
  for (let i = index; i < ORDER.length; i++) {
    const at = text.indexOf(` ${ORDER[i]!}=`, from)
    if (at >= 0) return ORDER[i] === 'user' && text.charCodeAt(at - 1) === 32 && at > from ? at - 1 : at
  }
  return text.length
}

export function userUnknown(text: string, draft: Draft, origin: PamOrigin): boolean {
  if (text === 'check pass; user unknown' || text === 'User unknown' || text === 'user unknown') {
    return putPam(draft, 'user_unknown', origin, { outcome: 'failure' })
  }
  const passwd = text.startsWith('could not identify user (from getpwnam(') ? text.indexOf('))', 39) : -1
  return (
    passwd > 0 && putPam(draft, 'user_unknown', origin, { outcome: 'failure', user: text.slice(39, passwd) })
  )
}

/** `password changed for NAME`; any other message of `chauthtok` is of a change that failed. */
export function password(text: string, draft: Draft, origin: PamOrigin): boolean {
  if (text.startsWith('password changed for ')) {
    return putPam(draft, 'password-changed', origin, { outcome: 'success', user: text.slice(21) })
  }
  const failed =
    /^password - \(old\) token not obtained$|^user "([^"]{0,256})" does not exist|^new password not acceptable/.exec(
      text,
    )
  if (failed === null) return false
  return putPam(draft, 'password-changed', origin, {
    outcome: 'failure',
    user: failed[1] ?? '',
    reason: text,
  })
}

/** `account NAME has expired (…)`, `expired password for user NAME (…)`, `password for user NAME will expire in N days`. */
export function expired(text: string, draft: Draft, origin: PamOrigin): boolean {
  const account = text.startsWith('account ') ? text.indexOf(' has expired') : -1
  if (account > 8) {
    const facts = {
      outcome: 'failure',
      user: text.slice(8, account),
      reason: text.slice(account + 1),
    } as const
    return putPam(draft, 'account_expired', origin, facts)
  }
  if (!text.startsWith('expired password for user ')) return false
  const open = text.lastIndexOf(' (')
  const user = text.slice(26, open < 26 ? text.length : open)
  return putPam(draft, 'account_expired', origin, { outcome: 'failure', user, reason: 'password expired' })
}

/** pam_faillock, pam_tally, pam_tally2: `Consecutive login failures for user NAME account temporarily locked`, `user NAME (N) tally N, deny N`. */
export function locked(text: string, draft: Draft, origin: PamOrigin): boolean {
  if (!origin.module.startsWith('pam_faillock') && !origin.module.startsWith('pam_tally')) return false
  const match =
    /^Consecutive login failures for user ([^ ]{1,256}) account/.exec(text) ??
    /^user ([^ ]{1,256}) \(\d{1,10}\) (?:has )?tally/.exec(text)
  if (match === null) return false
  return putPam(draft, 'account-locked', origin, { outcome: 'failure', user: match[1]!, reason: text })
}

/** pam_access: "access denied for user `NAME' from `HOST'"; others name the user in quotes or not at all. */
export function refusedByRule(text: string, draft: Draft, origin: PamOrigin): boolean {
  const from = text.startsWith('access denied for user `') ? text.lastIndexOf("' from `") : -1
  if (from > 24) {
    const host = text.slice(from + 8, text.endsWith("'") ? -1 : undefined)
    return putPam(draft, 'access_denied', origin, {
      outcome: 'failure',
      user: text.slice(24, from),
      host,
      reason: 'access denied',
    })
  }
  if (text.startsWith('requirement ') && text.includes(' not met by user ')) {
    const user = unquoted(text.slice(text.lastIndexOf(' not met by user ') + 17))
    return putPam(draft, 'access_denied', origin, { outcome: 'failure', user, reason: text })
  }
  const refused = /^Refused user ([^ ]{1,256}) for service /.exec(text)
  return (
    refused !== null &&
    putPam(draft, 'access_denied', origin, { outcome: 'failure', user: refused[1]!, reason: text })
  )
}

function unquoted(text: string): string {
  return text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text
}
