import type { Draft, Json, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { communityId } from './support/community-id.ts'
import { isObject, relate } from './support/document.ts'
import { ipOf } from './support/endpoint.ts'
import { putLayer7 } from './support/hubble-layer7.ts'
import {
  intOf,
  keepJson,
  objectOf,
  objectsOf,
  put,
  putTime,
  readObject,
  str,
  stringsOf,
  textOf,
} from './support/json-record.ts'
import { putSubject } from './support/subject.ts'

/**
 * One event of Cilium's Hubble, as its exporter (`hubble-export-file-path`) and `hubble observe -o jsonpb` write it, or a bare flow
 * (`-o json` of versions before 0.10):
 *
 *     {"flow":{"time":…,"verdict":"DROPPED","IP":{…},"l4":{"TCP":{…}},"source":{…},"destination":{…},"Type":"L3_L4",…},"node_name":…,"time":…}
 *     {"lost_events":{"source":"HUBBLE_RING_BUFFER","num_events_lost":"12"},…}        {"agent_event":{"type":"POLICY_UPDATED",…},…}
 */
export const hubble: FormatDefinition = {
  name: 'hubble',
  version: 1,
  kind: 'payload',
  title: 'Cilium Hubble flows',
  definedBy: 'cilium/cilium: api/v1/flow/flow.proto, api/v1/observer/observer.proto, pkg/hubble/exporter',
  dataset: 'decklog.hubble',
  example:
    '{"flow":{"time":"2026-11-24T08:00:00.123456789Z","uuid":"2c9a6ec2-7bd2-4f5e-9d0c-0d7f7f1f6f3a","verdict":"DROPPED","drop_reason":133,"ethernet":{"source":"1e:5a:0f:aa:bb:01","destination":"1e:5a:0f:aa:bb:02"},"IP":{"source":"10.0.1.17","destination":"10.0.2.9","ipVersion":"IPv4"},"l4":{"TCP":{"source_port":41234,"destination_port":5432,"flags":{"SYN":true}}},"source":{"ID":1174,"identity":33201,"namespace":"shop","labels":["k8s:app=web"],"pod_name":"web-6f4b7","workloads":[{"name":"web","kind":"Deployment"}]},"destination":{"ID":99,"identity":44100,"namespace":"billing","labels":["k8s:app=db"],"pod_name":"db-0"},"Type":"L3_L4","node_name":"worker-3","event_type":{"type":1,"sub_type":133},"traffic_direction":"INGRESS","drop_reason_desc":"POLICY_DENIED","Summary":"TCP Flags: SYN"},"node_name":"worker-3","time":"2026-11-24T08:00:00.123456789Z"}',
  remarks: [
    'The verdict is `event.action` (`flow-dropped`, `flow-forwarded`, …), `event.type` has `denied` or `allowed`, `event.reason` the drop reason. `message` is a summary, `event.original` the record.',
    'Names, namespaces, workloads, identities and labels of both ends are below `decklog.hubble.source` and `.destination`; `decklog.subject` is the end whose policy decided (the destination on ingress, else the source). Policies that allowed or denied are `rule.name`.',
    'An answer (`is_reply`) keeps its own direction: `source` is who sent it. `network.community_id` is the same for both.',
    'HTTP headers are left out of the fields; `event.original` has them as Cilium wrote them.',
    'A lost-events record is an event of its own: that many were never seen.',
  ],
  actions: {
    'flow-forwarded': 'Passed on',
    'flow-dropped': 'Dropped; `event.reason` says why',
    'flow-error': 'An error while it was handled',
    'flow-audit': 'Would have been dropped, were the policy not in audit mode',
    'flow-redirected': 'Handed to the proxy',
    'flow-traced': 'Seen at a trace point',
    'flow-translated': 'An address was translated',
    'flow-unknown': 'No verdict',
    'lost-events': 'Events that Hubble could not read in time: `decklog.count`',
    'agent-event': 'An event of the agent: `decklog.hubble.type` says which',
    'node-status': 'A node came or went',
  },
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const record = readObject(text)
  if (record === undefined) return false
  const flow = isObject(record['flow']) ? record['flow'] : isFlow(record) ? record : undefined
  const other = flow === undefined ? OTHERS.find((name) => isObject(record[name])) : undefined
  if (flow === undefined && (other === undefined || record['time'] === undefined)) return false
  keepJson(text, draft)
  const { fields } = draft
  const node = str(record['node_name'] ?? flow?.['node_name'])
  putTime(draft, context, flow?.['time'], record['time'])
  put(fields, 'observer.product', 'hubble')
  put(fields, 'observer.vendor', 'Cilium')
  put(fields, 'observer.type', 'sensor')
  put(fields, 'observer.hostname', node)
  relate(draft, 'hosts', node)
  if (flow === undefined) putOther(draft, other!, objectOf(record[other!]))
  else putFlow(draft, flow, node)
  return true
}

const OTHERS = ['lost_events', 'agent_event', 'node_status', 'debug_event'] as const

function isFlow(record: JsonObject): boolean {
  return typeof record['verdict'] === 'string' && isObject(record['IP']) && record['time'] !== undefined
}

function putOther(draft: Draft, kind: (typeof OTHERS)[number], body: JsonObject): void {
  const { fields } = draft
  const isLoss = kind === 'lost_events'
  put(fields, 'event.category', [isLoss ? 'host' : 'configuration'])
  put(fields, 'event.type', ['info'])
  put(fields, 'event.action', kind === 'debug_event' ? 'agent-event' : kind.replace('_', '-'))
  const type = str(body['type'] ?? body['state_change'] ?? body['source'])
  put(fields, 'decklog.hubble.type', type)
  const lost = intOf(body['num_events_lost'])
  put(fields, 'decklog.count', lost)
  put(fields, 'event.reason', str(body['message']))
  draft.message = isLoss ? `${lost ?? '?'} events lost: ${type}` : `${kind.replace('_', ' ')} ${type}`
}

const DENIED = new Set(['DROPPED', 'ERROR'])
const ALLOWED = new Set(['FORWARDED', 'REDIRECTED'])

function putFlow(draft: Draft, flow: JsonObject, node: string): void {
  const { fields } = draft
  const verdict = str(flow['verdict']) || 'UNKNOWN'
  const isDenied = DENIED.has(verdict)
  const isAllowed = ALLOWED.has(verdict)
  put(fields, 'event.id', str(flow['uuid']))
  put(fields, 'event.action', actionOf(verdict))
  put(fields, 'event.category', ['network'])
  put(fields, 'event.type', ['connection', ...(isDenied ? ['denied'] : isAllowed ? ['allowed'] : [])])
  if (isDenied || isAllowed) put(fields, 'event.outcome', isDenied ? 'failure' : 'success')
  const said = textOf(flow['drop_reason_desc']) ?? ''
  const reason = said === 'DROP_REASON_UNKNOWN' ? '' : said
  put(fields, 'event.reason', reason)
  const tuple = putTuple(draft, flow)
  const way = str(flow['traffic_direction']).toLowerCase()
  const direction = way.startsWith('traffic') ? '' : way
  put(fields, 'network.direction', direction)
  putEnds(draft, flow, direction, node)
  putRules(fields, flow)
  put(fields, 'decklog.hubble.verdict', verdict)
  put(fields, 'decklog.hubble.type', str(flow['Type'] ?? flow['type']))
  put(fields, 'decklog.hubble.observation_point', str(flow['trace_observation_point']))
  if (typeof flow['is_reply'] === 'boolean') put(fields, 'decklog.hubble.is_reply', flow['is_reply'])
  put(fields, 'observer.ingress.interface.name', str(objectOf(flow['interface'])['name']))
  put(fields, 'trace.id', str(objectOf(objectOf(flow['trace_context'])['parent'])['trace_id']))
  const layer7 = putLayer7(draft, objectOf(flow['l7']))
  const why = reason === '' ? '' : ` (${reason})`
  draft.message = `${verdict}${why} ${tuple}${layer7 === '' ? '' : ` ${layer7}`}${direction === '' ? '' : ` ${direction}`}`
}

const VERDICTS = new Set(['FORWARDED', 'DROPPED', 'ERROR', 'AUDIT', 'REDIRECTED', 'TRACED', 'TRANSLATED'])

function actionOf(verdict: string): string {
  return VERDICTS.has(verdict) ? `flow-${verdict.toLowerCase()}` : 'flow-unknown'
}

const PROTOCOLS: Readonly<Record<string, readonly [name: string, number: number]>> = {
  TCP: ['tcp', 6],
  UDP: ['udp', 17],
  SCTP: ['sctp', 132],
  ICMPv4: ['icmp', 1],
  ICMPv6: ['ipv6-icmp', 58],
  VRRP: ['vrrp', 112],
  IGMP: ['igmp', 2],
}

/** Addresses, ports and the protocol; gives them in words. */
function putTuple(draft: Draft, flow: JsonObject): string {
  const { fields } = draft
  const addresses = objectOf(flow['IP'])
  const layer4 = objectOf(flow['l4'])
  const name = Object.keys(PROTOCOLS).find((key) => isObject(layer4[key]))
  const protocol = name === undefined ? undefined : PROTOCOLS[name]!
  const header = name === undefined ? {} : objectOf(layer4[name])
  const source = ipOf(str(addresses['source']))
  const destination = ipOf(str(addresses['destination']))
  const sourcePort = intOf(header['source_port'])
  const destinationPort = intOf(header['destination_port'])
  put(fields, 'source.ip', source)
  put(fields, 'source.port', sourcePort)
  put(fields, 'source.nat.ip', ipOf(str(addresses['source_xlated'])))
  put(fields, 'destination.ip', destination)
  put(fields, 'destination.port', destinationPort)
  const ethernet = objectOf(flow['ethernet'])
  put(fields, 'source.mac', macOf(ethernet['source']))
  put(fields, 'destination.mac', macOf(ethernet['destination']))
  put(fields, 'network.transport', protocol?.[0])
  const version = str(addresses['ipVersion']).toLowerCase()
  put(fields, 'network.type', version.startsWith('ipv') ? version : '')
  for (const ip of [source, destination]) if (ip !== undefined) relate(draft, 'ip', ip)
  if (protocol !== undefined && source !== undefined && destination !== undefined) {
    const isIcmp = protocol[1] === 1 || protocol[1] === 58
    const from = isIcmp ? intOf(header['type']) : sourcePort
    const to = isIcmp ? intOf(header['code']) : destinationPort
    put(
      fields,
      'network.community_id',
      communityId({ source, destination, protocol: protocol[1], sourcePort: from, destinationPort: to }),
    )
  }
  const port = (value: number | undefined): string => (value === undefined ? '' : `:${value}`)
  return `${endName(flow, 'source', source)}${port(sourcePort)} -> ${endName(flow, 'destination', destination)}${port(destinationPort)}${name === undefined ? '' : ` ${name}`}`
}

function endName(flow: JsonObject, side: 'source' | 'destination', ip: string | undefined): string {
  const end = objectOf(flow[side])
  const pod = str(end['pod_name'])
  return pod === '' ? (ip ?? 'unknown') : `${str(end['namespace'])}/${pod}`
}

function macOf(value: Json | undefined): string {
  return str(value).toUpperCase().replaceAll(':', '-')
}

function putEnds(draft: Draft, flow: JsonObject, direction: string, node: string): void {
  const { fields } = draft
  for (const side of ['source', 'destination'] as const) {
    const end = objectOf(flow[side])
    const base = `decklog.hubble.${side}`
    put(fields, `${base}.namespace`, str(end['namespace']))
    put(fields, `${base}.pod`, str(end['pod_name']))
    put(fields, `${base}.identity`, intOf(end['identity']))
    put(fields, `${base}.labels`, stringsOf(end['labels'], 64))
    const workload = objectsOf(end['workloads'])[0]
    if (workload !== undefined)
      put(fields, `${base}.workload`, `${str(workload['kind'])}/${str(workload['name'])}`)
    const service = objectOf(flow[`${side}_service`])
    put(fields, `${base}.service`, str(service['name']))
    const names = stringsOf(flow[`${side}_names`], 16)
    put(fields, `${side}.domain`, names?.[0])
    for (const name of names ?? []) relate(draft, 'hosts', name)
  }
  const subject = objectOf(direction === 'ingress' ? flow['destination'] : flow['source'])
  const pod = str(subject['pod_name'])
  if (pod !== '') putSubject(draft, { kind: 'pod', name: pod, namespace: str(subject['namespace']), node })
}

const RULES = ['ingress_denied_by', 'egress_denied_by', 'ingress_allowed_by', 'egress_allowed_by'] as const

function putRules(fields: JsonObject, flow: JsonObject): void {
  const rules = RULES.flatMap((name) => objectsOf(flow[name]))
  const names = [
    ...new Set(
      rules.map((rule) =>
        [str(rule['namespace']), str(rule['name'])].filter((part) => part !== '').join('/'),
      ),
    ),
  ].slice(0, 32)
  put(fields, 'rule.name', names.length === 1 ? names[0] : names)
  put(fields, 'rule.category', str(rules[0]?.['kind']))
}
