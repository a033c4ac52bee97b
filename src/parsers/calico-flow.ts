import type { Draft, Json, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { communityId, PROTOCOLS } from './support/community-id.ts'
import { relate } from './support/document.ts'
import { ipOf } from './support/endpoint.ts'
import {
  intOf,
  isoNs,
  keepJson,
  objectOf,
  objectsOf,
  put,
  readObject,
  str,
  stringsOf,
  textOf,
} from './support/json-record.ts'
import { putSubject } from './support/subject.ts'

/**
 * One flow log of Calico: aggregated connections of an interval, as one end saw them.
 *
 *     {"start_time":1597086517,"end_time":1597086527,"source_name":…,"dest_name":…,"proto":"tcp","action":"deny","reporter":"dst",…}    Felix, flows.log
 *     {"startTime":"…","endTime":"…","action":"Deny","sourceName":…,"destName":…,"protocol":"tcp","reporter":"Dst",…}                   Goldmane, Whisker
 */
export const calicoFlow: FormatDefinition = {
  name: 'calico-flow',
  version: 1,
  kind: 'payload',
  title: 'Calico flow logs',
  definedBy:
    'projectcalico/calico: felix/collector/flowlog, goldmane/proto/api.proto, whisker-backend; docs.tigera.io: flow log data types',
  dataset: 'decklog.calico_flow',
  example:
    '{"start_time":1795507190,"end_time":1795507200,"source_ip":"10.244.1.17","source_name":"web-6f4b7","source_name_aggr":"web-*","source_namespace":"shop","source_port":41234,"source_type":"wep","source_labels":{"labels":["app=web"]},"dest_ip":"10.244.2.9","dest_name":"db-0","dest_name_aggr":"db-*","dest_namespace":"billing","dest_port":5432,"dest_type":"wep","dest_labels":{"labels":["app=db"]},"dest_service_namespace":"-","dest_service_name":"-","dest_service_port":"-","proto":"tcp","action":"deny","reporter":"dst","policies":{"all_policies":["0|default|billing/default.deny-all|deny|-1"]},"bytes_in":60,"bytes_out":0,"num_flows":1,"num_flows_started":1,"num_flows_completed":0,"packets_in":1,"packets_out":0,"http_requests_allowed_in":0,"http_requests_denied_in":0,"host":"worker-3"}',
  remarks: [
    'The packets that Calico logs through the kernel (`calico-packet: IN=…`) are of the format `netfilter`.',
    '`@timestamp` is the end of the interval, `event.start` and `event.end` its two ends. The policies that decided are `rule.name`, those that only would `decklog.calico.pending`. `decklog.subject` is the end that reported.',
    'Counts are of the interval: `source.bytes` is what the source sent as this end saw it. Names that end in `*` stand for all pods of a workload.',
  ],
  actions: {
    'flow-allow': 'Connections that were allowed',
    'flow-deny': 'Connections that were denied',
    'flow-pass': 'Passed on to the next tier',
  },
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const record = readObject(text)
  if (record === undefined) return false
  const flow = flowOf(record)
  const action = flow('action').toLowerCase()
  if ((action !== 'allow' && action !== 'deny' && action !== 'pass') || flow('reporter') === '') return false
  if (record['start_time'] === undefined && record['startTime'] === undefined) return false
  const { fields } = draft
  keepJson(text, draft)
  putInterval(draft, record, context)
  put(fields, 'event.action', `flow-${action}`)
  put(fields, 'event.category', ['network'])
  put(
    fields,
    'event.type',
    action === 'pass' ? ['connection'] : ['connection', action === 'deny' ? 'denied' : 'allowed'],
  )
  put(fields, 'event.outcome', action === 'deny' ? 'failure' : 'success')
  put(fields, 'observer.product', 'calico')
  put(fields, 'observer.vendor', 'Tigera')
  put(fields, 'observer.type', 'sensor')
  put(fields, 'observer.hostname', flow('host'))
  const source = putEnd(draft, flow, 'source')
  const destination = putEnd(draft, flow, 'dest')
  putNetwork(fields, flow, record)
  putPolicies(fields, record)
  const reporter = flow('reporter').toLowerCase()
  put(fields, 'network.direction', reporter === 'dst' ? 'ingress' : 'egress')
  const side = reporter === 'dst' ? 'dest' : 'source'
  if (flow(`${side}_namespace`) !== '') {
    putSubject(draft, {
      kind: 'pod',
      name: flow(`${side}_name`) || flow(`${side}_name_aggr`),
      namespace: flow(`${side}_namespace`),
      node: flow('host'),
    })
  }
  draft.message = `${action} ${source} -> ${destination} ${flow('proto')} (${reporter})`
  return true
}

/** Reads a member by Felix's name, or by Goldmane's; '-' and 'pub' stand for nothing. */
function flowOf(record: JsonObject): (name: string) => string {
  return (name) => {
    const camel = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    const value =
      textOf(record[name] ?? record[camel] ?? (name === 'proto' ? record['protocol'] : undefined)) ?? ''
    return value === '-' ? '' : value
  }
}

function putInterval(draft: Draft, record: JsonObject, context: FormatContext): void {
  const start = stampOf(record['start_time'] ?? record['startTime'], context)
  const end = stampOf(record['end_time'] ?? record['endTime'], context)
  draft.timeNs = end ?? start
  if (start !== undefined) put(draft.fields, 'event.start', isoOf(start))
  if (end !== undefined) put(draft.fields, 'event.end', isoOf(end))
  if (start !== undefined && end !== undefined && end >= start)
    put(draft.fields, 'event.duration', Number(end - start))
}

function isoOf(ns: bigint): string {
  return new Date(Number(ns / 1_000_000n)).toISOString()
}

/** Seconds, or a text. */
function stampOf(value: Json | undefined, context: FormatContext): bigint | undefined {
  const seconds = intOf(value)
  if (seconds !== undefined)
    return seconds > 0 && seconds < 9e9 ? BigInt(seconds) * 1_000_000_000n : undefined
  const ns = isoNs(value, context)
  return ns !== undefined && ns > 0n ? ns : undefined
}

function putEnd(draft: Draft, flow: (name: string) => string, side: 'source' | 'dest'): string {
  const { fields } = draft
  const name = side === 'dest' ? 'destination' : 'source'
  const ip = ipOf(flow(`${side}_ip`))
  const pod = flow(`${side}_name`) || flow(`${side}_name_aggr`)
  const namespace = flow(`${side}_namespace`)
  const port = intOf(flow(`${side}_port`))
  put(fields, `${name}.ip`, ip)
  put(fields, `${name}.port`, port)
  if (ip !== undefined) relate(draft, 'ip', ip)
  put(fields, `decklog.calico.${name}.name`, pod)
  put(fields, `decklog.calico.${name}.namespace`, namespace)
  put(fields, `decklog.calico.${name}.type`, flow(`${side}_type`))
  const service = flow(`${side}_service_name`)
  if (side === 'dest') put(fields, `decklog.calico.${name}.service`, service)
  const of = pod === '' ? (ip ?? '?') : `${namespace === '' ? '' : `${namespace}/`}${pod}`
  return port === undefined ? of : `${of}:${port}`
}

function putNetwork(fields: JsonObject, flow: (name: string) => string, record: JsonObject): void {
  const name = flow('proto').toLowerCase()
  const number = /^\d{1,3}$/.test(name) ? Number(name) : PROTOCOLS.get(name)
  if (/^\d+$/.test(name)) put(fields, 'network.iana_number', name)
  else put(fields, 'network.transport', name === 'icmp6' ? 'ipv6-icmp' : name)
  const source = ipOf(flow('source_ip'))
  const destination = ipOf(flow('dest_ip'))
  if (source !== undefined) put(fields, 'network.type', source.includes(':') ? 'ipv6' : 'ipv4')
  if (number !== undefined && source !== undefined && destination !== undefined) {
    const ports = { sourcePort: intOf(flow('source_port')), destinationPort: intOf(flow('dest_port')) }
    put(fields, 'network.community_id', communityId({ source, destination, protocol: number, ...ports }))
  }
  // "in" is what the destination got.
  const count = (felix: string, goldmane: string): number | undefined =>
    intOf(record[felix] ?? record[goldmane])
  const sent = { bytes: count('bytes_in', 'bytesIn'), packets: count('packets_in', 'packetsIn') }
  const answered = { bytes: count('bytes_out', 'bytesOut'), packets: count('packets_out', 'packetsOut') }
  put(fields, 'source.bytes', sent.bytes)
  put(fields, 'source.packets', sent.packets)
  put(fields, 'destination.bytes', answered.bytes)
  put(fields, 'destination.packets', answered.packets)
  if (sent.bytes !== undefined) put(fields, 'network.bytes', sent.bytes + (answered.bytes ?? 0))
  if (sent.packets !== undefined) put(fields, 'network.packets', sent.packets + (answered.packets ?? 0))
  put(
    fields,
    'decklog.count',
    count('num_flows', 'numFlows') ?? count('num_connections_live', 'numConnectionsLive'),
  )
}

function putPolicies(fields: JsonObject, record: JsonObject): void {
  const policies = objectOf(record['policies'])
  const felix = stringsOf(policies['enforced_policies'], 32) ?? stringsOf(policies['all_policies'], 32) ?? []
  const names = [...felix.map(felixName), ...objectsOf(policies['enforced']).map(goldmaneName)]
  const pending = [
    ...(stringsOf(policies['pending_policies'], 32) ?? []).map(felixName),
    ...objectsOf(policies['pending']).map(goldmaneName),
  ]
  put(fields, 'rule.name', names.length === 1 ? names[0] : names.slice(0, 32))
  put(fields, 'decklog.calico.pending', pending.slice(0, 32))
}

/** `index|tier|namespace/tier.policy|action|rule` */
function felixName(hit: string): string {
  return hit.split('|', 4)[2] ?? hit
}

function goldmaneName(hit: JsonObject): string {
  return [str(hit['namespace']), str(hit['name'])].filter((part) => part !== '').join('/')
}
