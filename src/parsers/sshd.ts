import type { Draft } from '../core/document.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { child, processName, writtenBy } from './support/document.ts'
import { readRepeated } from './support/repeated.ts'
import {
  badProtocol,
  closing,
  connection,
  disconnected,
  disconnecting,
  dropped,
  noIdentification,
  placed,
  readError,
  received,
  timeout,
  unableToNegotiate,
} from './support/sshd-connection.ts'
import { putSshd, SSHD_ACTIONS } from './support/sshd-event.ts'
import { keyAccepted, keyFileRefused, keyFromElsewhere, keyRefused, reverseDns } from './support/sshd-key.ts'
import { childCrash, keysCommand, penalty, throttling } from './support/sshd-limits.ts'
import {
  accessDenied,
  accountRefused,
  invalidUser,
  login,
  maxAttempts,
  pamFailure,
  rootRefused,
  userRefused,
} from './support/sshd-login.ts'
import {
  childProcess,
  closeSession,
  forwarding,
  listening,
  startingSession,
  subsystem,
  transferred,
} from './support/sshd-session.ts'
import { digit } from './support/time.ts'

/**
 * What OpenSSH's sshd logs, from 3.x to 10: `sshd`, and since 9.8 `sshd-session`, since 10 `sshd-auth`.
 *
 *     [error: |fatal: ]MESSAGE[ [preauth]| [postauth]]
 *
 * User names, certificate ids, versions and reasons in MESSAGE are what the client sent. Newlines and other control
 * characters come escaped (log.c, strnvis), spaces do not: so each message is read from the side that the client cannot write.
 */
export const sshd: FormatDefinition = {
  name: 'sshd',
  version: 1,
  kind: 'payload',
  title: 'OpenSSH server',
  definedBy:
    'OpenSSH portable: auth.c, auth2*.c, auth-pam.c, monitor.c, packet.c, session.c, sshd.c, serverloop.c, channels.c',
  dataset: 'system.auth',
  example:
    'Accepted publickey for alice from 203.0.113.7 port 50522 ssh2: ED25519-CERT SHA256:r65/Wx6Wfr2d1Llmmi3+qcY8BzGHRYBQf58mm7oXwMw ID break-glass alice INC-42 (serial 7) CA ED25519 SHA256:8L6aHzNB3WXxkYX7xy1+rT2o6WAPMj0FHajL7Ld613s',
  remarks: [
    'The message stays as it is; nothing is kept in `event.original`. Only messages of a process named `sshd`, `sshd-session` or `sshd-auth` are read, or any where no process name is known. Lines of PAM modules are left to the format `pam`.',
    'User names, certificate ids, protocol banners and disconnect reasons are text of the client. Where that text looks like ` from 192.0.2.1 port 22 ssh2` and the true one can be told, it is taken and the event is tagged `ambiguous-fields`; where it cannot, `source.ip` is left out, and every address is in `related.ip`.',
    'Differences to Elastic’s documents for the same line: `Invalid user` lines have the port as well, connections without an identification have `event.*`, and messages that Elastic’s pipeline leaves as text have their fields.',
    '`decklog.ssh` has what ECS has no name for: `invalid_user`, `preauth`, `key_type`, `fingerprint`, `certificate.id`, `certificate.serial`, `certificate.ca`, `session`, `subsystem`, `command`, `tty`, `channel`, `child_pid`, `forward`, `authorized_by`, `network`, `penalty_seconds`. `decklog.count` is how often a repeated message came.',
  ],
  actions: Object.fromEntries(Object.entries(SSHD_ACTIONS).map(([name, { about }]) => [name, about])),
  parse,
}

const WRITERS = ['sshd', 'sshd-session', 'sshd-auth']

function parse(text: string, draft: Draft): boolean {
  if (!writtenBy(draft, WRITERS)) return false
  const repeated = readRepeated(text)
  if (!parseMessage((repeated?.message ?? text).trimEnd(), draft)) return false
  if (repeated !== undefined) child(draft.fields, 'decklog')['count'] = repeated.count
  return true
}

const CLOSE_BRACKET = 93

function parseMessage(text: string, draft: Draft): boolean {
  if (isPam(text, processName(draft))) return false
  const level = text.startsWith('error: ') ? 'error' : text.startsWith('fatal: ') ? 'fatal' : undefined
  const isMarked = text.charCodeAt(text.length - 1) === CLOSE_BRACKET
  const preauth = isMarked && text.endsWith(' [preauth]')
  const end = preauth ? -10 : isMarked && text.endsWith(' [postauth]') ? -11 : undefined
  const start = level === undefined ? 0 : 7
  const body = start === 0 && end === undefined ? text : text.slice(start, end)
  if (!dispatch(solaris(body), draft, preauth) && !other(body, draft, level)) return false
  if (level !== undefined) child(draft.fields, 'log')['level'] = level
  return true
}

/** Lines that modules of PAM write under sshd's name. */
function isPam(text: string, name: string | undefined): boolean {
  return (
    text.startsWith('pam_') ||
    (text.startsWith('PAM ') && (digit(text, 4) >= 0 || text.startsWith('service(', 4))) ||
    name?.includes('(pam_') === true
  )
}

/** Solaris puts `[ID 800047 auth.info] ` before each message. */
function solaris(text: string): string {
  const end = text.startsWith('[ID ') ? text.indexOf('] ') : -1
  return end < 0 ? text : text.slice(end + 2)
}

/** By the first letters: a line costs one comparison or two, whatever the number of forms. */
function dispatch(text: string, draft: Draft, preauth: boolean): boolean {
  switch (text.charCodeAt(0)) {
    case 65: // A
      if (text.startsWith('Accepted key ') || text.startsWith('Accepted certificate '))
        return keyAccepted(text, draft)
      if (text.startsWith('Accepted ')) return login(text, draft)
      if (text.startsWith('Authentication '))
        return keyFileRefused(text, draft) || keyFromElsewhere(text, draft)
      if (text.startsWith('Allocated ')) return forwarding(text, draft)
      if (text.startsWith('Authorized')) return keysCommand(text, draft)
      return reverseDns(text, draft) || accessDenied(text, draft) || accountRefused(text, draft)
    case 66: // B
      return badProtocol(text, draft) || protocolError(text, draft)
    case 67: // C
      if (text.startsWith('Connection ')) return connection(text, draft, preauth)
      if (text.startsWith('Close session: ')) return closeSession(text, draft)
      if (text.startsWith('Closing ')) return closing(text, draft)
      return (isKeyRefusal(text) && keyRefused(text, draft)) || protocolError(text, draft)
    case 68: // D
      return disconnected(text, draft, preauth) || disconnecting(text, draft) || noIdentification(text, draft)
    case 69: // E
      return text.startsWith('Exiting on signal ') && putSshd(draft, 'ssh_server_stopped', { reason: text })
    case 70: // F
      return text.startsWith('Failed ') && login(text, draft)
    case 73: // I
      return invalidUser(text, draft)
    case 76: // L
      return forwarding(text, draft) || accountRefused(text, draft)
    case 80: // P
      if (text.startsWith('Postponed ') || text.startsWith('Partial ')) return login(text, draft)
      return pamFailure(text, draft) || protocolError(text, draft)
    case 82: // R
      if (text.startsWith('Received ')) return received(text, draft)
      if (text.startsWith('Remote forwarding ')) return forwarding(text, draft)
      if (text.startsWith('Read error ')) return readError(text, draft)
      return rootRefused(text, draft) || (isKeyRefusal(text) && keyRefused(text, draft))
    case 83: // S
      return startingSession(text, draft) || listening(text, draft) || childCrash(text, draft)
    case 84: // T
      return timeout(text, draft) || transferred(text, draft)
    case 85: // U
      return (
        userRefused(text, draft) ||
        childProcess(text, draft) ||
        unableToNegotiate(text, draft) ||
        keysCommand(text, draft)
      )
    default:
      return lowerCase(text, draft)
  }
}

function lowerCase(text: string, draft: Draft): boolean {
  if (text.startsWith('subsystem ')) return subsystem(text, draft)
  if (text.startsWith('maximum ')) return maxAttempts(text, draft)
  if (text.startsWith('srclimit_')) return penalty(text, draft)
  if (text.startsWith('beginning ') || text.startsWith('exited ')) return throttling(text, draft)
  if (text.startsWith('drop connection ') || text.startsWith('refused connect ')) return dropped(text, draft)
  if (text.startsWith('refused ') || text.startsWith('connect_to ')) return forwarding(text, draft)
  if (text.startsWith('reverse mapping ') || text.startsWith('Nasty PTR ')) return reverseDns(text, draft)
  if (text.startsWith('no matching '))
    return putSshd(draft, 'ssh_negotiation_failed', { outcome: 'failure', reason: text })
  return (isKeyRefusal(text) && keyRefused(text, draft)) || placed(text, draft) || protocolError(text, draft)
}

const KEY_REFUSALS = [
  'Certificate invalid: ',
  'Certificate does not contain ',
  'Refusing certificate ',
  'Refusing key ',
  'Revoked key ',
  'WARNING: revoked key ',
  'key_cert_check_authority: ',
  'userauth_pubkey: key type ',
  'userauth_pubkey: signature algorithm ',
  'userauth_hostbased: key type ',
  'userauth_hostbased: signature algorithm ',
]

function isKeyRefusal(text: string): boolean {
  return KEY_REFUSALS.some((start) => text.startsWith(start))
}

const PROTOCOL_ERRORS = [
  'Bad packet length',
  'Bad remote protocol version',
  'Corrupted MAC',
  'Corrupted padlen',
  'Protocol major versions differ',
  'kex protocol error',
  'Packet corrupt',
  'padding error',
  'ssh_dispatch_run_fatal',
  'crc32 compensation attack',
]

function protocolError(text: string, draft: Draft): boolean {
  if (!PROTOCOL_ERRORS.some((start) => text.startsWith(start))) return false
  return putSshd(draft, 'ssh_protocol_error', { outcome: 'failure', reason: text })
}

/** A message that is known to be sshd's by its writer alone. Never taken where the writer is not known. */
function other(text: string, draft: Draft, level: string | undefined): boolean {
  if (processName(draft) === undefined) return false
  return level === undefined
    ? putSshd(draft, 'ssh_message', {})
    : putSshd(draft, 'ssh_error', { outcome: 'failure', reason: text })
}
