import type { JsonObject } from '../../core/document.ts'
import { type JoinedHeader, newJoinedHeader } from '../../ports/joined-format.ts'
import { assign, knownOf } from './auditd-assign.ts'
import type { Building } from './auditd-building.ts'
import { type Decoder, decodeText, fieldOf, put, valueOf } from './auditd-fields.ts'
import { isHex } from './auditd-hex.ts'
import { newRoomyObject } from './roomy-object.ts'
import { newPairs, type Pairs, readPairs } from './auditd-pairs.ts'
import { readHeader } from './auditd-header.ts'
import { type AuditType, typeOf } from './auditd-types.ts'

/** One record of an event. */
export interface AuditRecord {
  readonly type: AuditType
  readonly text: string
  /** Where its body begins. */
  readonly body: number
}

const HEADER: JoinedHeader = newJoinedHeader()
/** Used again for each record: no object a field. Nothing of it is kept. */
const PAIRS: Pairs = newPairs()

/** Undefined when it has no head. `header` is filled. */
export function readRecord(text: string, header: JoinedHeader = HEADER): AuditRecord | undefined {
  const body = readHeader(text, header)
  return body < 0 ? undefined : { type: typeOf(header.type), text, body }
}

export function pairsOf(record: AuditRecord): Pairs {
  readPairs(record.text, record.body, PAIRS)
  return PAIRS
}

/** Puts all pairs of a record into the event. */
export function assignRecord(building: Building, record: AuditRecord): void {
  const pairs = pairsOf(record)
  if (pairs.avcAction !== '') putDecision(building.log, pairs)
  if (pairs.structure !== '') building.log['original_field'] = pairs.structure.toLowerCase()
  const { decoder } = building
  for (let at = 0; at < pairs.count; at++) {
    const field = knownOf(pairs.keys[at]!)
    if (field.name === 'key') {
      for (const key of keysOf(pairs, at, decoder)) put(building.log, 'key', key)
      continue
    }
    const value = valueOf(field, pairs.values[at]!, pairs.quoted[at]!, decoder)
    if (value !== undefined) assign(building, field, value)
  }
}

function putDecision(log: JsonObject, pairs: Pairs): void {
  const requests = pairs.avcRequest.split(/\s+/)
  log['avc'] = { action: pairs.avcAction, request: requests.length > 1 ? requests : pairs.avcRequest }
}

/** Keys of audit rules: `"name"`, `"key=name"`, or several of them with the byte 01 between. */
function keysOf(pairs: Pairs, at: number, decoder: Decoder): string[] {
  const value = pairs.values[at]!
  if (value === '(null)' || value === '' || value === '?') return []
  const text = !pairs.quoted[at]! && isHex(value) ? decodeText(value, decoder) : value
  return text.split('\u0001').map((key) => (key.startsWith('key=') ? key.slice(4) : key))
}

/** All pairs as they are, decoded: for records that only add to an event. */
export function plainFields(record: AuditRecord, decoder: Decoder): JsonObject {
  const pairs = pairsOf(record)
  const fields = newRoomyObject()
  for (let at = 0; at < pairs.count; at++) {
    const field = fieldOf(pairs.keys[at]!)
    const value = valueOf(field, pairs.values[at]!, pairs.quoted[at]!, decoder)
    if (value !== undefined) put(fields, field.name, value)
  }
  return fields
}
