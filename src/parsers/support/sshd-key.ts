import type { Draft, JsonObject } from '../../core/document.ts'
import { relate } from './document.ts'
import { readEndpoint } from './endpoint.ts'
import { putSshd } from './sshd-event.ts'

/**
 * auth2-pubkey.c and auth2-pubkeyfile.c:
 *
 *     Accepted key TYPE FINGERPRINT found at FILE:LINE
 *     Accepted certificate ID "ID" (serial N) signed by TYPE CA FINGERPRINT via FILE
 */
export function keyAccepted(text: string, draft: Draft): boolean {
  if (text.startsWith('Accepted key ')) {
    const found = text.indexOf(' found at ')
    const [type, fingerprint] = text.slice(13, found).split(' ', 3)
    if (found < 13 || type === undefined || fingerprint === undefined) return false
    relate(draft, 'hash', fingerprint)
    return putSshd(draft, 'ssh_key_accepted', {
      details: { key_type: type, fingerprint, authorized_by: text.slice(found + 10) },
    })
  }
  const certificate = text.startsWith('Accepted certificate ID "') ? readCertificate(text, 25) : undefined
  if (certificate === undefined) return false
  return putSshd(draft, 'ssh_key_accepted', { details: certificate })
}

/** The id is between the first quote and the last `" (serial `: it may hold quotes itself. */
function readCertificate(text: string, start: number): JsonObject | undefined {
  const end = text.lastIndexOf('" (serial ')
  const signed = text.indexOf(') signed by ', end)
  const via = text.lastIndexOf(' via ')
  if (end < start || signed < 0) return undefined
  const signer = text.slice(signed + 12, via > signed ? via : text.length).replace(' CA ', ' ')
  const certificate = { id: text.slice(start, end), serial: text.slice(end + 10, signed), ca: signer }
  return via > signed ? { certificate, authorized_by: text.slice(via + 5) } : { certificate }
}

/** sshkey.c and auth2-pubkey.c: why a certificate or key is no good. The user comes in the lines beside it. */
export function keyRefused(text: string, draft: Draft): boolean {
  const reason = text.startsWith('Certificate invalid: ') ? text.slice(21) : text
  return putSshd(draft, 'ssh_key_refused', { outcome: 'failure', reason })
}

/**
 * `Authentication tried for USER with correct key but not from a permitted host (host=NAME, ip=ADDR, required=LIST).`
 * `Authentication tried for USER with valid certificate but not from a permitted source address (ADDR).`
 */
export function keyFromElsewhere(text: string, draft: Draft): boolean {
  const start = 'Authentication tried for '
  const userEnd = text.indexOf(' with ')
  if (!text.startsWith(start) || userEnd < start.length) return false
  const ip = text.indexOf(', ip=')
  const bracket = text.lastIndexOf('(')
  const at = ip > 0 ? ip + 5 : bracket + 1
  const stop = text.slice(at).search(/[,)]/)
  const source = stop < 0 ? undefined : readEndpoint(text.slice(0, at + stop), at)
  const user = text.slice(start.length, userEnd)
  return putSshd(draft, 'ssh_key_refused', {
    outcome: 'failure',
    user,
    source,
    reason: text.slice(userEnd + 1),
  })
}

/** auth.c: `Authentication refused for USER: bad owner or modes for FILE`, `Authentication refused: bad ownership …`. */
export function keyFileRefused(text: string, draft: Draft): boolean {
  if (!text.startsWith('Authentication refused')) return false
  const colon = text.indexOf(': ')
  const user = text.startsWith(' for ', 22) && colon > 27 ? text.slice(27, colon) : ''
  const reason = colon < 0 ? text : text.slice(colon + 2)
  return putSshd(draft, 'ssh_key_refused', { outcome: 'failure', user, reason })
}

/** canohost.c: a client's name and address that do not belong together. The name is the attacker's to choose. */
export function reverseDns(text: string, draft: Draft): boolean {
  if (text.startsWith('Address ')) {
    if (!text.includes(' maps to ')) return false
    return putSshd(draft, 'ssh_reverse_dns_mismatch', { source: readEndpoint(text, 8) })
  }
  if (text.startsWith('reverse mapping checking getaddrinfo for ')) {
    const open = text.lastIndexOf(' [')
    const close = text.indexOf(']', open)
    const source = open > 0 && close > 0 ? readEndpoint(text.slice(0, close), open + 2) : undefined
    return putSshd(draft, 'ssh_reverse_dns_mismatch', { source })
  }
  if (!text.startsWith('Nasty PTR record ')) return false
  const at = text.lastIndexOf(' is set up for ')
  const comma = text.indexOf(',', at)
  const source = at > 0 ? readEndpoint(text.slice(0, comma < 0 ? text.length : comma), at + 15) : undefined
  return putSshd(draft, 'ssh_reverse_dns_mismatch', { source })
}
