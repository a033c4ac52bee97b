import type { JsonObject } from '../../core/document.ts'

/** A packet as the kernel describes it; '' and undefined for what it does not say. */
export interface Packet {
  input: string
  output: string
  source: string
  destination: string
  sourcePort: number | undefined
  destinationPort: number | undefined
  sourceMac: string | undefined
  destinationMac: string | undefined
  etherType: number | undefined
  /** In lower case; a number where the kernel knows no name. */
  transport: string
  icmpType: number | undefined
  icmpCode: number | undefined
  userId: string | undefined
  vlan: string | undefined
  /** Addresses of the packet that an ICMP error quotes. */
  readonly quoted: string[]
  /** `iptables.*` of the document. */
  readonly iptables: JsonObject
}

const TOKENS_MAX = 128
const FRAGMENT_FLAGS = new Set(['CE', 'DF', 'MF'])
const TCP_FLAGS = new Set(['AE', 'CWR', 'ECE', 'URG', 'ACK', 'PSH', 'RST', 'SYN', 'FIN'])

/** Reads `IN=… OUT=…` from `at` on. Undefined when no addresses follow. */
export function readPacket(text: string, at: number): Packet | undefined {
  const packet = newPacket()
  let quoting = false
  let count = 0
  for (let from = at; from < text.length && count < TOKENS_MAX; count++) {
    const space = text.indexOf(' ', from)
    const end = space < 0 ? text.length : space
    let token = text.slice(from, end)
    from = end + 1
    if (token === '') continue
    if (token.startsWith('[') && token.includes('=')) {
      quoting = true
      token = token.slice(1)
    }
    if (quoting) {
      quoting = !token.endsWith(']')
      if (token.startsWith('SRC=') || token.startsWith('DST=')) packet.quoted.push(token.slice(4))
      continue
    }
    const equals = token.indexOf('=')
    if (equals > 0) putValue(packet, token.slice(0, equals), token.slice(equals + 1))
    else putWord(packet, token, text, from)
  }
  return packet.source === '' && packet.iptables['length'] === undefined ? undefined : packet
}

function newPacket(): Packet {
  return {
    input: '',
    output: '',
    source: '',
    destination: '',
    sourcePort: undefined,
    destinationPort: undefined,
    sourceMac: undefined,
    destinationMac: undefined,
    etherType: undefined,
    transport: '',
    icmpType: undefined,
    icmpCode: undefined,
    userId: undefined,
    vlan: undefined,
    quoted: [],
    iptables: {},
  }
}

function putValue(packet: Packet, name: string, value: string): void {
  const { iptables } = packet
  switch (name) {
    case 'IN':
      iptables['input_device'] = packet.input = value
      return
    case 'OUT':
      iptables['output_device'] = packet.output = value
      return
    case 'MAC':
      return putMac(packet, value)
    case 'MACSRC':
      packet.sourceMac ??= macOf(value)
      return
    case 'MACDST':
      packet.destinationMac ??= macOf(value)
      return
    case 'MACPROTO':
      return putEtherType(packet, value)
    case 'SRC':
    case 'IPSRC':
      packet.source = value
      return
    case 'DST':
    case 'IPDST':
      packet.destination = value
      return
    case 'VID':
      packet.vlan = value
      return
    case 'UID':
      packet.userId = value
      return
    case 'PROTO':
      packet.transport = value.toLowerCase()
      return
    default:
      putNumber(packet, name, value)
  }
}

function putNumber(packet: Packet, name: string, text: string): void {
  const { iptables } = packet
  const isHex = name === 'TOS' || name === 'PREC' || name === 'RES'
  const value = isHex ? hexOf(text) : /^\d{1,10}$/.test(text) ? Number(text) : undefined
  const isTcp = packet.transport === 'tcp'
  if (value === undefined) {
    if (name === 'GATEWAY') group(iptables, 'icmp')['redirect'] = text
    return
  }
  switch (name) {
    case 'LEN':
      if (packet.transport === '') iptables['length'] = value
      else if (packet.transport.startsWith('udp')) group(iptables, 'udp')['length'] = value
      return
    case 'TOS':
    case 'TC':
      iptables['tos'] = value
      return
    case 'PREC':
      iptables['precedence_bits'] = value
      return
    case 'TTL':
    case 'HOPLIMIT':
      iptables['ttl'] = value
      return
    case 'FLOWLBL':
      iptables['flow_label'] = value
      return
    case 'ID':
      if (packet.transport === '') iptables['id'] = value
      else group(iptables, 'icmp')['id'] = value
      return
    case 'SPT':
      packet.sourcePort = value
      return
    case 'DPT':
      packet.destinationPort = value
      return
    case 'SEQ':
      group(iptables, isTcp ? 'tcp' : 'icmp')['seq'] = value
      return
    case 'ACK':
      group(iptables, 'tcp')['ack'] = value
      return
    case 'WINDOW':
      group(iptables, 'tcp')['window'] = value
      return
    case 'RES':
      group(iptables, 'tcp')['reserved_bits'] = value
      return
    case 'TYPE':
      group(iptables, 'icmp')['type'] = packet.icmpType = value
      return
    case 'CODE':
      group(iptables, 'icmp')['code'] = packet.icmpCode = value
      return
    case 'PARAMETER':
      group(iptables, 'icmp')['parameter'] = value
  }
}

/** Words without a value: flags, `FRAG:185`, `INCOMPLETE [12 bytes]`, `ARP`. */
function putWord(packet: Packet, word: string, text: string, next: number): void {
  const { iptables } = packet
  if (packet.transport === '') {
    if (FRAGMENT_FLAGS.has(word)) append(iptables, 'fragment_flags', word)
    else if (word.startsWith('FRAG:')) iptables['fragment_offset'] = Number(word.slice(5)) || 0
    else if (word === 'ARP') packet.etherType ??= 0x806
  } else if (packet.transport === 'tcp' && TCP_FLAGS.has(word)) append(group(iptables, 'tcp'), 'flags', word)
  if (word === 'INCOMPLETE' && text.startsWith('[', next)) {
    const bytes = Number.parseInt(text.slice(next + 1, next + 12), 10)
    if (bytes >= 0) iptables['incomplete_bytes'] = bytes
  }
}

/** `destination:source:type`, six, six and two bytes; more where the link has a longer header. */
function putMac(packet: Packet, value: string): void {
  if (value.length < 23) return
  packet.destinationMac = macOf(value.slice(0, 17))
  const hasSource = value.length >= 41
  if (hasSource) packet.sourceMac = macOf(value.slice(18, 35))
  putEtherType(packet, hasSource ? value.slice(36, 41) : value.slice(18, 23))
}

function putEtherType(packet: Packet, value: string): void {
  const type = hexOf(value.replace(':', ''))
  if (type === undefined) return
  packet.etherType = type
  packet.iptables['ether_type'] = type
}

/** ECS (RFC 7042): capitals with hyphens. */
function macOf(value: string): string | undefined {
  if (!/^(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/.test(value)) return undefined
  return value.toUpperCase().replaceAll(':', '-')
}

function hexOf(text: string): number | undefined {
  const digits = text.startsWith('0x') ? text.slice(2) : text
  return /^[0-9a-fA-F]{1,8}$/.test(digits) ? Number.parseInt(digits, 16) : undefined
}

function group(iptables: JsonObject, name: string): JsonObject {
  return (iptables[name] ??= {}) as JsonObject
}

function append(object: JsonObject, name: string, value: string): void {
  const list = object[name]
  if (Array.isArray(list)) list.push(value)
  else object[name] = [value]
}
