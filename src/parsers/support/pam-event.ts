import type { Draft, JsonObject } from '../../core/document.ts'
import { child, putUser, relate } from './document.ts'
import { putEndpoint, readEndpoint } from './endpoint.ts'

/** Every `event.action` of PAM modules; where Elastic's system integration has a name, it is that one. */
export const PAM_ACTIONS = {
  'logged-on': 'A session was opened (`user.name` opened it for `user.effective.name`, where they differ)',
  'logged-off': 'A session was closed',
  authentication_failure:
    'A password or other secret was wrong; `decklog.count` says how often where one line stands for several',
  authentication_success: 'A module said yes',
  'password-changed': 'A password was changed, or that failed',
  'account-locked': 'An account is locked after too many failures',
  account_expired: 'An account or password has expired',
  access_denied:
    'A rule of access forbids it: pam_access, pam_listfile, pam_time, pam_nologin, pam_succeed_if',
  user_unknown: 'The user does not exist',
  mfa_accepted: 'A second factor was right (`decklog.mfa.provider`)',
  mfa_refused: 'A second factor was wrong, missing or refused (`decklog.mfa.provider`)',
  mfa_message: 'Another message of a second factor’s module (`decklog.mfa.provider`)',
  pam_message: 'Another message of a module',
} as const

export type PamAction = keyof typeof PAM_ACTIONS

/** `pam_unix(sshd:session): …` says all three; a tag `su(pam_unix)` only the module and service. */
export interface PamOrigin {
  readonly module: string
  readonly service?: string | undefined
  readonly type?: string | undefined
}

export interface PamFacts {
  readonly outcome?: 'success' | 'failure'
  readonly reason?: string
  readonly user?: string
  readonly userId?: string
  /** Whom the user became. */
  readonly effective?: string
  readonly effectiveId?: string
  /** `rhost`: an address or a name. */
  readonly host?: string
  readonly count?: number
  readonly details?: JsonObject
  readonly mfa?: string
}

export function putPam(draft: Draft, action: PamAction, origin: PamOrigin, facts: PamFacts): true {
  putEvent(draft, action, facts)
  putUsers(draft, facts)
  if (action === 'authentication_failure' && origin.type === 'chauthtok') putChange(draft, facts)
  if (action === 'password-changed' && facts.user !== undefined && facts.user !== '') {
    child(child(draft.fields, 'user'), 'target')['name'] = facts.user
  }
  const source = facts.host === undefined ? undefined : readEndpoint(facts.host, 0)
  if (source !== undefined) putEndpoint(draft, 'source', source)
  const pam = child(child(draft.fields, 'decklog'), 'pam')
  pam['module'] = origin.module
  if (origin.service !== undefined && origin.service !== '') pam['service'] = origin.service
  if (origin.type !== undefined && origin.type !== '') pam['type'] = origin.type
  for (const name in facts.details) pam[name] = facts.details[name]!
  if (facts.count !== undefined) child(draft.fields, 'decklog')['count'] = facts.count
  if (facts.mfa !== undefined) child(draft.fields, 'decklog')['mfa'] = { provider: facts.mfa }
  return true
}

function putEvent(draft: Draft, action: PamAction, facts: PamFacts): void {
  const event = child(draft.fields, 'event')
  event['action'] = action
  event['category'] = [categoryOf(action)]
  event['type'] = [typeOf(action)]
  if (facts.outcome !== undefined) event['outcome'] = facts.outcome
  if (facts.reason !== undefined && facts.reason !== '') event['reason'] = facts.reason
}

/** Somebody who would change a password gave a wrong one: `logname` is who, the user whose it is (as Elastic has it). */
function putChange(draft: Draft, { user, details }: PamFacts): void {
  const event = child(draft.fields, 'event')
  event['category'] = ['iam', 'authentication']
  event['type'] = ['change', 'info']
  const actor = details?.['logname']
  if (typeof actor !== 'string' || actor === '' || user === undefined || user === '') return
  const fields = child(draft.fields, 'user')
  fields['name'] = actor
  fields['target'] = { name: user }
  relate(draft, 'user', actor)
}

function categoryOf(action: PamAction): string {
  if (action === 'logged-on' || action === 'logged-off') return 'session'
  return action === 'password-changed' ? 'iam' : 'authentication'
}

function typeOf(action: PamAction): string {
  if (action === 'logged-on') return 'start'
  if (action === 'logged-off') return 'end'
  return action === 'password-changed' ? 'change' : 'info'
}

function putUsers(draft: Draft, facts: PamFacts): void {
  const user: JsonObject = {}
  if (facts.user !== undefined && facts.user !== '') user['name'] = facts.user
  if (facts.userId !== undefined) user['id'] = facts.userId
  const effective: JsonObject = {}
  if (facts.effective !== undefined && facts.effective !== '') effective['name'] = facts.effective
  if (facts.effectiveId !== undefined) effective['id'] = facts.effectiveId
  if (Object.keys(effective).length > 0) user['effective'] = effective
  if (Object.keys(user).length > 0) putUser(draft, user)
  relate(draft, 'user', facts.user ?? '')
  relate(draft, 'user', facts.effective ?? '')
}
