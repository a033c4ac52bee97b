import type { Draft, JsonObject } from '../../core/document.ts'
import { child, note, relate } from './document.ts'
import { type Endpoint, ipOf, putEndpoint } from './endpoint.ts'

interface ActionDefinition {
  readonly about: string
  readonly category: readonly string[]
  readonly type: readonly string[]
}

const LOGIN = { category: ['authentication'], type: ['info'] }
const START = { category: ['network'], type: ['connection', 'start'] }
const END = { category: ['network'], type: ['connection', 'end'] }
const DENIED = { category: ['network'], type: ['connection', 'denied'] }
const PROTOCOL = { category: ['network'], type: ['connection', 'protocol'] }

/** Every `event.action` of sshd. The names are a contract with rules: they are added to, never changed. */
export const SSHD_ACTIONS = {
  ssh_login: {
    about: 'A login was accepted or failed, or was tried for a user that does not exist (`event.outcome`)',
    ...LOGIN,
  },
  ssh_login_partial: {
    about: 'One of several methods succeeded, more are asked for (multi-factor)',
    ...LOGIN,
  },
  ssh_login_postponed: { about: 'A method goes on: a question was asked, or a key may be used', ...LOGIN },
  ssh_login_denied: {
    about: 'The user may not log in, whatever the method: DenyUsers, root, locked, expired (`event.reason`)',
    ...LOGIN,
  },
  ssh_max_attempts: { about: 'The connection had more attempts than MaxAuthTries', ...LOGIN },
  ssh_key_accepted: {
    about: 'A key or certificate is listed or signed for this user; the login itself may still fail',
    ...LOGIN,
  },
  ssh_key_refused: {
    about: 'A key or certificate that could have been right was refused (`event.reason`)',
    ...LOGIN,
  },
  ssh_pam_failure: { about: 'PAM said no, with its reason', ...LOGIN },
  ssh_connection_opened: { about: 'A client connected', ...START },
  ssh_connection_closed: { about: 'A connection was closed, reset or left', ...END },
  ssh_disconnect: { about: 'One side said goodbye, with a reason', ...END },
  ssh_timeout: { about: 'The client did not log in within LoginGraceTime, or did not answer', ...END },
  ssh_identification_failed: {
    about: 'The client did not speak SSH: a scanner, a wrong port, another protocol',
    ...PROTOCOL,
  },
  ssh_negotiation_failed: { about: 'No algorithm in common', ...PROTOCOL },
  ssh_protocol_error: {
    about: 'The protocol was broken in mid-connection: wrong MAC, padding, packet length',
    ...PROTOCOL,
  },
  ssh_connection_dropped: {
    about: 'Refused before any login: MaxStartups, penalties, tcp wrappers',
    ...DENIED,
  },
  ssh_penalty: {
    about: 'The client’s network may not connect for a while, for what it did (from 9.8)',
    ...DENIED,
  },
  ssh_throttling: {
    about: 'Connections are dropped at random from here on, or no longer (MaxStartups)',
    ...DENIED,
  },
  ssh_child_crashed: {
    about: 'The process before authentication crashed: a bug, or an attack on one',
    category: ['process'],
    type: ['end'],
  },
  ssh_keys_command_failed: {
    about: 'AuthorizedKeysCommand or AuthorizedPrincipalsCommand failed or may not be run: keys are missing',
    category: ['authentication'],
    type: ['info'],
  },
  ssh_reverse_dns_mismatch: {
    about: 'The client’s name and address do not belong together',
    category: ['network'],
    type: ['info'],
  },
  ssh_session_started: {
    about: 'A shell, command or subsystem was started',
    category: ['session'],
    type: ['start'],
  },
  ssh_session_closed: { about: 'A shell, command or subsystem ended', category: ['session'], type: ['end'] },
  ssh_session_process: {
    about: 'Which process serves the logged-in user (`decklog.ssh.child_pid`)',
    category: ['session'],
    type: ['info'],
  },
  ssh_subsystem: { about: 'A subsystem such as sftp was asked for', category: ['session'], type: ['info'] },
  ssh_forwarding: {
    about: 'A port, socket, agent or display was forwarded',
    category: ['network'],
    type: ['connection', 'info'],
  },
  ssh_forwarding_denied: { about: 'A forwarding was refused or led nowhere', ...DENIED },
  ssh_transferred: {
    about: 'How many bytes went each way',
    category: ['network'],
    type: ['connection', 'info'],
  },
  ssh_server_started: { about: 'sshd listens', category: ['process'], type: ['start'] },
  ssh_server_stopped: {
    about: 'sshd was told to end or to start again',
    category: ['process'],
    type: ['end'],
  },
  ssh_error: {
    about: 'Another error of sshd: of the daemon’s own making, or a sign of an attack on it',
    category: ['process'],
    type: ['info'],
  },
  ssh_message: {
    about: 'Another message of sshd. Many of these mean: its messages have changed, look here',
    category: ['process'],
    type: ['info'],
  },
} as const satisfies Readonly<Record<string, ActionDefinition>>

export type SshdAction = keyof typeof SSHD_ACTIONS

/** What one message says. Strings may be anything that a client sent. */
export interface SshdFacts {
  readonly outcome?: 'success' | 'failure'
  readonly reason?: string
  readonly code?: string
  readonly user?: string
  /** The user does not exist, or may not log in at all: sshd says "invalid user" for both. */
  readonly invalidUser?: boolean
  readonly source?: Endpoint | undefined
  readonly destination?: Endpoint | undefined
  /** Goes to `system.auth.ssh`, as Elastic's integration has it. */
  readonly ssh?: JsonObject
  /** Goes to `decklog.ssh`. */
  readonly details?: JsonObject
}

/** Writes a message's meaning into the draft: the only place where sshd's fields are made. */
export function putSshd(draft: Draft, action: SshdAction, facts: SshdFacts): true {
  const event = child(draft.fields, 'event')
  const definition: ActionDefinition = SSHD_ACTIONS[action]
  event['action'] = action
  event['category'] = [...definition.category]
  event['type'] = [...definition.type]
  if (facts.outcome !== undefined) event['outcome'] = facts.outcome
  if (facts.reason !== undefined && facts.reason !== '') event['reason'] = facts.reason
  if (facts.code !== undefined) event['code'] = facts.code
  if (facts.user !== undefined && facts.user !== '') {
    child(draft.fields, 'user')['name'] = facts.user
    relate(draft, 'user', facts.user)
  }
  if (facts.source !== undefined) putEndpoint(draft, 'source', facts.source)
  if (facts.destination !== undefined) putEndpoint(draft, 'destination', facts.destination)
  if (facts.ssh !== undefined) child(child(draft.fields, 'system'), 'auth')['ssh'] = facts.ssh
  putDetails(draft, facts)
  return true
}

function putDetails(draft: Draft, { user, details, invalidUser }: SshdFacts): void {
  const hasDetails = details !== undefined && hasMembers(details)
  if (hasDetails || invalidUser === true) {
    const ssh = child(child(draft.fields, 'decklog'), 'ssh')
    for (const name in details) ssh[name] = details[name]!
    if (invalidUser === true) ssh['invalid_user'] = true
  }
  // No one is called so: a name like this is there to be taken for the rest of the line.
  if (user !== undefined && (user.includes(' from ') || user.includes(' port ')))
    note(draft, 'ambiguous-fields')
}

function hasMembers(object: JsonObject): boolean {
  for (const _ in object) return true
  return false
}

/** A client wrote what looks like an address of its own choice: all of them can be searched, none is believed. */
export function putAmbiguous(draft: Draft, candidates: readonly Endpoint[]): void {
  note(draft, 'ambiguous-fields')
  for (const { address } of candidates) {
    const ip = ipOf(address)
    if (ip !== undefined) relate(draft, 'ip', ip)
  }
}
