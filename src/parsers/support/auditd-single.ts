import type { JsonObject } from '../../core/document.ts'
import { readArguments } from './auditd-arguments.ts'
import type { Building } from './auditd-building.ts'
import { type AuditRecord, assignRecord } from './auditd-record.ts'
import { readSocketAddress } from './auditd-sockaddr.ts'
import type { AuditType } from './auditd-types.ts'
import { child, relate } from './document.ts'
import { ipOf } from './endpoint.ts'

/** What holds for the record that an event is about, whether it came alone or with others. */
export function putRecord(building: Building, record: AuditRecord): void {
  assignRecord(building, record)
  building.log['record_type'] = record.type.name
}

/** `event.action`, `event.category` and `event.type` of a kind of record. */
export function putKind(building: Building, type: AuditType): void {
  const { log } = building
  const event = child(building.fields, 'event')
  event['action'] = actionOf(building, type)
  if (type.category !== undefined) event['category'] = [...type.category]
  if (type.type !== undefined) event['type'] = [...type.type]
  if (type.name === 'VIRT_CONTROL') {
    const kind = typeof log['op'] === 'string' ? VIRT_TYPES.get(log['op']) : undefined
    if (kind !== undefined) event['type'] = [kind]
  }
  if (type.name === 'VIRT_MACHINE_ID') putContainer(building)
  else if (type.name === 'CONFIG_CHANGE') putLost(building)
}

/** Somebody has set the kernel's counter of lost records to 0: so many it had counted. */
function putLost({ fields, log }: Building): void {
  if (log['lost'] === undefined || typeof log['old'] !== 'string') return
  const lost = Number(log['old'])
  if (Number.isSafeInteger(lost) && lost > 0) child(child(fields, 'decklog'), 'audit')['lost'] = lost
}

const VIRT_TYPES = new Map([
  ['start', 'start'],
  ['create', 'start'],
  ['stop', 'end'],
  ['delete', 'end'],
])

function putContainer({ fields, log }: Building): void {
  const container: JsonObject = {}
  if (typeof log['vm'] === 'string') container['name'] = log['vm']
  if (typeof log['virt'] === 'string') container['runtime'] = log['virt']
  if (Object.keys(container).length > 0) fields['container'] = container
}

function actionOf({ log }: Building, type: AuditType): string {
  if (type.name === 'AVC' && log['apparmor'] !== undefined) return 'violated-apparmor-policy'
  if (type.name === 'USER_CHAUTHTOK' && typeof log['op'] === 'string') {
    const op = log['op'].toLowerCase()
    // Before shadow 4.9, usermod and chage said so of whatever they changed.
    if (!op.includes('password') && !op.includes('passwd') && !op.includes('chauthtok'))
      return 'modified-user-account'
  }
  return type.action ?? type.name.toLowerCase()
}

/** `event.outcome`: as the record says, or as SELinux has decided. */
export function putOutcome({ fields, log, result, success }: Building): void {
  const event = child(fields, 'event')
  if (result !== undefined) event['outcome'] = outcomeOf(result)
  else if (success !== undefined) event['outcome'] = outcomeOf(success)
  const { apparmor } = log
  if (apparmor === 'DENIED') event['outcome'] = 'failure'
  else if (apparmor === 'ALLOWED' || apparmor === 'AUDIT') event['outcome'] = 'success'
  const avc = log['avc'] as JsonObject | undefined
  if (avc === undefined) return
  if (avc['action'] === 'granted') event['outcome'] = 'success'
  else if (avc['action'] === 'denied') event['outcome'] = 'failure'
  else event['outcome'] ??= 'unknown'
}

function outcomeOf(result: string): string {
  const word = result.toLowerCase()
  if (word === '1' || word === 'yes' || word.startsWith('suc')) return 'success'
  return word === '0' || word === 'no' || word.startsWith('fail') ? 'failure' : 'unknown'
}

/** Addresses that a record names: `src` and `dst` of IPsec and of packets, `addr` of a login. */
export function putAddresses(building: Building): void {
  const { log, src, dst, addr } = building
  putAddress(building, 'source', src ?? addr)
  putAddress(building, 'destination', dst)
  if (log['record_type'] !== 'NETFILTER_PKT') return
  const { saddr, daddr } = log
  if (typeof saddr === 'string') putAddress(building, 'source', saddr)
  if (typeof daddr === 'string') putAddress(building, 'destination', daddr)
}

export function putAddress(
  { draft, fields }: Building,
  which: 'source' | 'destination',
  address: string | undefined,
): void {
  if (address === undefined) return
  const target = child(fields, which)
  target['address'] = address
  const ip = ipOf(address)
  if (ip === undefined) return
  target['ip'] = ip
  relate(draft, 'ip', ip)
}

/** Arguments of an EXECVE record that came without its call. */
export function putLoneArguments(building: Building, record: AuditRecord): void {
  const { args, skipped } = readArguments([record], building.decoder)
  for (const name of Object.keys(building.log))
    if (/^a\d+(_len|\[\d+\])?$/.test(name)) delete building.log[name]
  if (args.length === 0) return
  const process = child(building.fields, 'process')
  process['args'] = skipped === 0 ? [...args] : [`[... ${skipped} truncated arguments ...]`, ...args]
  if (skipped > 0) return
  process['executable'] = args[0]!
  process['command_line'] = args.join(' ')
}

/** What `saddr` says, under the names of auditd's own translation. */
export function putLoneAddress({ draft, log }: Building): void {
  const { saddr } = log
  if (typeof saddr !== 'string') return
  const address = readSocketAddress(saddr)
  if (address === undefined) return
  log['saddr_fam'] ??= address.family
  if (address.ip !== undefined) {
    log['laddr'] ??= address.ip
    log['lport'] ??= address.port!
    relate(draft, 'ip', address.ip)
  }
  if (address.path !== undefined) log['path'] ??= address.path
}
