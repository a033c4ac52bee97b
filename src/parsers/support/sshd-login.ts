import type { Draft, JsonObject } from '../../core/document.ts'
import { type Endpoint, endpointAtEnd, readEndpoint } from './endpoint.ts'
import { note, relate } from './document.ts'
import { putAmbiguous, putSshd, type SshdAction } from './sshd-event.ts'

/**
 * auth.c, auth_log():
 *
 *     (Accepted|Failed|Partial|Postponed) METHOD[/SUBMETHOD] for [invalid user ]USER from ADDR port N ssh2[: INFO]
 *
 * USER is whatever the client sent, and so is part of INFO (the id in a certificate, the client's user of hostbased). So
 * where ` from ADDR port N ssh2` stands more than once, the rule is: who is not called invalid exists on this host and holds
 * no such text, so the first is true; methods without INFO end with the true one; a plain key (`TYPE FINGERPRINT`) is INFO
 * without text of the client, so the last is true; otherwise none is believed.
 */
export function login(text: string, draft: Draft): boolean {
  const afterEvent = text.indexOf(' ')
  const afterMethod = text.indexOf(' for ', afterEvent + 1)
  if (afterMethod < 0) return false
  const event = text.slice(0, afterEvent)
  const method = text.slice(afterEvent + 1, afterMethod)
  if (method === '' || method.includes(' ')) return false
  const invalidUser = text.startsWith('invalid user ', afterMethod + 5)
  const userAt = afterMethod + (invalidUser ? 18 : 5)
  const candidates = originsOf(text, userAt)
  if (candidates.length === 0) return false
  const source = candidates.length === 1 ? candidates[0] : chosenOf(text, { invalidUser, method, candidates })
  const ssh: JsonObject = { event, method }
  const details: JsonObject = {}
  if (source !== undefined && text.startsWith(': ', source.end)) {
    ssh['signature'] = text.slice(source.end + 2)
    readSignature(text.slice(source.end + 2), draft, details)
  }
  if (candidates.length > 1) {
    note(draft, 'ambiguous-fields')
    if (source === undefined) putAmbiguous(draft, candidates)
  }
  const user = source === undefined ? '' : userOf(text, userAt, source)
  const outcome = OUTCOME_OF[event]
  const facts = { invalidUser, source, ssh, details, user }
  putSshd(draft, ACTION_OF[event]!, outcome === undefined ? facts : { ...facts, outcome })
  if (event === 'Accepted') (draft.fields['event'] as JsonObject)['category'] = ['authentication', 'session']
  return true
}

const ACTION_OF: Readonly<Record<string, SshdAction>> = {
  Accepted: 'ssh_login',
  Failed: 'ssh_login',
  Partial: 'ssh_login_partial',
  Postponed: 'ssh_login_postponed',
}

const OUTCOME_OF: Readonly<Record<string, 'success' | 'failure'>> = {
  Accepted: 'success',
  Failed: 'failure',
  Partial: 'success',
}

/** The word before ` from `, where Solaris writes `<invalid username>` for none. */
function userOf(text: string, userAt: number, source: Endpoint): string {
  const user = text.slice(userAt, source.start - 6)
  return user === '<invalid username>' ? '' : user
}

/** A line may hold many of them; more than this many are one attacker's text, and none is believed. */
const ORIGINS_MAX = 16

/**
 * Every ` from ADDR port N ssh2` that ends the line or stands before `: `. Without any, the older short forms at the end:
 * `from ADDR port N`, `from ADDR`. `Endpoint.end` is behind `ssh2`.
 */
function originsOf(text: string, from: number): Endpoint[] {
  const found: Endpoint[] = []
  for (let at = text.indexOf(' from ', from - 1); at >= 0; at = text.indexOf(' from ', at + 1)) {
    const endpoint = readEndpoint(text, at + 6)
    if (endpoint === undefined || endpoint.port < 0) continue
    if (!text.startsWith(' ssh', endpoint.end)) continue
    const end = endpoint.end + 5
    if (end !== text.length && !text.startsWith(': ', end)) continue
    const { address, port, start } = endpoint
    found.push({ address, port, start, end })
    if (found.length === ORIGINS_MAX) break
  }
  if (found.length > 0) return found
  const last = text.lastIndexOf(' from ')
  const short = last < from - 1 ? undefined : endpointAtEnd(text, last + 6)
  return short === undefined || short.start !== last + 6 ? [] : [short]
}

interface Choice {
  readonly invalidUser: boolean
  readonly method: string
  readonly candidates: readonly Endpoint[]
}

function chosenOf(text: string, { invalidUser, method, candidates }: Choice): Endpoint | undefined {
  if (!invalidUser) return candidates[0]
  if (candidates.length === ORIGINS_MAX) return undefined
  const last = candidates.at(-1)!
  if (last.end === text.length) return hasInfo(method) ? undefined : last
  return method === 'publickey' && isPlainKey(text.slice(last.end + 2)) ? last : undefined
}

function hasInfo(method: string): boolean {
  return method === 'publickey' || method === 'hostbased' || method.startsWith('gssapi')
}

function isPlainKey(info: string): boolean {
  return /^[A-Z0-9-]{1,32} [A-Za-z0-9:+/$=]{1,128}$/.test(info)
}

/** `TYPE FINGERPRINT`, and for a certificate ` ID id (serial N) CA TYPE FINGERPRINT` behind it. */
function readSignature(info: string, draft: Draft, details: JsonObject): void {
  const typeEnd = info.indexOf(' ')
  if (typeEnd < 1 || typeEnd > 32) return
  const keyEnd = endOfWord(info, typeEnd + 1)
  details['key_type'] = info.slice(0, typeEnd)
  const fingerprint = info.slice(typeEnd + 1, keyEnd)
  details['fingerprint'] = fingerprint
  relate(draft, 'hash', fingerprint)
  const authority = info.lastIndexOf(' CA ')
  const serial = info.lastIndexOf(' (serial ', authority)
  if (!info.startsWith(' ID ', keyEnd) || authority < 0 || serial < keyEnd) return
  details['certificate'] = certificateOf(info, keyEnd, serial, authority)
}

function certificateOf(info: string, keyEnd: number, serial: number, authority: number): JsonObject {
  const signer = info.slice(authority + 4)
  return {
    id: info.slice(keyEnd + 4, Math.max(serial, keyEnd + 4)),
    serial: info.slice(serial + 9, authority - 1),
    ca: signer,
  }
}

function endOfWord(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 32 || code === 44) return at
  }
  return text.length
}

/** auth2.c / auth.c: `Invalid user USER from ADDR[ port N]`. Read from the right. */
export function invalidUser(text: string, draft: Draft): boolean {
  const from = text.lastIndexOf(' from ')
  if (!text.startsWith('Invalid user ') && !text.startsWith('Illegal user ')) return false
  if (from < 12) return false
  const source = readEndpoint(text, from + 6)
  if (source === undefined || source.end !== text.length) return false
  const user = text.slice(13, from)
  return putSshd(draft, 'ssh_login', {
    outcome: 'failure',
    user,
    invalidUser: true,
    source,
    ssh: { event: 'Invalid' },
  })
}

/** auth.c, auth_maxtries_exceeded(): `maximum authentication attempts exceeded for [invalid user ]USER from ADDR port N ssh2`. */
export function maxAttempts(text: string, draft: Draft): boolean {
  const start = 'maximum authentication attempts exceeded for '
  const from = text.lastIndexOf(' from ')
  if (!text.startsWith(start) || from < start.length - 1) return false
  const invalid = text.startsWith('invalid user ', start.length)
  const source = readEndpoint(text, from + 6)
  if (source === undefined || (source.end !== text.length && source.end + 5 !== text.length)) return false
  const user = text.slice(start.length + (invalid ? 13 : 0), from)
  return putSshd(draft, 'ssh_max_attempts', { outcome: 'failure', user, invalidUser: invalid, source })
}

/**
 * auth.c, allowed_user(): `User USER[ from HOST] not allowed because REASON`. USER exists on this host.
 * auth2-pubkey.c and others: `User USER password has expired (…)`, `User USER not found`.
 */
export function userRefused(text: string, draft: Draft): boolean {
  const because = text.lastIndexOf(' not allowed because ')
  if (because > 5) {
    const from = text.lastIndexOf(' from ', because)
    const source = from < 5 ? undefined : readEndpoint(text.slice(0, because), from + 6)
    const whole = source !== undefined && source.end === because
    const user = text.slice(5, whole ? from : because)
    return denied(draft, { user, source: whole ? source : undefined, reason: text.slice(because + 21) })
  }
  const expired = text.indexOf(' password has expired')
  if (expired < 5) return false
  return denied(draft, { user: text.slice(5, expired), reason: text.slice(expired + 1) })
}

function denied(draft: Draft, facts: { user?: string; source?: Endpoint | undefined; reason: string }): true {
  return putSshd(draft, 'ssh_login_denied', { outcome: 'failure', ...facts })
}

/** `ROOT LOGIN REFUSED FROM ADDR[ port N]`. */
export function rootRefused(text: string, draft: Draft): boolean {
  if (!text.startsWith('ROOT LOGIN REFUSED FROM ')) return false
  return denied(draft, { user: 'root', source: readEndpoint(text, 24), reason: 'root login refused' })
}

/** auth-pam.c: `Access denied for user USER by PAM account configuration`. */
export function accessDenied(text: string, draft: Draft): boolean {
  const by = text.lastIndexOf(' by PAM account configuration')
  if (!text.startsWith('Access denied for user ') || by < 23) return false
  return denied(draft, { user: text.slice(23, by), reason: text.slice(by + 1) })
}

/** auth-shadow.c and others: `Account USER has expired`, `Password for USER has expired`, `Login restricted for USER: …`. */
export function accountRefused(text: string, draft: Draft): boolean {
  const start = text.startsWith('Account ') ? 8 : text.startsWith('Login restricted for ') ? 21 : -1
  const end = start === 8 ? text.indexOf(' has expired') : text.indexOf(':')
  if (start < 0 || end < start) return false
  return denied(draft, { user: text.slice(start, end), reason: text.slice(end).replace(/^[ :]+/, '') })
}

/** auth-pam.c: `PAM: REASON for [illegal user ]USER from HOST[ via ADDR]`, written with `error: `. */
export function pamFailure(text: string, draft: Draft): boolean {
  const end = text.lastIndexOf(' via ')
  const from = text.lastIndexOf(' from ')
  const forUser = text.indexOf(' for ')
  if (!text.startsWith('PAM: ') || forUser < 5 || from < forUser + 4) return false
  const illegal = text.startsWith('illegal user ', forUser + 5)
  const source = readEndpoint(text.slice(0, end > from ? end : text.length), from + 6)
  const user = text.slice(forUser + (illegal ? 18 : 5), from)
  const reason = text.slice(5, forUser)
  return putSshd(draft, 'ssh_pam_failure', { outcome: 'failure', user, invalidUser: illegal, source, reason })
}
