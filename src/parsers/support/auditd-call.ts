import type { Json, JsonObject } from '../../core/document.ts'
import { type CallAction, callAction, EGRESS, INGRESS } from './auditd-actions.ts'
import { readArguments } from './auditd-arguments.ts'
import { type Building, isNamed } from './auditd-building.ts'
import { exitName } from './auditd-errno.ts'
import { put } from './auditd-fields.ts'
import { labelOf } from './auditd-labels.ts'
import type { AuditProgress } from './auditd-needs.ts'
import { fileOf, readPaths } from './auditd-paths.ts'
import { type AuditRecord, plainFields } from './auditd-record.ts'
import { putAddress } from './auditd-single.ts'
import { readSocketAddress } from './auditd-sockaddr.ts'
import { syscallName } from './auditd-syscalls.ts'
import { child } from './document.ts'

/** What a call adds to an event; `data` becomes `auditd.data`, with auditbeat's names. */
export interface Call {
  readonly building: Building
  readonly syscall: string
  readonly action: CallAction
  readonly data: JsonObject
}

const DATA_NAMES = ['a0', 'a1', 'a2', 'a3', 'tty', 'per', 'uring_op'] as const

export function readCall(building: Building): Call {
  const { log, arch, syscall, fields } = building
  const name = syscall === undefined ? 'io_uring' : syscallName(arch, syscall)
  const data: JsonObject = { syscall: name }
  if (arch !== undefined) data['arch'] = child(fields, 'host')['architecture']!
  for (const key of DATA_NAMES) if (log[key] !== undefined) data[key] = log[key]
  const exit = (fields['process'] as JsonObject | undefined)?.['exit_code']
  if (typeof exit === 'number') data['exit'] = exitName(`${exit}`)
  if (INGRESS.has(name)) child(fields, 'network')['direction'] = 'ingress'
  else if (EGRESS.has(name)) child(fields, 'network')['direction'] = 'egress'
  return { building, syscall: name, action: callAction(name), data }
}

/** Records that came with it, by type. */
export function putCompanions(
  call: Call,
  byType: ReadonlyMap<string, AuditRecord[]>,
  progress: AuditProgress,
): void {
  const { building, data } = call
  for (const [type, records] of byType) {
    switch (type) {
      case 'CWD':
      case 'PATH':
        break
      case 'EXECVE':
        putArguments(call, records, progress)
        break
      case 'SOCKADDR':
        for (const record of records) putSocket(call, record)
        break
      case 'PROCTITLE':
        putTitle(building, records[0]!)
        break
      default:
        for (const record of records) putPlain(data, plainFields(record, building.decoder))
    }
  }
  putPaths(call, byType.get('PATH') ?? [], byType.get('CWD')?.[0])
}

function putPlain(data: JsonObject, found: JsonObject): void {
  for (const key of Object.keys(found)) if (!key.includes('.')) put(data, key, found[key]!)
}

function putArguments(
  { building, data }: Call,
  records: readonly AuditRecord[],
  progress: AuditProgress,
): void {
  const { args, count, isWhole } = readArguments(records, building.decoder)
  progress.hasLastArgument = isWhole
  if (count >= 0) data['argc'] = count
  if (args.length === 0) return
  const process = child(building.fields, 'process')
  process['args'] = [...args]
  process['args_count'] = count >= 0 ? count : args.length
  process['command_line'] = args.join(' ')
}

function putTitle(building: Building, record: AuditRecord): void {
  const { proctitle } = plainFields(record, building.decoder)
  if (typeof proctitle === 'string') child(building.fields, 'process')['title'] = proctitle
}

function putSocket({ building, syscall, data }: Call, record: AuditRecord): void {
  const { saddr } = plainFields(record, building.decoder)
  const address = typeof saddr === 'string' ? readSocketAddress(saddr) : undefined
  if (address === undefined) return
  const { family, ip, port, path, pid } = address
  const socket: JsonObject = { family: FAMILY_NAMES.get(family) ?? family }
  if (ip !== undefined) socket['addr'] = ip
  if (port !== undefined) socket['port'] = port
  if (path !== undefined) socket['path'] = path
  if (pid !== undefined) socket['pid'] = pid
  data['socket'] = socket
  const which = INGRESS.has(syscall) ? 'source' : EGRESS.has(syscall) ? 'destination' : undefined
  if (which === undefined) return
  putAddress(building, which, ip ?? path)
  if (port !== undefined) child(building.fields, which)['port'] = port
}

/** auditbeat's names of families. */
const FAMILY_NAMES: ReadonlyMap<string, string> = new Map([
  ['inet', 'ipv4'],
  ['inet6', 'ipv6'],
  ['local', 'unix'],
])

function putPaths(call: Call, records: readonly AuditRecord[], directory: AuditRecord | undefined): void {
  const { building, action } = call
  const { fields, decoder } = building
  const found = directory === undefined ? undefined : plainFields(directory, decoder)['cwd']
  const cwd = typeof found === 'string' ? found : undefined
  if (cwd !== undefined) child(fields, 'process')['working_directory'] = cwd
  if (records.length === 0) return
  const paths = readPaths(records, decoder)
  ;(fields['auditd'] as JsonObject)['paths'] = paths as Json
  if (action.object !== 'file' && action.object !== 'filesystem') return
  const file = fileOf(paths, action, cwd)
  if (file !== undefined) fields['file'] = file
}

/** `auditd.summary`, `auditd.result`, `auditd.session`, `auditd.user.selinux`: what auditbeat's dashboards show. */
export function putSummary(call: Call, action: string | undefined): void {
  const { building, data } = call
  const { fields, log } = building
  const auditd = fields['auditd'] as JsonObject
  const { record_type: type } = log
  if (typeof type === 'string') auditd['message_type'] = type.toLowerCase()
  if (building.success !== undefined) auditd['result'] = building.success === 'yes' ? 'success' : 'fail'
  const { ses, subj } = log
  if (typeof ses === 'string') auditd['session'] = ses === UNSET ? 'unset' : ses
  if (typeof subj === 'string' && subj.includes(':')) auditd['user'] = { selinux: labelOf(subj) }
  auditd['data'] = data
  auditd['summary'] = summaryOf(call, action)
}

const UNSET = '4294967295'

function summaryOf({ building, action: call, data }: Call, action: string | undefined): JsonObject {
  const { AUID, auid, UID, uid, fields } = building
  const actor: JsonObject = {}
  const primary = auid === UNSET ? 'unset' : nameOr(AUID, auid)
  const secondary = nameOr(UID, uid)
  if (primary !== undefined) actor['primary'] = primary
  if (secondary !== undefined) actor['secondary'] = secondary
  const summary: JsonObject = { actor }
  if (action !== undefined) summary['action'] = action
  const object = objectOf(call, fields, data)
  if (object !== undefined) summary['object'] = object
  const how = howOf(fields['process'] as JsonObject | undefined)
  if (how !== undefined) summary['how'] = how
  return summary
}

function nameOr(name: string | undefined, id: string | undefined): string | undefined {
  return name !== undefined && isNamed(name) ? name : id
}

function objectOf(call: CallAction, fields: JsonObject, data: JsonObject): JsonObject | undefined {
  if (call.object === undefined) return undefined
  const file = fields['file'] as JsonObject | undefined
  if (file !== undefined && typeof file['path'] === 'string') {
    return {
      type: (file['type'] === 'dir' ? 'directory' : (file['type'] ?? call.object)) as Json,
      primary: file['path'],
    }
  }
  const socket = data['socket'] as JsonObject | undefined
  const primary = socket?.['addr'] ?? socket?.['path']
  if (call.object !== 'socket' || primary === undefined) return { type: call.object }
  const port = socket!['port']
  return { type: 'socket', primary, ...(typeof port === 'number' ? { secondary: String(port) } : {}) }
}

const INTERPRETERS = ['/usr/bin/python', '/usr/bin/sh', '/usr/bin/bash', '/usr/bin/perl']

/** The program; of a script, the script's own name. */
function howOf(process: JsonObject | undefined): string | undefined {
  const exe = process?.['executable']
  const comm = process?.['name']
  if (typeof exe !== 'string') return typeof comm === 'string' ? comm : undefined
  const isScript = INTERPRETERS.some((interpreter) => exe.startsWith(interpreter))
  return isScript && typeof comm === 'string' ? comm : exe
}
