import type { Draft, Json } from '../../core/document.ts'
import { isObject, relate } from './document.ts'
import { eventType } from './falco-syscalls.ts'
import { ipOf } from './endpoint.ts'
import { intOf, objectOf, put, shortened, str, stringsOf } from './json-record.ts'
import type { TraceeEvent } from './tracee-event.ts'

/** Files, commands and sockets among the arguments; `event.category` and `event.type`. Gives what it is about, in words. */
export function putValues(draft: Draft, event: TraceeEvent): string {
  const { fields } = draft
  const { args } = event
  const path = str(args['pathname']) || str(args['path']) || str(args['file_path'])
  const argv = stringsOf(isObject(args['argv'] ?? null) ? objectOf(args['argv'])['value'] : args['argv'])
  if (argv !== undefined) {
    put(fields, 'process.args', argv)
    put(fields, 'process.args_count', argv.length)
    put(fields, 'process.command_line', shortened(argv.join(' '), 16_384))
  }
  const remote = putSocket(
    draft,
    args['remote_addr'] ?? args['addr'] ?? args['dst_addr'] ?? args['sockaddr'],
    'destination',
  )
  putSocket(draft, args['local_addr'] ?? args['src_addr'], 'source')
  const isProcess = argv !== undefined || event.name.startsWith('sched_process')
  const isNetwork = remote !== '' || event.name.startsWith('net_') || event.name.startsWith('security_socket')
  const isFile = path !== '' && !isProcess
  if (path !== '') put(fields, isProcess ? 'process.executable' : 'file.path', path)
  if (isFile) put(fields, 'file.name', path.slice(path.lastIndexOf('/') + 1))
  put(fields, 'event.category', [isNetwork ? 'network' : isFile ? 'file' : 'process'])
  put(fields, 'event.type', [typeOf(event.name, isNetwork)])
  const query = args['proto_dns']
  const name = isObject(query ?? null)
    ? str(objectOf((objectOf(query)['questions'] as Json[] | undefined)?.[0])['name'])
    : ''
  put(fields, 'dns.question.name', name)
  relate(draft, 'hosts', name)
  return [argv === undefined ? path : shortened(argv.join(' '), 512), remote, name]
    .filter((text) => text !== '')
    .join(' ')
}

function typeOf(name: string, isNetwork: boolean): string {
  if (name === 'sched_process_exec' || name === 'sched_process_fork') return 'start'
  if (name === 'sched_process_exit') return 'end'
  if (name === 'security_file_open') return 'access'
  if (isNetwork) return 'connection'
  return eventType(name)
}

/** `{"sa_family":"AF_INET","sin_addr":"10.0.0.1","sin_port":"443"}`; its members have other names in IPv6 and unix. */
function putSocket(draft: Draft, value: Json | undefined, side: 'source' | 'destination'): string {
  const address = objectOf(value)
  const inner = objectOf(address['sockaddr'])
  const of = Object.keys(inner).length > 0 ? inner : address
  const ip = ipOf(str(of['sin_addr'] ?? of['sin6_addr'] ?? of['sinAddr'] ?? of['sin6Addr']))
  const port = intOf(of['sin_port'] ?? of['sin6_port'] ?? of['sinPort'] ?? of['sin6Port'])
  if (ip === undefined) return ''
  put(draft.fields, `${side}.ip`, ip)
  put(draft.fields, `${side}.port`, port)
  put(draft.fields, 'network.type', ip.includes(':') ? 'ipv6' : 'ipv4')
  relate(draft, 'ip', ip)
  return port === undefined ? ip : `${ip}:${port}`
}
