import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import {
  type DeviceKind,
  deviceMoment,
  deviceValue,
  headerMoment,
  momentText,
} from './support/device-value.ts'
import { child, note, relate } from './support/document.ts'
import { keepText, put } from './support/json-record.ts'

/**
 * IBM's Log Event Extended Format, alone or behind a header of syslog:
 *
 *     LEEF:1.0|vendor|product|version|event id|key=value<tab>key=value …
 *     LEEF:2.0|vendor|product|version|event id|delimiter|key=value<delimiter>key=value …
 *
 * The delimiter of 2.0 is one character, or its number in hexadecimal (`x5E`, `0x5E`); none is the tab. There are no escapes.
 */
export const leef: FormatDefinition = {
  name: 'leef',
  version: 1,
  kind: 'payload',
  title: 'Log Event Extended Format (LEEF) 1.0 and 2.0',
  definedBy: 'IBM QRadar: Log Event Extended Format, versions 1 and 2',
  dataset: 'decklog.leef',
  example:
    'LEEF:2.0|Lancope|StealthWatch|1.0|41|^|src=192.0.2.0^dst=172.50.123.1^sev=5^cat=anomaly^srcPort=81^dstPort=21^usrName=joe.black^devTime=Nov 24 2026 08:00:00 UTC',
  remarks: [
    'The record is kept in `event.original`. The attributes that the format defines become fields of ECS; all of them are in `decklog.leef.attributes`, one flattened field. `decklog.leef` has `version`, `vendor`, `product`, `product_version` and `event_id` too.',
    '`devTime` is read in the common forms (milliseconds, RFC 3339, `MMM dd yyyy HH:mm:ss zone`); where it is in another, named by `devTimeFormat`, the event has its header’s time and is tagged `time-invalid`.',
    'A line whose delimiter is not in it is read with tabs, or with spaces between pairs as some senders write them.',
  ],
  actions: { 'login, logout, deny, …': 'The device’s own action, where it says one' },
  parse,
}

/** Attribute, kind, field. */
const ATTRIBUTES: ReadonlyMap<string, { readonly kind: DeviceKind; readonly field: string }> = new Map(
  `src ip source.ip
srcPort integer source.port
srcMAC mac source.mac
srcBytes integer source.bytes
srcPackets integer source.packets
srcPostNAT ip source.nat.ip
srcPostNATPort integer source.nat.port
identHostName text source.domain
dst ip destination.ip
dstPort integer destination.port
dstMAC mac destination.mac
dstBytes integer destination.bytes
dstPackets integer destination.packets
dstPostNAT ip destination.nat.ip
dstPostNATPort integer destination.nat.port
proto text network.transport
totalPackets integer network.packets
totalBytes integer network.bytes
usrName text user.name
accountName text user.name
domain text user.domain
role text user.roles
groupID text group.id
sev integer event.severity
action text event.action
act text event.action
reason text event.reason
url text url.original
msg text message`
    .split('\n')
    .map((line) => {
      const [name, kind, field] = line.split(' ')
      return [name!, { kind: kind as DeviceKind, field: field! }] as const
    }),
)

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const at = text.indexOf('LEEF:')
  const head = at < 0 ? undefined : readHead(text, at)
  if (head === undefined) return false
  keepText(text, draft)
  if (at > 0) draft.timeNs ??= headerMoment(text, context)
  put(draft.fields, 'observer.vendor', head.parts[0])
  put(draft.fields, 'observer.product', head.parts[1])
  put(draft.fields, 'observer.version', head.parts[2])
  put(draft.fields, 'event.code', head.parts[3])
  const attributes = readAttributes(text.slice(head.end), head.delimiter)
  for (const name in attributes) takeAttribute(name, attributes[name] as string, draft, context)
  putDetails(draft, head, attributes)
  return true
}

interface Head {
  readonly version: string
  /** Vendor, product, version, event id. */
  readonly parts: readonly string[]
  readonly delimiter: string
  readonly end: number
}

const PARTS = 4

function readHead(text: string, at: number): Head | undefined {
  const first = text.indexOf('|', at)
  const version = first < 0 ? '' : text.slice(at + 5, first)
  if (!/^[12](?:\.\d)?$/.test(version)) return undefined
  const parts: string[] = []
  let from = first + 1
  while (parts.length < PARTS) {
    const end = text.indexOf('|', from)
    if (end < 0) return undefined
    parts.push(text.slice(from, end).trim())
    from = end + 1
  }
  if (version.startsWith('1')) return { version, parts, delimiter: '\t', end: from }
  const end = text.indexOf('|', from)
  const delimiter = end < 0 || end - from > 6 ? undefined : delimiterOf(text.slice(from, end))
  // Some senders of 2.0 leave the delimiter out, its bar too.
  return delimiter === undefined
    ? { version, parts, delimiter: '\t', end: from }
    : { version, parts, delimiter, end: end + 1 }
}

function delimiterOf(text: string): string | undefined {
  if (text === '') return '\t'
  if (text.length === 1) return text
  const hex = /^(?:0?x|\\t)([0-9a-fA-F]{2,4})$/.exec(text)
  if (hex !== null) return String.fromCharCode(Number.parseInt(hex[1]!, 16))
  return text === '\\t' || text === 'tab' ? '\t' : undefined
}

const ATTRIBUTES_MAX = 512

function readAttributes(text: string, delimiter: string): JsonObject {
  const attributes = Object.create(null) as JsonObject
  const isSpaced = !text.includes(delimiter)
  const pieces =
    isSpaced && !text.includes('\t')
      ? spacedPairs(text)
      : text.split(isSpaced ? '\t' : delimiter, ATTRIBUTES_MAX)
  for (const piece of pieces) {
    const equals = piece.indexOf('=')
    const name = equals < 1 ? '' : piece.slice(0, equals).trim()
    const value = piece.slice(equals + 1).trim()
    if (name !== '' && name.length <= 255 && !name.includes('\0') && value !== '') attributes[name] = value
  }
  return attributes
}

/** `a=1 b=two words c=3`: a value goes on to the space before the next word that an `=` follows. */
function spacedPairs(text: string): string[] {
  const pieces: string[] = []
  for (const word of text.split(' ', ATTRIBUTES_MAX * 8)) {
    if (/^[A-Za-z_][\w.-]*=/.test(word) || pieces.length === 0) pieces.push(word)
    else pieces.push(`${pieces.pop()!} ${word}`)
  }
  return pieces.slice(0, ATTRIBUTES_MAX)
}

function takeAttribute(name: string, value: string, draft: Draft, context: FormatContext): void {
  if (name === 'devTime') {
    const ns = deviceMoment(value, context)
    if (ns === undefined) note(draft, 'time-invalid')
    else draft.timeNs = ns
    return
  }
  const known = ATTRIBUTES.get(name)
  if (known === undefined) return
  const typed = deviceValue(known.kind, value, context)
  if (typed === undefined) {
    note(draft, 'leef-invalid-value')
    return
  }
  if (known.field === 'message') {
    draft.message = value
    return
  }
  const written = typeof typed === 'bigint' ? momentText(typed) : typed
  put(
    draft.fields,
    known.field,
    known.field === 'network.transport'
      ? value.toLowerCase()
      : known.field === 'user.roles'
        ? [value]
        : written,
  )
  if (known.kind === 'ip') relate(draft, 'ip', value)
  else if (known.field === 'user.name') relate(draft, 'user', value)
  else if (known.field === 'source.domain') relate(draft, 'hosts', value)
}

function putDetails(draft: Draft, { version, parts }: Head, attributes: JsonObject): void {
  const details: JsonObject = { version }
  for (const [index, name] of ['vendor', 'product', 'product_version', 'event_id'].entries())
    if (parts[index] !== '') details[name] = parts[index]!
  for (const _ in attributes) {
    details['attributes'] = attributes
    break
  }
  child(draft.fields, 'decklog')['leef'] = details
  const { isLoginEvent, isLogoutEvent } = attributes
  const isLogin = isLoginEvent === 'true'
  if (!isLogin && isLogoutEvent !== 'true') return
  const event = child(draft.fields, 'event')
  event['category'] = ['authentication']
  event['type'] = [isLogin ? 'start' : 'end']
  event['action'] ??= isLogin ? 'login' : 'logout'
}
