import type { Draft } from '../core/document.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { processName } from './support/document.ts'
import { directory } from './support/pam-directory.ts'
import { PAM_ACTIONS, type PamOrigin, putPam } from './support/pam-event.ts'
import {
  authentication,
  expired,
  locked,
  password,
  refusedByRule,
  sessionClosed,
  sessionOpened,
  userUnknown,
} from './support/pam-messages.ts'
import { providerOf, secondFactor } from './support/pam-mfa.ts'

/**
 * What PAM modules log, under the name of whatever program uses them (libpam, pam_vsyslog):
 *
 *     MODULE(SERVICE:TYPE): MESSAGE          TYPE is auth, account, session, chauthtok or setcred
 *     MESSAGE                                under the tag SERVICE(MODULE), as older ones do
 *     PAM N more authentication failure[s]; …          of sshd's own PAM code
 */
export const pam: FormatDefinition = {
  name: 'pam',
  version: 1,
  kind: 'payload',
  title: 'PAM modules, under any program',
  definedBy:
    'Linux-PAM: libpam/pam_syslog.c, modules/pam_unix/*.c, pam_faillock, pam_access, pam_wheel; SSSD, pam_krb5, pam_ldap, pam_winbind; google-authenticator-libpam; duo_unix',
  dataset: 'system.auth',
  example: 'pam_unix(sshd:session): session opened for user alice(uid=1001) by (uid=0)',
  remarks: [
    'The message stays as it is; nothing is kept in `event.original`. Values of `event.action` follow Elastic’s system integration where it has them.',
    'A session opened `by (uid=0)` was opened by a daemon: `user.name` is then who logged in. Elastic’s documents have an empty `user.name` and `user.id` 0 there. Under sudo and su the caller is `user.*` and the one they became is `user.effective.*`.',
    'A line of pam_unix’s `auth` that says nothing of success has no `event.outcome`; Elastic’s pipeline calls each a success that does not say “authentication failure”.',
    '`decklog.pam` has `module`, `service`, `type`, `logname`, `uid`, `euid`, `tty` and `ruser`. A second factor’s module gives `decklog.mfa.provider`: google_authenticator, duo, u2f, oath, yubico, radius, privacyidea, okta.',
  ],
  actions: PAM_ACTIONS,
  parse,
}

function parse(line: string, draft: Draft): boolean {
  // sshd's monitor passes on what its unprivileged child logs, and says so.
  const text = line.endsWith(' [preauth]') ? line.slice(0, -10) : line
  const name = processName(draft)
  const header = readHeader(text)
  if (header !== undefined) return message(text.slice(header.end), draft, header.origin)
  const origin = originOf(name)
  if (origin !== undefined) return message(text, draft, origin)
  if (text.startsWith('PAM ') && text.includes(' more authentication failure')) {
    return authentication(text.slice(4), draft, { module: 'pam', service: name })
  }
  if (text.startsWith('PAM service('))
    return putPam(draft, 'pam_message', { module: 'pam', service: name }, {})
  return checker(text, draft, name)
}

/** A name of a module, service or type is short, and holds no space. */
const NAME_LENGTH_MAX = 64

/** `pam_unix(sshd:session): `. Some services hold odd signs: `pam_unix(gdm-password]:auth)`. */
function readHeader(text: string): { readonly origin: PamOrigin; readonly end: number } | undefined {
  if (!text.startsWith('pam_')) return undefined
  const open = text.indexOf('(')
  const bare = text.indexOf(': ')
  // `pam_ldap: …`, without the service.
  if (bare > 5 && bare <= NAME_LENGTH_MAX && (open < 0 || bare < open)) return moduleAlone(text, bare)
  const close = text.indexOf('): ', open)
  if (open < 5 || close < 0 || close > NAME_LENGTH_MAX * 3) return undefined
  const module = text.slice(0, open)
  const inside = text.slice(open + 1, close)
  if (module.includes(' ') || inside.includes(' ')) return undefined
  const colon = inside.lastIndexOf(':')
  const service = colon < 0 ? inside : inside.slice(0, colon)
  const type = colon < 0 ? undefined : inside.slice(colon + 1)
  return { origin: { module, service, type }, end: close + 3 }
}

function moduleAlone(
  text: string,
  colon: number,
): { readonly origin: PamOrigin; readonly end: number } | undefined {
  const module = text.slice(0, colon)
  return /^pam_[a-z0-9_]+$/.test(module) ? { origin: { module }, end: colon + 2 } : undefined
}

/** `sshd(pam_google_authenticator)`, `pam_duo`, `login_duo`. */
function originOf(name: string | undefined): PamOrigin | undefined {
  if (name === undefined) return undefined
  const open = name.indexOf('(pam_')
  if (open > 0 && name.endsWith(')'))
    return { module: name.slice(open + 1, -1), service: name.slice(0, open) }
  return name.startsWith('pam_') || name === 'login_duo' ? { module: name } : undefined
}

function message(text: string, draft: Draft, origin: PamOrigin): true {
  const provider = providerOf(origin.module)
  if (provider !== undefined) return secondFactor(text, draft, origin, provider)
  const known =
    sessionOpened(text, draft, origin) ||
    sessionClosed(text, draft, origin) ||
    authentication(text, draft, origin) ||
    userUnknown(text, draft, origin) ||
    password(text, draft, origin) ||
    expired(text, draft, origin) ||
    locked(text, draft, origin) ||
    refusedByRule(text, draft, origin) ||
    directory(text, draft, origin)
  return known || putPam(draft, 'pam_message', origin, {})
}

/** pam_unix's helper `unix_chkpwd`: `password check failed for user (NAME)`, `check pass; user unknown`. */
function checker(text: string, draft: Draft, name: string | undefined): boolean {
  const origin = { module: 'pam_unix', service: 'unix_chkpwd' }
  if (name !== 'unix_chkpwd' && !(name === undefined && text.startsWith('password check failed for user (')))
    return false
  if (!text.startsWith('password check failed for user (')) return userUnknown(text, draft, origin)
  const user = text.slice(32, text.endsWith(')') ? -1 : undefined)
  return putPam(draft, 'authentication_failure', origin, { outcome: 'failure', user })
}
