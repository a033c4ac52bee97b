import type { Draft } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { BGP_ACTIONS, type BgpEvent, putBgp } from './support/bgp-session.ts'
import { processName } from './support/document.ts'
import { put } from './support/json-record.ts'
import { readIso } from './support/time.ts'

/**
 * A line of FRRouting's log (also of MetalLB's `frr` container), from a file or behind syslog:
 *
 *     2026/11/24 08:00:00.123456 BGP: [M59KS-A3ZXZ][EC 33554493] %ADJCHANGE: neighbor 10.0.0.2(worker-2) in vrf default Down Peer closed the session
 */
export const frr: FormatDefinition = {
  name: 'frr',
  version: 1,
  kind: 'payload',
  title: 'FRRouting',
  definedBy:
    'FRRouting/frr: lib/zlog.c, bgpd/bgp_fsm.c, bgpd/bgp_debug.c (bgp_notify_print), bgpd/bgp_route.c',
  dataset: 'decklog.bgp',
  example:
    '2026/11/24 08:00:00 BGP: [M59KS-A3ZXZ] %ADJCHANGE: neighbor 10.0.0.2(worker-2) in vrf default Down Hold Timer Expired',
  remarks: [
    'The message stays as it is. `%ADJCHANGE`, `%NOTIFICATION` and `%MAXPFX` are read; any other line of a daemon of FRR is `bgp-message`, with its unique code in `event.code`.',
  ],
  actions: BGP_ACTIONS,
  parse,
}

const DAEMONS = /^(?:bgpd|zebra|bfdd|ospfd|ospf6d|isisd|staticd|watchfrr|mgmtd|pimd|vtysh)$/
const PROTOCOLS = new Set([
  'BGP',
  'ZEBRA',
  'BFD',
  'OSPF',
  'OSPF6',
  'ISIS',
  'STATIC',
  'WATCHFRR',
  'MGMTD',
  'PIM',
  'VTYSH',
])

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const writer = processName(draft)
  if (writer !== undefined && !DAEMONS.test(writer)) return false
  const head = headOf(text, context)
  if (head === undefined && writer === undefined) return false
  const code = codeOf(text, head?.end ?? 0)
  const event = eventOf(text.slice(code.end))
  if (head?.ns !== undefined) draft.timeNs = head.ns
  put(draft.fields, 'event.code', code.code)
  put(draft.fields, 'decklog.bgp.daemon', head?.daemon ?? writer)
  putBgp(draft, event ?? { action: 'bgp-message', product: 'frr' })
  return true
}

interface Head {
  readonly ns: bigint | undefined
  readonly daemon: string
  readonly end: number
}

/** `2026/11/24 08:00:00[.123456] BGP: `, or only `BGP: `. */
function headOf(text: string, context: FormatContext): Head | undefined {
  const dated = /^(\d{4})\/(\d{2})\/(\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?) /.exec(text)
  const at = dated === null ? 0 : dated[0].length
  const colon = text.indexOf(': ', at)
  const daemon = colon < 0 || colon - at > 10 ? '' : text.slice(at, colon)
  if (!PROTOCOLS.has(daemon)) return undefined
  const ns =
    dated === null
      ? undefined
      : readIso(`${dated[1]}-${dated[2]}-${dated[3]}T${dated[4]}`, 0, context.utcOffsetMinutes)?.ns
  return { ns, daemon: daemon.toLowerCase(), end: colon + 2 }
}

/** `[M59KS-A3ZXZ]`, `[EC 33554493] ` */
function codeOf(text: string, from: number): { readonly code: string | undefined; readonly end: number } {
  const match = /^(?:\[([A-Z0-9]{5}-[A-Z0-9]{5})\])?(?:\[EC (\d{1,10})\])? ?/.exec(
    text.slice(from, from + 40),
  )
  return { code: match?.[1] ?? match?.[2], end: from + (match?.[0].length ?? 0) }
}

function eventOf(message: string): BgpEvent | undefined {
  if (message.startsWith('%ADJCHANGE: ') || message.startsWith('%ADJCHANGE : ')) return adjacency(message)
  if (message.startsWith('%NOTIFICATION: ')) return notification(message)
  if (message.startsWith('%MAXPFX')) return limit(message)
  return undefined
}

/** `neighbor ADDR[(NAME)] [in vrf NAME] Up|Down [reason]`; before 7 `neighbor ADDR Up`. */
function adjacency(message: string): BgpEvent | undefined {
  const match =
    /neighbor ([^\s(]{1,64})(?:\(([^)]{0,253})\))?(?: in vrf (\S{1,64}))? (Up|Down)(?: (.*))?$/.exec(message)
  if (match === null) return undefined
  const [, neighbor, name, vrf, state, reason] = match
  const isUp = state === 'Up'
  return {
    action: isUp ? 'bgp-session-up' : 'bgp-session-down',
    product: 'frr',
    neighbor,
    session: name,
    vrf,
    state: isUp ? 'up' : 'down',
    reason,
  }
}

/** `sent to|received from neighbor ADDR[(NAME)] CODE/SUBCODE (TEXT) N bytes [data]` */
function notification(message: string): BgpEvent | undefined {
  const match =
    /(sent to|received from) neighbor ([^\s(]{1,64})(?:\([^)]{0,253}\))? (\d{1,3}\/\d{1,3}) \(([^)]{0,256})\)/.exec(
      message,
    )
  if (match === null) return undefined
  const [, way, neighbor, , reason] = match
  return {
    action: way === 'sent to' ? 'bgp-notification-sent' : 'bgp-notification-received',
    product: 'frr',
    neighbor,
    reason,
  }
}

function limit(message: string): BgpEvent {
  const neighbor = /received from ([^\s(]{1,64})/.exec(message)?.[1]
  return { action: 'bgp-limit', product: 'frr', neighbor, reason: message.replace(/^%\w+: /, '') }
}
