import type { Draft, JsonObject } from '../../core/document.ts'
import { type Endpoint, endpointAtEnd, ipOf, readEndpoint } from './endpoint.ts'
import { putAmbiguous, putSshd, type SshdAction } from './sshd-event.ts'
import { connectionEnds } from './sshd-limits.ts'
import { digit } from './time.ts'

/** `Connection …`: opened, closed, reset, timed out; sshd.c and packet.c. */
export function connection(text: string, draft: Draft, preauth: boolean): boolean {
  if (text.startsWith('from ', 11)) return opened(text, draft)
  if (text.startsWith('closed by ', 11)) return leftBy(text, 21, { draft, preauth, reason: 'closed' })
  if (text.startsWith('reset by ', 11)) return leftBy(text, 20, { draft, preauth, reason: 'reset' })
  return false
}

/** `Connection from ADDR port N on ADDR port N[ rdomain "D"]`, or `Connection from ADDR port N timed out`. */
function opened(text: string, draft: Draft): boolean {
  const source = readEndpoint(text, 16)
  if (source === undefined) return false
  if (text.startsWith(' timed out', source.end))
    return putSshd(draft, 'ssh_timeout', { source, reason: 'timed out' })
  if (text.startsWith(': ', source.end)) {
    return putSshd(draft, 'ssh_protocol_error', { source, reason: text.slice(source.end + 2) })
  }
  const destination = text.startsWith(' on ', source.end) ? readEndpoint(text, source.end + 4) : undefined
  return putSshd(draft, 'ssh_connection_opened', { source, destination })
}

interface Leaving {
  readonly draft: Draft
  readonly preauth: boolean
  readonly reason: string
}

/**
 * `… by [authenticating user USER |invalid user USER |user USER ]ADDR[ port N]`, read from the right: USER is what the
 * client sent. Who is still authenticating, or no user at all, has failed to log in: some clients leave only this line.
 */
function leftBy(text: string, from: number, { draft, preauth, reason }: Leaving): boolean {
  const source = endpointAtEnd(text, from)
  if (source === undefined) return false
  const who = whoOf(text, from, source.start)
  if (who === undefined) return false
  const failed = who.state === 'invalid' || who.state === 'authenticating'
  const details: JsonObject = preauth ? { preauth: true } : {}
  const facts = { source, reason, details, user: who.user, invalidUser: who.state === 'invalid' }
  putSshd(draft, 'ssh_connection_closed', failed ? { ...facts, outcome: 'failure' } : facts)
  if (failed) (draft.fields['event'] as JsonObject)['category'] = ['authentication', 'network']
  return true
}

interface Who {
  readonly state: 'invalid' | 'authenticating' | 'known' | 'none'
  readonly user: string
}

/** What stands between `from` and the address at `end`: nothing, or the user and what sshd thinks of it. */
function whoOf(text: string, from: number, end: number): Who | undefined {
  if (end === from) return { state: 'none', user: '' }
  if (text.startsWith('invalid user ', from))
    return { state: 'invalid', user: text.slice(from + 13, end - 1) }
  if (text.startsWith('authenticating user ', from)) {
    return { state: 'authenticating', user: text.slice(from + 20, end - 1) }
  }
  return text.startsWith('user ', from) ? { state: 'known', user: text.slice(from + 5, end - 1) } : undefined
}

/** `Disconnected from [… user USER ]ADDR[ port N]`. */
export function disconnected(text: string, draft: Draft, preauth: boolean): boolean {
  return text.startsWith('Disconnected from ') && leftBy(text, 18, { draft, preauth, reason: 'disconnected' })
}

/** `Closing connection to ADDR port N`. */
export function closing(text: string, draft: Draft): boolean {
  const source = text.startsWith('Closing connection to ') ? endpointAtEnd(text, 22) : undefined
  return source !== undefined && putSshd(draft, 'ssh_connection_closed', { source, reason: 'closing' })
}

/**
 * packet.c: `Received disconnect from ADDR[ port N]:CODE: REASON` (older: `: CODE: `). The address comes first, so the
 * client's REASON cannot forge it. `Received signal N; …`, `Received SIGHUP; restarting.` are the daemon's own end.
 */
export function received(text: string, draft: Draft): boolean {
  if (text.startsWith('Received signal ') || text.startsWith('Received SIG')) {
    return putSshd(draft, 'ssh_server_stopped', { reason: text.slice(9) })
  }
  if (text.startsWith('Received request from ') || text.startsWith('Received request to connect')) {
    const source = text.startsWith('from ', 17) ? readEndpoint(text, 22) : undefined
    return putSshd(draft, 'ssh_forwarding_denied', { outcome: 'failure', source, reason: text })
  }
  if (!text.startsWith('Received disconnect from ')) return false
  const source = disconnectSource(text)
  if (source === undefined) return false
  let at = source.end + 1
  if (text.charCodeAt(at) === 32) at++
  let end = at
  while (digit(text, end) >= 0) end++
  const code = text.slice(at, end)
  const reason = text.slice(text.startsWith(': ', end) ? end + 2 : end)
  return putSshd(draft, 'ssh_disconnect', code === '' ? { source, reason } : { source, reason, code })
}

/** The colon belongs to no address here: `1.2.3.4:`, `2001:db8::1:` and `1.2.3.4 port 5:` all end with one more. */
function disconnectSource(text: string): Endpoint | undefined {
  const start = 25
  const space = text.indexOf(' ', start)
  if (space < 0) return undefined
  if (text.startsWith('port ', space + 1)) {
    const endpoint = readEndpoint(text, start)
    return endpoint !== undefined && text.charCodeAt(endpoint.end) === 58 ? endpoint : undefined
  }
  if (text.charCodeAt(space - 1) !== 58) return undefined
  const endpoint = readEndpoint(text.slice(0, space - 1), start)
  return endpoint
}

/**
 * packet.c: `Disconnecting[ [invalid user|authenticating user|user] USER] ADDR port N: REASON`, older `Disconnecting: REASON`.
 * USER stands before the address and REASON, which may hold another user name, behind it: with more than one address that
 * is followed by a colon none is believed.
 */
export function disconnecting(text: string, draft: Draft): boolean {
  if (text.startsWith('Disconnecting: ')) {
    const reason = text.slice(15)
    const forUser = reason.startsWith('Too many authentication failures for ') ? reason.slice(37) : ''
    return putSshd(draft, 'ssh_disconnect', { reason, user: forUser })
  }
  const candidates = portsBeforeColon(text)
  if (!text.startsWith('Disconnecting ') || candidates.length === 0) return false
  if (candidates.length > 1) {
    putAmbiguous(draft, candidates)
    return putSshd(draft, 'ssh_disconnect', {})
  }
  const source = candidates[0]!
  const who = whoOf(text, 14, source.start)
  if (who === undefined) return false
  const reason = text.slice(source.end).replace(/^[ :]+/, '')
  return putSshd(draft, 'ssh_disconnect', {
    source,
    user: who.user,
    invalidUser: who.state === 'invalid',
    reason,
  })
}

const CANDIDATES_MAX = 16

/** Every `ADDR port N: `. */
function portsBeforeColon(text: string): Endpoint[] {
  const found: Endpoint[] = []
  for (
    let at = text.indexOf(' port ');
    at >= 0 && found.length < CANDIDATES_MAX;
    at = text.indexOf(' port ', at + 6)
  ) {
    const start = text.lastIndexOf(' ', at - 1) + 1
    const endpoint = readEndpoint(text, start)
    if (endpoint !== undefined && endpoint.port >= 0 && endsWithColon(text, endpoint.end))
      found.push(endpoint)
  }
  return found
}

/** Some versions put a space before the colon. */
function endsWithColon(text: string, at: number): boolean {
  return text.startsWith(': ', at) || text.startsWith(' : ', at)
}

/** `Unable to negotiate with ADDR port N: no matching KIND found. Their offer: LIST`. */
export function unableToNegotiate(text: string, draft: Draft): boolean {
  if (!text.startsWith('Unable to negotiate ')) return false
  const source = text.startsWith('with ', 20) ? readEndpoint(text, 25) : undefined
  const at = source === undefined ? 20 : source.end + 2
  return putSshd(draft, 'ssh_negotiation_failed', { outcome: 'failure', source, reason: text.slice(at) })
}

/** `Did not receive identification string from ADDR[ port N]`. */
export function noIdentification(text: string, draft: Draft): boolean {
  if (!text.startsWith('Did not receive identification string from ')) return false
  const source = readEndpoint(text, 43)
  if (source === undefined) return false
  const facts = { outcome: 'failure', source, reason: 'no identification string' } as const
  const ip = ipOf(source.address)
  return putSshd(
    draft,
    'ssh_identification_failed',
    ip === undefined ? facts : { ...facts, ssh: { dropped_ip: ip } },
  )
}

/** `Bad protocol version identification 'TEXT' from ADDR port N`: TEXT is the client's, so from the right. */
export function badProtocol(text: string, draft: Draft): boolean {
  const from = text.lastIndexOf(' from ')
  if (!text.startsWith('Bad protocol version identification ') || from < 0) return false
  const source = readEndpoint(text, from + 6)
  return putSshd(draft, 'ssh_identification_failed', {
    outcome: 'failure',
    source,
    reason: text.slice(0, from),
  })
}

/**
 * `PLACE: Connection from ADDR port N: REASON`, where PLACE is `banner exchange`, `ssh_dispatch_run_fatal`, …;
 * `kex_exchange_identification: REASON`, which names no address: the lines beside it do.
 */
export function placed(text: string, draft: Draft): boolean {
  const colon = text.indexOf(': ')
  const place = text.slice(0, colon)
  const isIdentification = IDENTIFICATION.includes(place)
  const action: SshdAction = isIdentification ? 'ssh_identification_failed' : 'ssh_protocol_error'
  const known = colon > 0 && colon < 64 && text.startsWith('Connection from ', colon + 2)
  if (!known) {
    if (!isIdentification) return false
    return putSshd(draft, action, { outcome: 'failure', reason: text.slice(colon + 2) })
  }
  const from = colon + 18
  const candidates = portsBeforeColon(text)
  if (candidates.length > 1) {
    putAmbiguous(draft, candidates)
    return putSshd(draft, action, { outcome: 'failure' })
  }
  const source = candidates[0] ?? (isWho(text, from) ? undefined : readEndpoint(text, from))
  const who = source === undefined ? undefined : whoOf(text, from, source.start)
  if (source === undefined) return putSshd(draft, action, { outcome: 'failure', reason: text.slice(from) })
  const reason = text.slice(source.end).replace(/^[ :]+/, '')
  const invalidUser = who?.state === 'invalid'
  return putSshd(draft, action, { outcome: 'failure', source, user: who?.user ?? '', invalidUser, reason })
}

/** Does a user stand there, in sshpkt's words? */
function isWho(text: string, from: number): boolean {
  return ['invalid user ', 'authenticating user ', 'user '].some((start) => text.startsWith(start, from))
}

/** serverloop.c: `Read error from remote host ADDR port N: REASON`. */
export function readError(text: string, draft: Draft): boolean {
  if (!text.startsWith('Read error from remote host ')) return false
  const source = readEndpoint(text, 28)
  if (source === undefined || source.port < 0 || !text.startsWith(': ', source.end)) return false
  return putSshd(draft, 'ssh_connection_closed', { source, reason: text.slice(source.end + 2) })
}

const IDENTIFICATION = ['banner exchange', 'kex_exchange_identification', 'kex_protocol_error']

/**
 * `Timeout before authentication for ADDR[ port N]` (to 9.7), `Timeout before authentication for connection from ADDR to
 * ADDR, pid = N` (from 9.8), `Timeout, client not responding from [user USER ]ADDR port N`.
 */
export function timeout(text: string, draft: Draft): boolean {
  const before = text.startsWith('Timeout before authentication for ')
  if (before && text.startsWith('connection from ', 34)) {
    const ends = connectionEnds(text, 34)
    const pid = Number.parseInt(text.slice(text.lastIndexOf(', pid = ') + 8), 10)
    const details: JsonObject = pid > 0 && text.includes(', pid = ') ? { child_pid: pid } : {}
    return putSshd(draft, 'ssh_timeout', { ...ends, reason: 'before authentication', details })
  }
  if (before) {
    return putSshd(draft, 'ssh_timeout', { source: readEndpoint(text, 34), reason: 'before authentication' })
  }
  if (!text.startsWith('Timeout, client not responding')) return false
  const from = text.indexOf(' from ')
  const source = from < 0 ? undefined : endpointAtEnd(text, from + 6)
  const who = source === undefined ? undefined : whoOf(text, from + 6, source.start)
  return putSshd(draft, 'ssh_timeout', { source, user: who?.user ?? '', reason: 'client not responding' })
}

/**
 * `drop connection #N from [ADDR]:PORT on [ADDR]:PORT REASON` (MaxStartups and, from 9.8, penalties),
 * `refused connect from ADDR (ADDR)` of tcp wrappers, where the last one is the kernel's.
 */
export function dropped(text: string, draft: Draft): boolean {
  if (text.startsWith('refused connect from ')) {
    const open = text.lastIndexOf('(')
    const source =
      open > 20 && text.endsWith(')') ? readEndpoint(text.slice(0, -1), open + 1) : readEndpoint(text, 21)
    return putSshd(draft, 'ssh_connection_dropped', {
      outcome: 'failure',
      source,
      reason: 'refused by tcp wrappers',
    })
  }
  const from = text.indexOf(' from [')
  if (!text.startsWith('drop connection #') || from < 0 || from > 32) return false
  const close = text.indexOf(']:', from)
  if (close < 0) return false
  let end = close + 2
  while (digit(text, end) >= 0) end++
  const on = text.startsWith(' on [', end) ? text.indexOf(' ', end + 4) : -1
  const source = {
    address: text.slice(from + 7, close),
    port: portOf(text.slice(close + 2, end)),
    start: from + 7,
    end,
  }
  const reason = text.slice(on < 0 ? end : on).replace(/^[ ,:]+/, '')
  return putSshd(draft, 'ssh_connection_dropped', { outcome: 'failure', source, reason })
}

function portOf(text: string): number {
  const port = text === '' || text.length > 5 ? -1 : Number(text)
  return port <= 65_535 ? port : -1
}
