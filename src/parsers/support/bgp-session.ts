import type { Draft } from '../../core/document.ts'
import { relate } from './document.ts'
import { ipOf } from './endpoint.ts'
import { put, shortened } from './json-record.ts'

/** What a BGP speaker says of a session, whichever it is. */
export interface BgpEvent {
  readonly action: keyof typeof BGP_ACTIONS
  readonly product: string
  /** Address or name of the neighbour. */
  readonly neighbor?: string | undefined
  /** The speaker's own name of the session. */
  readonly session?: string | undefined
  readonly state?: string | undefined
  readonly reason?: string | undefined
  readonly asn?: string | undefined
  readonly vrf?: string | undefined
}

export const BGP_ACTIONS = {
  'bgp-session-up': 'A session is established',
  'bgp-session-down': 'A session ended, or could not be made; `event.reason` says why',
  'bgp-session-state': 'A session changed its state (`decklog.bgp.state`)',
  'bgp-notification-sent': 'This side ended a session with a notification',
  'bgp-notification-received': 'The neighbour ended a session with a notification',
  'bgp-session-error': 'An error of a session or its connection',
  'bgp-limit': 'A neighbour sent more routes than it may',
  'bgp-message': 'Any other message of the speaker',
} as const

const TYPES: Readonly<Record<string, readonly string[]>> = {
  'bgp-session-up': ['connection', 'start'],
  'bgp-session-down': ['connection', 'end'],
  'bgp-session-state': ['connection', 'change'],
  'bgp-session-error': ['connection', 'error'],
  'bgp-limit': ['protocol', 'denied'],
}

const FAILED = new Set([
  'bgp-session-down',
  'bgp-session-error',
  'bgp-notification-sent',
  'bgp-notification-received',
  'bgp-limit',
])

export function putBgp(draft: Draft, event: BgpEvent): void {
  const { fields } = draft
  put(fields, 'event.action', event.action)
  put(fields, 'event.category', ['network'])
  put(fields, 'event.type', [...(TYPES[event.action] ?? ['info'])])
  if (event.action === 'bgp-session-up') put(fields, 'event.outcome', 'success')
  else if (FAILED.has(event.action)) put(fields, 'event.outcome', 'failure')
  put(fields, 'event.reason', event.reason === undefined ? undefined : shortened(event.reason, 1024))
  put(fields, 'network.protocol', 'bgp')
  put(fields, 'observer.product', event.product)
  put(fields, 'observer.type', 'router')
  put(fields, 'decklog.bgp.session', event.session)
  put(fields, 'decklog.bgp.neighbor', event.neighbor)
  put(fields, 'decklog.bgp.state', event.state)
  put(fields, 'decklog.bgp.asn', event.asn)
  put(fields, 'decklog.bgp.vrf', event.vrf)
  const ip = event.neighbor === undefined ? undefined : ipOf(event.neighbor)
  if (ip === undefined) return
  put(fields, 'destination.ip', ip)
  put(fields, 'destination.address', event.neighbor)
  relate(draft, 'ip', ip)
}
