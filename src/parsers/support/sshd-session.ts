import type { Draft, JsonObject } from '../../core/document.ts'
import { child } from './document.ts'
import { readEndpoint } from './endpoint.ts'
import { putSshd } from './sshd-event.ts'

/**
 * session.c, do_exec(): `Starting session: KIND[ on TTY] for USER from ADDR port N id N`, where KIND is `shell`, `command`,
 * `subsystem 'NAME'`, `forced-command (WHERE) 'COMMAND'`. The user has logged in, so only COMMAND is free text: from the right.
 */
export function startingSession(text: string, draft: Draft): boolean {
  const id = text.lastIndexOf(' id ')
  const from = text.lastIndexOf(' from ', id)
  const forUser = text.lastIndexOf(' for ', from)
  if (!text.startsWith('Starting session: ') || forUser < 18 || from < forUser + 5) return false
  const source = readEndpoint(text, from + 6)
  const what = text.slice(18, forUser)
  const details = { ...kindOf(what), channel: text.slice(id + 4) }
  return putSshd(draft, 'ssh_session_started', { user: text.slice(forUser + 5, from), source, details })
}

function kindOf(what: string): JsonObject {
  const on = what.lastIndexOf(' on ')
  const tty = on > 0 && !what.endsWith("'") ? { tty: what.slice(on + 4) } : {}
  const rest = on > 0 && !what.endsWith("'") ? what.slice(0, on) : what
  const quote = rest.indexOf(" '")
  if (quote < 0) return { session: rest, ...tty }
  const text = rest.slice(quote + 2, rest.endsWith("'") ? -1 : undefined)
  const kind = rest.slice(0, quote)
  return kind === 'subsystem'
    ? { session: kind, subsystem: text, ...tty }
    : { session: kind, command: text, ...tty }
}

/** `Close session: user USER from ADDR port N id N`. */
export function closeSession(text: string, draft: Draft): boolean {
  const id = text.lastIndexOf(' id ')
  const from = text.lastIndexOf(' from ', id)
  if (!text.startsWith('Close session: user ') || from < 20 || id < from) return false
  const source = readEndpoint(text, from + 6)
  const details = { channel: text.slice(id + 4) }
  return putSshd(draft, 'ssh_session_closed', { user: text.slice(20, from), source, details })
}

/** `subsystem request for NAME by user USER[ failed, subsystem not found]`: NAME is the client's, so from the right. */
export function subsystem(text: string, draft: Draft): boolean {
  const by = text.lastIndexOf(' by user ')
  if (!text.startsWith('subsystem request for ')) return false
  const failed = text.endsWith(' failed, subsystem not found')
  const end = failed ? text.length - 28 : text.length
  const name = text.slice(22, by < 22 ? end : by)
  const user = by < 22 ? '' : text.slice(by + 9, end)
  const details = { subsystem: name }
  return putSshd(
    draft,
    'ssh_subsystem',
    failed ? { user, details, outcome: 'failure', reason: 'not found' } : { user, details },
  )
}

/** `User child is on pid N`. */
export function childProcess(text: string, draft: Draft): boolean {
  const pid = text.startsWith('User child is on pid ') ? Number(text.slice(21)) : Number.NaN
  return Number.isInteger(pid) && putSshd(draft, 'ssh_session_process', { details: { child_pid: pid } })
}

/** `Transferred: sent N, received N bytes`, as the server counts: what it received came from the source. */
export function transferred(text: string, draft: Draft): boolean {
  const match = /^Transferred: sent (\d{1,15}), received (\d{1,15}) bytes$/.exec(text)
  if (match === null) return false
  putSshd(draft, 'ssh_transferred', {})
  child(draft.fields, 'source')['bytes'] = Number(match[2])
  child(draft.fields, 'destination')['bytes'] = Number(match[1])
  return true
}

/** `Server listening on ADDR port N.` */
export function listening(text: string, draft: Draft): boolean {
  if (!text.startsWith('Server listening on ')) return false
  const destination = readEndpoint(text.endsWith('.') ? text.slice(0, -1) : text, 20)
  return putSshd(draft, 'ssh_server_started', { destination })
}

/**
 * channels.c, serverloop.c: forwardings. Hosts and ports of the target are the client's wish.
 *
 *     Local forwarding listening on ADDR port N.
 *     refused local port forward: originator ADDR port N, target HOST port N
 *     connect_to HOST port N: failed.       connect_to HOST: unknown host (…)
 */
export function forwarding(text: string, draft: Draft): boolean {
  if (
    text.startsWith('Local forwarding listening on ') ||
    text.startsWith('Remote forwarding listening on ')
  ) {
    return putSshd(draft, 'ssh_forwarding', {
      details: { forward: text.slice(text.indexOf(' on ') + 4).replace(/\.$/, '') },
    })
  }
  if (text.startsWith('Allocated port ') || text.startsWith('Allocated listen port ')) {
    return putSshd(draft, 'ssh_forwarding', { details: { forward: text } })
  }
  if (text.startsWith('connect_to ')) {
    const colon = text.lastIndexOf(': ')
    const destination = readEndpoint(colon < 0 ? text : text.slice(0, colon), 11)
    return putSshd(draft, 'ssh_forwarding_denied', { outcome: 'failure', destination, reason: text })
  }
  if (!text.startsWith('refused ') || !text.includes(' forward')) return false
  const target = text.indexOf(', target ')
  const destination = target < 0 ? undefined : readEndpoint(text, target + 9)
  return putSshd(draft, 'ssh_forwarding_denied', { outcome: 'failure', destination, reason: text })
}
