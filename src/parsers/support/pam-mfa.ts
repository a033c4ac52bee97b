import type { Draft } from '../../core/document.ts'
import { type PamFacts, type PamOrigin, putPam } from './pam-event.ts'

/** Modules that ask for a second factor, and what the factor is called. */
const PROVIDERS: Readonly<Record<string, string>> = {
  pam_google_authenticator: 'google_authenticator',
  pam_duo: 'duo',
  login_duo: 'duo',
  pam_u2f: 'u2f',
  pam_oath: 'oath',
  pam_yubico: 'yubico',
  pam_radius_auth: 'radius',
  pam_privacyidea: 'privacyidea',
  pam_okta: 'okta',
  pam_otpw: 'otpw',
  pam_totp: 'totp',
}

export function providerOf(module: string): string | undefined {
  return Object.hasOwn(PROVIDERS, module) ? PROVIDERS[module] : undefined
}

/**
 * google-authenticator-libpam: `Accepted google_authenticator for NAME`, `Invalid verification code for NAME`.
 * duo_unix: `(Successful|Failed|Aborted|Skipped|Allowed) Duo login for 'NAME' from ADDR[: REASON]`.
 * Of other modules the words tell how it went.
 */
export function secondFactor(text: string, draft: Draft, origin: PamOrigin, provider: string): true {
  return putMfa(draft, origin, { ...google(text), ...duo(text), ...judge(text), mfa: provider })
}

function putMfa(draft: Draft, origin: PamOrigin, facts: PamFacts): true {
  if (facts.outcome === undefined) return putPam(draft, 'mfa_message', origin, facts)
  return putPam(draft, facts.outcome === 'success' ? 'mfa_accepted' : 'mfa_refused', origin, facts)
}

function google(text: string): PamFacts {
  const match =
    /^(?:Accepted google_authenticator|Invalid verification code|No secret configured) for ([^ ]{1,256})$/.exec(
      text,
    )
  return match === null ? {} : { user: match[1]! }
}

function duo(text: string): PamFacts {
  const at = text.indexOf(" Duo login for '")
  const end = text.indexOf("'", at + 16)
  if (at < 0 || end < 0) return {}
  const from = text.startsWith(' from ', end + 1) ? text.slice(end + 7).split(/[ :](?= |$)/, 1)[0] : undefined
  const host = from?.replace(/:$/, '')
  return { user: text.slice(at + 16, end), ...(host === undefined || host === '' ? {} : { host }) }
}

const REFUSED = /\b(?:fail|invalid|denied|refused|aborted|error|not verified|rejected|reused)/i
const ACCEPTED = /\b(?:success|accepted|granted|verified|authenticated|allowed|skipped)/i

/** Words are read in the first part only: a name behind it may hold any. */
function judge(text: string): PamFacts {
  const head = text.slice(0, 64).split(/ for /, 1)[0]!
  if (REFUSED.test(head)) return { outcome: 'failure', reason: text.slice(0, 256) }
  return ACCEPTED.test(head) ? { outcome: 'success' } : {}
}
