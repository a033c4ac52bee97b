import type { Draft, JsonObject } from '../../core/document.ts'
import { newJoinedHeader } from '../../ports/joined-format.ts'
import { type Building, newBuilding } from './auditd-building.ts'
import { type Call, putCompanions, putSummary, readCall } from './auditd-call.ts'
import { type AuditProgress, missingOf, startProgress, takeRecord } from './auditd-needs.ts'
import { type AuditRecord, assignRecord, readRecord } from './auditd-record.ts'
import {
  putAddresses,
  putKind,
  putLoneAddress,
  putLoneArguments,
  putOutcome,
  putRecord,
} from './auditd-single.ts'
import { syscallName } from './auditd-syscalls.ts'
import { typeOf } from './auditd-types.ts'
import { putUsers } from './auditd-users.ts'
import { child, note } from './document.ts'
import { putTime } from './time.ts'

type Redact = ((text: string) => string) | undefined

/** Makes one event of its records. False when the first has no head of a record. */
export function composeEvent(texts: readonly string[], draft: Draft, redact: Redact): boolean {
  const header = newJoinedHeader()
  const first = readRecord(texts[0]!, header)
  if (first === undefined) return false
  const { origin, serial, seconds, nanos } = header
  const records = [first]
  for (let at = 1; at < texts.length; at++) {
    const record = readRecord(texts[at]!)
    if (record !== undefined) records.push(record)
  }
  putTime(draft, seconds, nanos)
  const building = newBuilding(draft, redact)
  building.log['sequence'] = serial
  if (origin !== '') building.log['node'] = origin
  child(draft.fields, 'event')['sequence'] = serial
  if (records.length === 1 && first.type.single) {
    composeAlone(building, records)
    putReplaced(building)
    return true
  }
  const progress = startProgress()
  for (const { type, text } of records) takeRecord(progress, type.name, text)
  const call = records.find(({ type }) => type.name === 'SYSCALL' || type.name === 'URINGOP')
  if (call === undefined) composeAlone(building, records)
  else composeCall(building, records, call, progress)
  putMissing(draft, missingOf(progress))
  if (records.length > 1)
    child(child(draft.fields, 'decklog'), 'audit')['records'] = records.map(({ type }) => type.name)
  putReplaced(building)
  return true
}

/** One record whose stamp somebody has taken away; it keeps the draft's time. */
export function composeBody(
  { name, text, body }: { readonly name: string; readonly text: string; readonly body: number },
  draft: Draft,
  redact: Redact,
): void {
  const record = { type: typeOf(name), text, body }
  const building = newBuilding(draft, redact)
  const isCall = name === 'SYSCALL' || name === 'URINGOP'
  if (isCall) composeCall(building, [record], record, startProgress())
  else composeAlone(building, [record])
  putReplaced(building)
}

/** Records without a system call: nearly always there is one. */
function composeAlone(building: Building, records: readonly AuditRecord[]): void {
  const main = records.find(({ type }) => !type.companion) ?? records[0]!
  putRecord(building, main)
  for (const record of records) if (record !== main) assignRecord(building, record)
  putKind(building, main.type)
  putUsers(building, main.type.copy)
  const execve = records.find(({ type }) => type.name === 'EXECVE')
  if (execve !== undefined) putLoneArguments(building, execve)
  // A call that was refused: its name, where an event of a call has it.
  if (building.syscall !== undefined) {
    ;(building.fields['auditd'] as JsonObject)['data'] = {
      syscall: syscallName(building.arch, building.syscall),
    }
  }
  if (building.log['saddr'] !== undefined && main.type.name !== 'NETFILTER_PKT') putLoneAddress(building)
  putAddresses(building)
  putOutcome(building)
}

/** A system call with what came with it; `special` is what it is about where it is more than the call: a policy, a rule, a login. */
function composeCall(
  building: Building,
  records: readonly AuditRecord[],
  callRecord: AuditRecord,
  progress: AuditProgress,
): void {
  const special = records.find((record) => record !== callRecord && !record.type.companion)
  putRecord(building, callRecord)
  const call = readCall(building)
  const byType = new Map<string, AuditRecord[]>()
  for (const record of records) {
    if (record === callRecord) continue
    if (record.type.companion) {
      const { name } = record.type
      const same = byType.get(name)
      if (same === undefined) byType.set(name, [record])
      else same.push(record)
    } else assignRecord(building, record)
  }
  if (special !== undefined) building.log['record_type'] = special.type.name
  byType.delete('EOE')
  putCompanions(call, byType, progress)
  putCallKind(building, call, special)
  putUsers(building, special?.type.copy)
  putAddresses(building)
  putOutcome(building)
  putSummary(call, child(building.fields, 'event')['action'] as string | undefined)
}

function putCallKind(building: Building, { action }: Call, special: AuditRecord | undefined): void {
  const event = child(building.fields, 'event')
  if (special === undefined) {
    event['action'] = action.action ?? 'syscall'
    event['category'] = [...action.category]
    event['type'] = [...action.type]
    return
  }
  putKind(building, special.type)
  if (special.type.name === 'AVC' && building.log['apparmor'] === undefined)
    event['action'] = 'violated-selinux-policy'
  event['category'] = [
    ...new Set([...((event['category'] as string[] | undefined) ?? []), ...action.category]),
  ]
  event['type'] = [...new Set([...((event['type'] as string[] | undefined) ?? []), ...action.type])]
}

function putMissing(draft: Draft, missing: readonly string[]): void {
  if (missing.length === 0) return
  note(draft, 'incomplete')
  child(child(draft.fields, 'decklog'), 'audit')['missing'] = [...missing]
}

/** Secrets that stood in hexadecimal are taken out of the message too, in the same form. */
function putReplaced({ draft, decoder }: Building): void {
  if (decoder.replaced.length === 0) return
  note(draft, 'redacted')
  const replaced = new Map(decoder.replaced)
  const without = (text: string): string => text.replace(HEXADECIMAL, (value) => replaced.get(value) ?? value)
  draft.message = without(draft.message)
  if (draft.original !== undefined) draft.original = without(draft.original)
}

const HEXADECIMAL = /[0-9A-F]{2,}/g

const UNSTAMPED = /^type=([A-Z][A-Z0-9_]*(?:\[\d+\])?) msg=(?!audit\()([\s\S]*)$/

/** `type=UNKNOWN[1329] msg=…`: a record whose time could not be read by its writer. */
export function composeUnstamped(text: string, draft: Draft): boolean {
  const found = UNSTAMPED.exec(text)
  if (found === null) return false
  const fields: JsonObject = { record_type: found[1]! }
  if (found[2] !== '') fields['msg'] = found[2]!
  draft.fields['auditd'] = { log: fields }
  draft.fields['event'] = { action: found[1]!.toLowerCase() }
  return true
}
