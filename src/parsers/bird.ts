import type { Draft } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { BGP_ACTIONS, type BgpEvent, putBgp } from './support/bgp-session.ts'
import { writtenBy } from './support/document.ts'
import { put } from './support/json-record.ts'
import { readIso } from './support/time.ts'

/**
 * A line of BIRD's log, 1.x to 3.x, from a file, from syslog or as Calico's node prints it:
 *
 *     2026-11-24 08:00:00.123 <TRACE> uplink1: BGP session established       file
 *     uplink1: State changed to up                                            behind syslog
 *     bird: Mesh_10_0_0_2: State changed to start                             stderr, calico-node
 */
export const bird: FormatDefinition = {
  name: 'bird',
  version: 1,
  kind: 'payload',
  title: 'BIRD routing daemon',
  definedBy:
    'CZ-NIC/bird: sysdep/unix/log.c, nest/proto.c, proto/bgp/bgp.c, proto/bgp/packets.c; projectcalico/bird',
  dataset: 'decklog.bgp',
  example: '2026-11-24 08:00:00.123 <RMT> uplink1: Received: Administrative shutdown',
  remarks: [
    'The message stays as it is. Session changes are read (BIRD says them where `debug { states, events }` is on, errors always); any other line is `bgp-message`.',
    'Calico’s sessions carry the neighbour’s address in their name (`Mesh_10_0_0_2`, `Node_…`, `Global_…`): it is `destination.ip`.',
  ],
  actions: BGP_ACTIONS,
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  if (!writtenBy(draft, ['bird', 'bird6', 'bird.ctl'])) return false
  const head = headOf(text, context)
  if (head === undefined) return false
  const colon = text.indexOf(': ', head.end)
  const session = colon < 0 ? '' : text.slice(head.end, colon)
  const hasSession = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(session)
  const message = hasSession ? text.slice(colon + 2) : text.slice(head.end)
  const event = eventOf(message, hasSession ? session : undefined, head.level)
  if (event === undefined && !head.certain && draft.fields['process'] === undefined) return false
  if (head.ns !== undefined) draft.timeNs = head.ns
  put(draft.fields, 'log.level', LEVELS[head.level] ?? head.level.toLowerCase())
  putBgp(
    draft,
    event ?? { action: 'bgp-message', product: 'bird', session: hasSession ? session : undefined },
  )
  return true
}

const LEVELS: Readonly<Record<string, string>> = {
  TRACE: 'trace',
  DBG: 'debug',
  INFO: 'info',
  WARN: 'warning',
  ERR: 'error',
  RMT: 'warning',
  AUTH: 'error',
  FATAL: 'critical',
  BUG: 'critical',
}

interface Head {
  readonly ns: bigint | undefined
  readonly level: string
  readonly end: number
  /** The line is BIRD's by its form alone. */
  readonly certain: boolean
}

function headOf(text: string, context: FormatContext): Head | undefined {
  const stamp = readIso(text, 0, context.utcOffsetMinutes) ?? readOldStamp(text, context)
  let at = stamp === undefined ? 0 : stamp.end + 1
  let level = ''
  const close = text.charCodeAt(at) === 60 ? text.indexOf('> ', at) : -1
  if (close > 0 && close - at < 10) {
    level = text.slice(at + 1, close)
    at = close + 2
  } else if (stamp !== undefined) return undefined
  const named = text.startsWith('bird: ', at) ? 6 : text.startsWith('bird6: ', at) ? 7 : 0
  const isKnown = Object.hasOwn(LEVELS, level)
  if (level !== '' && !isKnown) return undefined
  return { ns: stamp?.ns, level, end: at + named, certain: isKnown || named > 0 }
}

/** `24-11-2026 08:00:00` of 1.x. */
function readOldStamp(
  text: string,
  context: FormatContext,
): { end: number; ns: bigint | undefined } | undefined {
  const match = /^(\d{2})-(\d{2})-(\d{4}) (\d{2}:\d{2}:\d{2})(?= )/.exec(text)
  if (match === null) return undefined
  const stamp = readIso(`${match[3]}-${match[2]}-${match[1]}T${match[4]}`, 0, context.utcOffsetMinutes)
  return { end: match[0].length, ns: stamp?.ns }
}

const FORMS: readonly (readonly [start: string, action: BgpEvent['action']])[] = [
  ['BGP session established', 'bgp-session-up'],
  ['BGP session closed', 'bgp-session-down'],
  ['State changed to ', 'bgp-session-state'],
  ['Received: ', 'bgp-notification-received'],
  ['Error: ', 'bgp-notification-sent'],
  ['Sending error', 'bgp-notification-sent'],
  ['Socket error: ', 'bgp-session-error'],
  ['Socket: ', 'bgp-session-error'],
  ['Connection lost', 'bgp-session-down'],
  ['Connection closed', 'bgp-session-down'],
  ['Neighbor lost', 'bgp-session-down'],
  ['BFD session down', 'bgp-session-down'],
  ['Hold timer expired', 'bgp-session-down'],
  ['Startup delayed by ', 'bgp-session-error'],
  ['Incoming connection from ', 'bgp-session-state'],
  ['Unexpected connect from ', 'bgp-session-error'],
  ['Connecting to ', 'bgp-session-state'],
  ['Shutting down', 'bgp-session-state'],
  ['Shutdown requested', 'bgp-session-state'],
  ['Route limit exceeded', 'bgp-limit'],
  ['Protocol import limit', 'bgp-limit'],
  ['Channel import limit', 'bgp-limit'],
]

function eventOf(message: string, session: string | undefined, level: string): BgpEvent | undefined {
  const form = FORMS.find(([start]) => message.startsWith(start))
  if (form === undefined) return undefined
  const [start, said] = form
  const rest = message.slice(start.length)
  const isState = start === 'State changed to '
  const state = isState ? rest.trim() : undefined
  const action = state === 'up' ? 'bgp-session-up' : state === 'down' ? 'bgp-session-down' : said
  const isWord = start.endsWith(' ') && !isState
  const address =
    /(?:from|to|address) ([0-9a-fA-F.:]{2,45})(?:%\S{1,32})?(?: |$)/.exec(message)?.[1] ??
    nameAddress(session)
  const reason = isWord ? rest : action === 'bgp-session-down' || level === 'ERR' ? message : undefined
  return { action, product: 'bird', session, neighbor: address, state, reason }
}

/** `Mesh_10_0_0_2`, `Node_fd00__2` */
function nameAddress(session: string | undefined): string | undefined {
  const match =
    /^(?:Mesh|Node|Global|Local_Workload)(?:_with_port_\d{1,5})?_((?:\d{1,3}_){3}\d{1,3})(?:_|$)/.exec(
      session ?? '',
    )
  return match?.[1]?.replaceAll('_', '.')
}
