import type { Draft, Json, JsonObject } from '../../core/document.ts'
import type { FormatContext } from '../../ports/format.ts'
import { relate } from './document.ts'
import { ipOf } from './endpoint.ts'
import { eventType } from './falco-syscalls.ts'
import { intOf, put, str, stringsOf, textOf } from './json-record.ts'
import { putSubject } from './subject.ts'

/** `event.severity` of Falco's priorities, on the scale of Elastic's detection rules. */
export const SEVERITIES: Readonly<Record<string, number>> = {
  emergency: 99,
  alert: 99,
  critical: 99,
  error: 73,
  warning: 47,
  notice: 47,
  informational: 21,
  info: 21,
  debug: 21,
}

/** Where a field of Falco stands in ECS. */
const TEXTS: readonly (readonly [string, string])[] = [
  ['proc.exepath', 'process.executable'],
  ['proc.name', 'process.name'],
  ['proc.cmdline', 'process.command_line'],
  ['proc.cwd', 'process.working_directory'],
  ['proc.pexepath', 'process.parent.executable'],
  ['proc.pname', 'process.parent.name'],
  ['proc.pcmdline', 'process.parent.command_line'],
  ['proc.sname', 'process.session_leader.name'],
  ['proc.sid.exepath', 'process.session_leader.executable'],
  ['proc.vpgid.name', 'process.group_leader.name'],
  ['proc.vpgid.exepath', 'process.group_leader.executable'],
  ['user.uid', 'process.user.id'],
  ['user.name', 'process.user.name'],
  ['user.uid', 'user.id'],
  ['user.name', 'user.name'],
  ['group.gid', 'process.group.id'],
  ['group.name', 'process.group.name'],
  ['container.id', 'container.id'],
  ['container.name', 'container.name'],
  ['container.type', 'container.runtime'],
  ['fd.directory', 'file.directory'],
  ['fd.filename', 'file.name'],
  ['fd.ino', 'file.inode'],
  ['fd.cip.name', 'client.domain'],
  ['fd.sip.name', 'server.domain'],
  ['fd.lip.name', 'source.domain'],
  ['fd.rip.name', 'destination.domain'],
  ['fd.l4proto', 'network.transport'],
]
const NUMBERS: readonly (readonly [string, string])[] = [
  ['proc.cmdnargs', 'process.args_count'],
  ['proc.pid', 'process.pid'],
  ['proc.ppid', 'process.parent.pid'],
  ['proc.vpid', 'process.vpid'],
  ['proc.pvpid', 'process.parent.vpid'],
  ['proc.sid', 'process.session_leader.pid'],
  ['proc.vpgid', 'process.group_leader.vpid'],
  ['proc.duration', 'process.uptime'],
  ['proc.ppid.duration', 'process.parent.uptime'],
  ['thread.tid', 'process.thread.id'],
  ['fd.cport', 'client.port'],
  ['fd.sport', 'server.port'],
  ['fd.lport', 'source.port'],
  ['fd.rport', 'destination.port'],
]
const BOOLEANS: readonly (readonly [string, string])[] = [
  ['proc.is_sid_leader', 'process.session_leader.same_as_process'],
  ['proc.is_vpgid_leader', 'process.group_leader.same_as_process'],
  ['container.privileged', 'container.security_context.privileged'],
]
const ADDRESSES: readonly (readonly [string, string])[] = [
  ['fd.cip', 'client'],
  ['fd.sip', 'server'],
  ['fd.lip', 'source'],
  ['fd.rip', 'destination'],
]

/** ECS of `output_fields`, by Falco's names of them. */
export function putFalcoFields(draft: Draft, values: JsonObject, context: FormatContext): void {
  const { fields } = draft
  // A header named Falco itself, with its pid; the alert is about another process.
  if (values['proc.name'] !== undefined || values['proc.cmdline'] !== undefined) delete fields['process']
  for (const [name, path] of TEXTS)
    if (values[name] !== undefined && values[name] !== '<NA>') put(fields, path, textOf(values[name]))
  for (const [name, path] of NUMBERS) if (values[name] !== undefined) put(fields, path, intOf(values[name]))
  for (const [name, path] of BOOLEANS) if (typeof values[name] === 'boolean') put(fields, path, values[name])
  for (const [name, path] of ADDRESSES) putAddress(draft, path, textOf(values[name]))
  putConnection(draft, values)
  putEvent(fields, values)
  putProcess(fields, values, context)
  putContainer(draft, values)
  putFile(fields, values)
  relate(draft, 'user', str(values['user.name']))
  putPod(draft, values)
}

function putAddress(draft: Draft, path: string, text: string | undefined): void {
  const ip = text === undefined ? undefined : ipOf(text)
  if (ip === undefined) return
  put(draft.fields, `${path}.ip`, ip)
  put(draft.fields, `${path}.address`, ip)
  relate(draft, 'ip', ip)
}

const CONNECTION = /^\[?([0-9a-fA-F.:]{2,45})\]?:(\d{1,5})->\[?([0-9a-fA-F.:]{2,45})\]?:(\d{1,5})$/

/** `10.1.2.3:4711->198.51.100.7:443`, client to server, where the rule prints no address by itself. */
function putConnection(draft: Draft, values: JsonObject): void {
  const name = str(values['fd.name'])
  const match = name.includes('->') ? CONNECTION.exec(name) : null
  if (match === null || values['fd.lip'] !== undefined || values['fd.rip'] !== undefined) return
  putAddress(draft, 'source', match[1])
  putAddress(draft, 'destination', match[3])
  put(draft.fields, 'source.port', Number(match[2]))
  put(draft.fields, 'destination.port', Number(match[4]))
}

const CATEGORIES: Readonly<Record<string, string>> = {
  time: 'configuration',
  scheduler: 'configuration',
  system: 'host',
  memory: 'host',
  sleep: 'host',
  wait: 'host',
  internal: 'host',
  ipc: 'network',
  net: 'network',
  signal: 'network',
  user: 'session',
  file: 'file',
  network: 'network',
}

function putEvent(fields: JsonObject, values: JsonObject): void {
  const category = str(values['evt.category'])
  put(fields, 'event.category', [Object.hasOwn(CATEGORIES, category) ? CATEGORIES[category]! : 'process'])
  put(fields, 'event.type', [eventType(str(values['evt.type']))])
  const result = textOf(values['evt.res'])
  if (result === 'SUCCESS') put(fields, 'event.outcome', 'success')
  else if (result !== undefined && values['evt.failed'] === true) put(fields, 'event.outcome', 'failure')
}

const ARGS_MAX = 256

function putProcess(fields: JsonObject, values: JsonObject, context: FormatContext): void {
  const path = str(values['proc.exepath'])
  const args = values['proc.args']
  if (path !== '' && typeof args === 'string') {
    put(fields, 'process.args', [path, ...args.split(' ', ARGS_MAX)])
  }
  const env = str(values['proc.env'])
  if (env !== '') put(fields, 'process.env_vars', env.split(/\s+/, ARGS_MAX))
  put(fields, 'process.start', startOf(values['proc.pid.ts'], context))
  put(fields, 'process.parent.start', startOf(values['proc.ppid.ts'], context))
  put(fields, 'process.thread.capabilities.permitted', capabilities(values['thread.cap_permitted']))
  put(fields, 'process.thread.capabilities.effective', capabilities(values['thread.cap_effective']))
  const terminal = intOf(values['proc.tty'])
  if (terminal !== undefined) put(fields, 'process.interactive', terminal !== 0)
}

function capabilities(value: Json | undefined): string[] | undefined {
  const text = str(value)
  return text === '' ? undefined : text.split(' ', 64).filter((name) => name !== '')
}

/** Nanoseconds since the epoch; other numbers are no dates. */
function startOf(value: Json | undefined, context: FormatContext): string | undefined {
  const ms = Number(textOf(value) ?? Number.NaN) / 1_000_000
  const isDate = ms > 0 && ms < context.batchTimeMs + 366 * 86_400_000 && ms > 1e11
  return isDate ? new Date(ms).toISOString() : undefined
}

function putContainer(draft: Draft, values: JsonObject): void {
  const { fields } = draft
  const repository = str(values['container.image.repository'])
  const tag = textOf(values['container.image.tag'])
  const name = str(values['container.image'])
  put(fields, 'container.image.name', name === '' ? repository : name)
  if (tag !== undefined) put(fields, 'container.image.tag', [tag])
  const digest = values['container.image.digest']
  put(
    fields,
    'container.image.hash.all',
    typeof digest === 'string' ? (digest === '' ? [] : [digest]) : stringsOf(digest),
  )
  const ip = ipOf(str(values['container.ip']))
  if (ip !== undefined) put(fields, 'host.ip', [ip])
  const mounts = str(values['container.mounts'])
  if (mounts !== '') put(fields, 'falco.container.mounts', mountsOf(mounts))
}

const MOUNTS_MAX = 128

/** `source:dest:mode:rdrw:propagation`, with spaces between. */
function mountsOf(text: string): Json[] {
  return text.split(' ', MOUNTS_MAX).map((mount) => {
    const [source, dest, mode, rdrw, propagation] = mount.split(':')
    const made: JsonObject = { source: source! }
    put(made, 'dest', dest)
    put(made, 'mode', mode)
    put(made, 'rdrw', rdrw)
    put(made, 'propagation', propagation)
    return made
  })
}

/** The name of what is no file is a connection or a pipe. */
function putFile(fields: JsonObject, values: JsonObject): void {
  const name = str(values['fd.name'])
  const type = str(values['fd.type'])
  if (type === 'file' || type === 'directory') {
    put(fields, 'file.path', name)
    put(fields, 'file.type', type)
  } else if (type === '' && name.startsWith('/')) put(fields, 'file.path', name)
}

function putPod(draft: Draft, values: JsonObject): void {
  const { fields } = draft
  const pod = str(values['k8s.pod.name'])
  const namespace = str(values['k8s.ns.name'])
  if (pod === '' && namespace === '') return
  putSubject(draft, {
    kind: pod === '' ? undefined : 'pod',
    name: pod,
    namespace,
    uid: str(values['k8s.pod.uid']),
    container: str(values['container.name']),
  })
  const labels = values['k8s.pod.labels']
  put(
    fields,
    'orchestrator.resource.label',
    typeof labels === 'string' ? labels.split(/, ?/, 256) : stringsOf(labels),
  )
  const ip = ipOf(str(values['k8s.pod.ip']))
  if (ip === undefined) return
  put(fields, 'orchestrator.resource.ip', [ip])
  relate(draft, 'ip', ip)
}
