import type { Draft, JsonObject } from '../../core/document.ts'
import { communityId, PROTOCOLS } from './community-id.ts'
import { relate } from './document.ts'
import { ipOf } from './endpoint.ts'
import { intOf, isShallow, objectOf, objectsOf, put, shortened, str, textOf } from './json-record.ts'

/** What the arguments of a hook are about. */
export interface Found {
  readonly category: string
  readonly type: string
  /** A file, a connection, a text: for the summary. */
  readonly of: string
}

const ARGUMENTS_MAX = 16

/** Reads the arguments of a kprobe, tracepoint, uprobe or LSM hook into ECS; the first file and the first socket count. */
export function putArguments(draft: Draft, body: JsonObject): Found {
  const args = objectsOf(body['args'] ?? body['data']).slice(0, ARGUMENTS_MAX)
  let file = ''
  let socket = ''
  const texts: string[] = []
  for (const arg of args) {
    const path = str(objectOf(arg['file_arg'] ?? arg['path_arg'] ?? arg['linux_binprm_arg'])['path'])
    if (path !== '' && file === '') file = path
    const endpoints = objectOf(arg['sock_arg'] ?? arg['skb_arg'] ?? arg['sockaddr_arg'])
    if (socket === '' && (endpoints['saddr'] !== undefined || endpoints['addr'] !== undefined))
      socket = putSocket(draft, endpoints)
    if (path === '' && Object.keys(endpoints).length === 0) texts.push(valueOf(arg))
  }
  put(draft.fields, 'file.path', file)
  put(draft.fields, 'file.name', file.slice(file.lastIndexOf('/') + 1))
  put(draft.fields, 'decklog.tetragon.return', textOf(objectOf(body['return'])['int_arg']))
  const of = [file, socket, ...texts].filter((text) => text !== '').join(' ')
  if (socket !== '') return { category: 'network', type: 'connection', of }
  return file === ''
    ? { category: 'process', type: 'info', of: shortened(of, 512) }
    : { category: 'file', type: 'access', of }
}

function putSocket(draft: Draft, endpoints: JsonObject): string {
  const { fields } = draft
  const source = ipOf(str(endpoints['saddr']))
  const destination = ipOf(str(endpoints['daddr'] ?? endpoints['addr']))
  const sourcePort = intOf(endpoints['sport'])
  const destinationPort = intOf(endpoints['dport'] ?? endpoints['port'])
  const transport = str(endpoints['protocol']).replace('IPPROTO_', '').toLowerCase()
  put(fields, 'source.ip', source)
  put(fields, 'source.port', sourcePort)
  put(fields, 'destination.ip', destination)
  put(fields, 'destination.port', destinationPort)
  put(fields, 'network.transport', transport)
  if (destination !== undefined) put(fields, 'network.type', destination.includes(':') ? 'ipv6' : 'ipv4')
  for (const ip of [source, destination]) if (ip !== undefined) relate(draft, 'ip', ip)
  const protocol = PROTOCOLS.get(transport)
  if (protocol !== undefined && source !== undefined && destination !== undefined) {
    put(
      fields,
      'network.community_id',
      communityId({ source, destination, protocol, sourcePort, destinationPort }),
    )
  }
  return `${transport} ${source ?? ''}:${sourcePort ?? ''} -> ${destination ?? ''}:${destinationPort ?? ''}`
}

/** A plain argument as text; bytes and structures only say that they are there. */
function valueOf(arg: JsonObject): string {
  for (const name in arg) {
    if (name === 'label') continue
    const text = textOf(arg[name])
    if (text !== undefined) return shortened(text, 256)
    if (name === 'bpf_attr_arg' || name === 'capability_arg' || name === 'module_arg') {
      return isShallow(arg[name]!) ? shortened(JSON.stringify(arg[name]), 256) : ''
    }
  }
  return ''
}
