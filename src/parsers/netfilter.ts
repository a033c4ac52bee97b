import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { child, isObject, processName, relate, writtenBy } from './support/document.ts'
import { ipOf } from './support/endpoint.ts'
import { put } from './support/json-record.ts'
import { putPrefix } from './support/netfilter-prefix.ts'
import { type Packet, readPacket } from './support/netfilter-packet.ts'
import { communityId, PROTOCOLS } from './support/community-id.ts'

/**
 * What the kernel logs of a packet for iptables' LOG, nftables' `log` and ebtables:
 *
 *     [ 12.345678] PREFIXIN=eth0 OUT= [PHYSIN=…] MAC=dst:src:type SRC=a DST=b LEN=52 TOS=0x00 … PROTO=TCP SPT=1 DPT=2 WINDOW=… SYN URGP=0
 *
 * The prefix is the rule's own text; everything behind it is the kernel's.
 */
export const netfilter: FormatDefinition = {
  name: 'netfilter',
  version: 1,
  kind: 'payload',
  title: 'Packets that iptables and nftables log',
  definedBy: 'Linux: net/netfilter/nf_log_syslog.c',
  dataset: 'iptables.log',
  example:
    'nft input drop: IN=eth0 OUT= MAC=dc:a6:32:bd:54:fb:64:9e:f3:ce:a4:48:08:00 SRC=198.51.100.7 DST=192.0.2.10 LEN=60 TOS=0x00 PREC=0x00 TTL=52 ID=31214 DF PROTO=TCP SPT=40702 DPT=6443 WINDOW=64240 RES=0x00 SYN URGP=0 ',
  remarks: [
    'The message stays as it is. Names and values are those of Elastic’s `iptables` integration; `network.community_id` as well.',
    'The verdict is no part of a log line: `event.action` is the last word of the rule’s prefix (`DROP_INPUT: `, `[wan-lan-10-D]`, `[UFW BLOCK]`), and `event.type` has `denied` or `allowed` where the prefix holds such a word; Elastic knows four of them. `calico-packet` says neither. The prefix itself is `rule.name`.',
    'Beyond Elastic: interfaces as `observer.ingress` and `observer.egress`, `user.id` of a local sender, VLAN, ARP, `network.type` where no MAC tells it. IPv6’s traffic class is read as the decimal number that it is. The packet that an ICMP error quotes is left in the message; its addresses are in `related.ip`.',
  ],
  actions: {
    'drop, accept, deny, reject, …': 'The last word of the rule’s prefix, in lower case',
    log: 'Calico logged a packet (`calico-packet`)',
  },
  parse,
}

function parse(text: string, draft: Draft): boolean {
  const at = startOf(text)
  if (at < 0) return false
  const tag = tagOf(draft)
  if (tag === undefined) return false
  const packet = readPacket(text, at)
  if (packet === undefined) return false
  const { fields } = draft
  put(fields, 'event.category', ['network'])
  const verdict = putPrefix(fields, tag + text.slice(0, at))
  const isConnection = packet.source !== '' && packet.destination !== ''
  put(fields, 'event.type', [
    ...(verdict === undefined ? [] : [verdict]),
    ...(isConnection ? ['connection'] : []),
  ])
  const host = fields['host']
  if (isObject(host)) put(fields, 'observer.name', host['hostname'])
  Object.assign(child(fields, 'iptables'), packet.iptables)
  putEndpoints(draft, packet)
  putNetwork(fields, packet)
  return true
}

/** '' where the kernel wrote it; the tag where a relay without a name for the kernel took the rule's prefix for one: `DENY: IN=…`. */
function tagOf(draft: Draft): string | undefined {
  if (writtenBy(draft, ['kernel', 'ulogd'])) return ''
  const process = draft.fields['process']
  const name = processName(draft) ?? ''
  if (!isObject(process) || process['pid'] !== undefined || !/^[A-Z0-9][A-Z0-9_-]*$/.test(name))
    return undefined
  return name.includes('-') ? `[${name}]` : `${name}: `
}

const PREFIX_MAX = 512

/** Where `IN=… OUT=` begins: a prefix may hold an `IN=` of its own, but no such pair. */
function startOf(text: string): number {
  for (let at = text.indexOf('IN='); at >= 0 && at <= PREFIX_MAX; at = text.indexOf('IN=', at + 3)) {
    const space = text.indexOf(' ', at)
    if (space > 0 && text.startsWith(' OUT=', space)) return at
  }
  return -1
}

function putEndpoints(draft: Draft, packet: Packet): void {
  const { fields } = draft
  put(fields, 'source.ip', ipOf(packet.source))
  put(fields, 'destination.ip', ipOf(packet.destination))
  put(fields, 'source.port', packet.sourcePort)
  put(fields, 'destination.port', packet.destinationPort)
  put(fields, 'source.mac', packet.sourceMac)
  put(fields, 'destination.mac', packet.destinationMac)
  for (const address of [packet.source, packet.destination, ...packet.quoted]) {
    const ip = ipOf(address)
    if (ip !== undefined) relate(draft, 'ip', ip)
  }
  put(fields, 'observer.ingress.interface.name', packet.input)
  put(fields, 'observer.egress.interface.name', packet.output)
  put(fields, 'user.id', packet.userId)
}

function putNetwork(fields: JsonObject, packet: Packet): void {
  const { transport } = packet
  const isNumber = /^\d+$/.test(transport)
  if (!isNumber) put(fields, 'network.transport', transport === 'icmpv6' ? 'ipv6-icmp' : transport)
  else put(fields, 'network.iana_number', transport)
  put(fields, 'network.type', typeOf(packet))
  put(fields, 'network.vlan.id', packet.vlan)
  const protocol = isNumber ? Number(transport) : PROTOCOLS.get(transport)
  if (protocol === undefined) return
  put(
    fields,
    'network.community_id',
    communityId({
      source: packet.source,
      destination: packet.destination,
      protocol,
      sourcePort: packet.sourcePort ?? packet.icmpType,
      destinationPort: packet.destinationPort ?? packet.icmpCode,
    }),
  )
}

function typeOf({ etherType, source }: Packet): string | undefined {
  if (etherType === 0x800) return 'ipv4'
  if (etherType === 0x86dd) return 'ipv6'
  if (etherType === 0x806) return 'arp'
  if (etherType !== undefined || source === '') return undefined
  return source.includes(':') ? 'ipv6' : 'ipv4'
}
