import type { Draft } from '../../core/document.ts'
import { child } from './document.ts'
import { type Endpoint, readEndpoint } from './endpoint.ts'
import { putSshd } from './sshd-event.ts'

/**
 * srclimit.c (from 9.8, at VERBOSE): `srclimit_penalise: ipv4: new ADDR/LEN (active|deferred) penalty of N seconds for REASON`.
 */
export function penalty(text: string, draft: Draft): boolean {
  const at = text.startsWith('srclimit_penalise: ') ? text.indexOf(': new ', 19) : -1
  const slash = text.indexOf('/', at)
  const of = text.indexOf(' penalty of ', slash)
  const reason = text.indexOf(' seconds for ', of)
  if (at < 0 || slash < at || of < slash || reason < of) return false
  const seconds = Number(text.slice(of + 12, reason))
  const source = readEndpoint(text.slice(0, slash), at + 6)
  const network = text.slice(at + 6, text.indexOf(' ', slash))
  const details = Number.isSafeInteger(seconds) ? { network, penalty_seconds: seconds } : { network }
  return putSshd(draft, 'ssh_penalty', { source, reason: text.slice(reason + 13), details })
}

/** sshd.c: `beginning MaxStartups throttling`, `exited MaxStartups throttling after HH:MM:SS, N connections dropped`. */
export function throttling(text: string, draft: Draft): boolean {
  const begins = text === 'beginning MaxStartups throttling'
  if (!begins && !text.startsWith('exited MaxStartups throttling')) return false
  putSshd(draft, 'ssh_throttling', { reason: begins ? 'begins' : 'ends' })
  const comma = text.indexOf(', ')
  const count = comma < 0 ? Number.NaN : Number.parseInt(text.slice(comma + 2), 10)
  if (count >= 0) child(draft.fields, 'decklog')['count'] = count
  return true
}

/** sshd.c (from 9.8): `Session process PID unpriv child crash for connection from ADDR to ADDR[ (early)]`. */
export function childCrash(text: string, draft: Draft): boolean {
  const crash = text.startsWith('Session process ') ? text.indexOf(' unpriv child crash for ') : -1
  if (crash < 0) return false
  const pid = Number(text.slice(16, crash))
  const details = Number.isInteger(pid) ? { child_pid: pid } : {}
  const ends = connectionEnds(text, crash + 24)
  return putSshd(draft, 'ssh_child_crashed', { outcome: 'failure', ...ends, details })
}

/** `connection from ADDR to ADDR`, as sshd has called its children since 9.8. */
export function connectionEnds(
  text: string,
  at: number,
): { readonly source?: Endpoint; readonly destination?: Endpoint } {
  if (!text.startsWith('connection from ', at)) return {}
  const source = readEndpoint(text, at + 16)
  if (source === undefined || !text.startsWith(' to ', source.end))
    return source === undefined ? {} : { source }
  const start = source.end + 4
  let end = start
  while (end < text.length && text[end] !== ',' && text[end] !== ' ') end++
  const destination = readEndpoint(text.slice(0, end), start)
  return destination === undefined ? { source } : { source, destination }
}

const COMMANDS = ['AuthorizedKeysCommand', 'AuthorizedPrincipalsCommand'] as const

/** misc.c, auth2-pubkey.c: `AuthorizedKeysCommand CMD failed, status N`, `Unsafe AuthorizedKeysCommand "CMD": …`, `… exited on signal N`. */
export function keysCommand(text: string, draft: Draft): boolean {
  const from = text.startsWith('Unsafe ') ? 7 : 0
  if (!COMMANDS.some((command) => text.startsWith(command, from))) return false
  return putSshd(draft, 'ssh_keys_command_failed', { outcome: 'failure', reason: text })
}
