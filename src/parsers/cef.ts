import type { Draft, Json, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { CEF_KEYS } from './support/cef-keys.ts'
import { readCefExtension, readCefHeader } from './support/cef-text.ts'
import { communityId, PROTOCOLS } from './support/community-id.ts'
import { deviceValue, headerMoment, momentText } from './support/device-value.ts'
import { child, isObject, note, relate } from './support/document.ts'
import { keepText, put } from './support/json-record.ts'

/** One event in ArcSight's Common Event Format, alone or behind a header of syslog: support/cef-text.ts. */
export const cef: FormatDefinition = {
  name: 'cef',
  version: 1,
  kind: 'payload',
  title: 'Common Event Format (CEF) 0 and 1',
  definedBy: 'Micro Focus ArcSight Common Event Format, version 25 (CEF:0) and its later revisions (CEF:1)',
  dataset: 'cef.log',
  example:
    'CEF:0|Elastic|Vaporware|1.0.0-alpha|18|Web request|low|eventId=3457 requestMethod=POST proto=TCP requestContext=https://www.google.com src=203.0.113.7 spt=33876 dst=192.168.10.1 dpt=443 request=https://www.example.com/cart cs1=shop cs1Label=Policy',
  remarks: [
    'Names, types and values are those of Elastic’s cef integration: `cef.device.*`, `cef.name`, `cef.severity`, `cef.version`, `cef.extensions.*` by their full names, and fields of ECS. The record is kept in `event.original`; `message` is the extension `msg`, else the event’s name.',
    'Custom fields have their label as a name besides: `decklog.cef.custom` has `{"Policy": "shop"}` for `cs1=shop cs1Label=Policy`.',
    'Differences to Elastic’s documents: `agent.*` and `event.created` are the shipper’s and the batch’s, so `agt`, `ahost`, `aid`, `art` and the like stay in `cef.extensions`; `type` does not become `event.kind`; `event.outcome` takes `success`, `failure` and `unknown` only; `reason` becomes `event.reason` as well; a value that does not have its field’s type stays in `cef.extensions` as text, tagged `cef-invalid-value`, where Elastic drops it; keys with dots are not split.',
    'A value with an `=` that has no backslash is kept whole, where Elastic drops it.',
  ],
  actions: { 'blocked, Accept, detectOnly, …': 'What the device says that it did (`act`)' },
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const at = text.indexOf('CEF:')
  const read = at < 0 ? undefined : readCefHeader(text, at)
  if (read === undefined || read.header.length < 2) return false
  keepText(text, draft)
  if (at > 0) draft.timeNs ??= headerMoment(text, context)
  const [vendor, product, version, classId, name, severity] = read.header
  const device = { vendor, product, version, event_class_id: classId }
  const fields: JsonObject = { version: read.version, device: definedOf(device) }
  Object.assign(fields, definedOf({ name, severity }))
  if (read.header.length < 6) note(draft, 'truncated')
  putHeader(draft, read.header)
  if (name !== undefined && name !== '') draft.message = name
  const extensions = Object.create(null) as JsonObject
  readCefExtension(text, read.end, (key, value) => takePair(key, value, { extensions, draft, context }))
  for (const _ in extensions) {
    fields['extensions'] = extensions
    break
  }
  draft.fields['cef'] = fields
  putMeaning(draft, extensions)
  putCustom(draft, extensions)
  return true
}

function putHeader(draft: Draft, [vendor, product, version, classId, , severity]: readonly string[]): void {
  put(draft.fields, 'observer.vendor', vendor)
  put(draft.fields, 'observer.product', product)
  put(draft.fields, 'observer.version', version)
  put(draft.fields, 'event.code', classId)
  const number = severityOf(severity ?? '')
  if (number !== undefined) child(draft.fields, 'event')['severity'] = number
}

const SEVERITIES: Readonly<Record<string, number>> = { low: 0, medium: 4, high: 7, 'very-high': 9 }

function severityOf(text: string): number | undefined {
  const named = SEVERITIES[text.toLowerCase()]
  return named ?? (/^\d{1,4}$/.test(text) ? Number(text) : undefined)
}

interface Into {
  readonly extensions: JsonObject
  readonly draft: Draft
  readonly context: FormatContext
}

function takePair(key: string, value: string, { extensions, draft, context }: Into): void {
  if (value === '') return
  const known = CEF_KEYS.get(key)
  if (known === undefined) {
    extensions[key] = value
    return
  }
  const typed = deviceValue(known.kind, value, context)
  if (typed === undefined) {
    note(draft, 'cef-invalid-value')
    extensions[known.name] = value
    return
  }
  const written: Json = typeof typed === 'bigint' ? momentText(typed) : typed
  extensions[known.name] = written
  if (known.field === undefined) return
  if (known.field === 'message') draft.message = value
  else if (known.field === '@timestamp') draft.timeNs = typed as bigint
  else if (known.field === 'event.id') put(draft.fields, known.field, value)
  else put(draft.fields, known.field, written)
}

const OUTCOMES = new Set(['success', 'failure', 'unknown'])

/** What needs more than a copy. */
function putMeaning(draft: Draft, extensions: JsonObject): void {
  const { deviceDirection, transportProtocol, requestContext, eventOutcome } = extensions
  if (deviceDirection === 0 || deviceDirection === 1)
    put(draft.fields, 'network.direction', deviceDirection === 0 ? 'inbound' : 'outbound')
  if (typeof transportProtocol === 'string')
    put(draft.fields, 'network.transport', transportProtocol.toLowerCase())
  if (typeof requestContext === 'string' && requestContext.startsWith('http'))
    put(draft.fields, 'http.request.referrer', requestContext)
  const outcome = typeof eventOutcome === 'string' ? eventOutcome.toLowerCase() : ''
  if (OUTCOMES.has(outcome)) put(draft.fields, 'event.outcome', outcome)
  relateAll(draft, extensions)
  putCommunity(draft)
}

const RELATED = [
  ['ip', ['destinationAddress', 'destinationTranslatedAddress', 'sourceAddress', 'sourceTranslatedAddress']],
  ['user', ['destinationUserName', 'sourceUserName']],
  ['hosts', ['deviceHostName', 'deviceDnsDomain']],
  ['hash', ['fileHash', 'oldFileHash']],
] as const

/** Of an address or name that its field took: one that is no address is none to look for. */
function relateAll(draft: Draft, extensions: JsonObject): void {
  for (const [kind, names] of RELATED) {
    for (const name of names) {
      const value = extensions[name]
      if (typeof value === 'string' && (kind !== 'ip' || isTaken(draft, value))) relate(draft, kind, value)
    }
  }
}

function isTaken({ fields }: Draft, address: string): boolean {
  return ['source', 'destination'].some((side) => {
    const end = fields[side]
    if (!isObject(end)) return false
    return end['ip'] === address || (isObject(end['nat']) && end['nat']['ip'] === address)
  })
}

function putCommunity(draft: Draft): void {
  const { source, destination, network } = draft.fields
  if (!isObject(source) || !isObject(destination) || !isObject(network)) return
  const transport = network['transport']
  if (
    typeof transport !== 'string' ||
    typeof source['ip'] !== 'string' ||
    typeof destination['ip'] !== 'string'
  )
    return
  const protocol = PROTOCOLS.get(transport) ?? (/^\d{1,3}$/.test(transport) ? Number(transport) : undefined)
  if (protocol === undefined) return
  const id = communityId({
    source: source['ip'],
    destination: destination['ip'],
    protocol,
    sourcePort: portOf(source),
    destinationPort: portOf(destination),
  })
  if (id !== undefined) network['community_id'] = id
}

function portOf(end: JsonObject): number | undefined {
  const { port } = end
  return typeof port === 'number' && port >= 0 && port <= 65_535 ? port : undefined
}

/** `deviceCustomString1` and its label: the label is the name. */
function putCustom(draft: Draft, extensions: JsonObject): void {
  const custom = Object.create(null) as JsonObject
  let any = false
  for (const name in extensions) {
    if (!name.endsWith('Label')) continue
    const value = extensions[name.slice(0, -5)]
    const label = extensions[name]
    if (value === undefined || typeof label !== 'string') continue
    custom[label] = value
    any = true
  }
  if (any) child(child(draft.fields, 'decklog'), 'cef')['custom'] = custom
}

function definedOf(values: Readonly<Record<string, string | undefined>>): JsonObject {
  const defined: JsonObject = {}
  for (const name in values)
    if (values[name] !== undefined && values[name] !== '') defined[name] = values[name]
  return defined
}
