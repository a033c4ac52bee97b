import type { Draft } from '../../core/document.ts'
import { type PamAction, type PamFacts, type PamOrigin, putPam } from './pam-event.ts'
import { TemplateSet } from './templates.ts'

interface Meaning {
  readonly action: PamAction
  readonly outcome: 'success' | 'failure'
}

const failure: Meaning = { action: 'authentication_failure', outcome: 'failure' }
const success: Meaning = { action: 'authentication_success', outcome: 'success' }
/** Stands beside a line that says so already: not to be counted twice. */
const beside: Meaning = { action: 'pam_message', outcome: 'failure' }
const denied: Meaning = { action: 'access_denied', outcome: 'failure' }

/**
 * Modules that ask a directory or another password store, and those that only look at who somebody is: SSSD's pam_sss, pam_krb5,
 * pam_ldap, Samba's pam_winbind, pam_wheel, and what pam_unix says of a question that nobody answered.
 */
const MESSAGES = new TemplateSet<Meaning>([
  ['received for user {user}: {code} ({reason})', beside],
  ['Access denied for user {user}: {code} ({reason})', denied],
  ['user {user} authenticated as {principal}', success],
  ['Authentication failure; user={user}', failure],
  ['error trying to bind as user "{principal}" ({reason})', failure],
  ["user '{user}' granted access", success],
  ["user '{user}' denied access ({reason})", denied],
  ["user '{user}' OK", success],
  ['request {request} failed: {reason}', failure],
  ["Access denied to '{user}' for '{target}'", denied],
  ["Access granted to '{user}' for '{target}'", success],
  ['auth could not identify password for [{user}]', beside],
  ['conversation failed', beside],
])

export function directory(text: string, draft: Draft, origin: PamOrigin): boolean {
  const found = MESSAGES.match(text)
  if (found === undefined) return false
  const { user, target, reason } = found.values
  const facts: PamFacts = {
    outcome: found.meaning.outcome,
    ...(user === undefined ? {} : { user }),
    ...(target === undefined ? {} : { effective: target }),
    ...(found.meaning.outcome === 'failure' ? { reason: reason ?? text } : {}),
  }
  return putPam(draft, found.meaning.action, origin, facts)
}
