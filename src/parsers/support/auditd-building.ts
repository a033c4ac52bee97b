import type { Draft, JsonObject } from '../../core/document.ts'
import type { Decoder } from './auditd-fields.ts'
import { newRoomyObject } from './roomy-object.ts'

/** One event under construction, and what of its fields decides about others. */
export interface Building {
  readonly draft: Draft
  readonly fields: JsonObject
  /** `auditd.log`. */
  readonly log: JsonObject
  readonly decoder: Decoder
  arch: string | undefined
  syscall: string | undefined
  success: string | undefined
  auid: string | undefined
  uid: string | undefined
  acct: string | undefined
  id: string | undefined
  oldAuid: string | undefined
  newAuid: string | undefined
  /** Names that auditd has looked up. */
  AUID: string | undefined
  UID: string | undefined
  ID: string | undefined
  result: string | undefined
  hostname: string | undefined
  src: string | undefined
  dst: string | undefined
  addr: string | undefined
}

export function newBuilding(draft: Draft, redact: ((text: string) => string) | undefined): Building {
  const log = newRoomyObject()
  draft.fields['auditd'] = { log }
  return {
    draft,
    fields: draft.fields,
    log,
    decoder: { redact, replaced: [] },
    arch: undefined,
    syscall: undefined,
    success: undefined,
    auid: undefined,
    uid: undefined,
    acct: undefined,
    id: undefined,
    oldAuid: undefined,
    newAuid: undefined,
    AUID: undefined,
    UID: undefined,
    ID: undefined,
    result: undefined,
    hostname: undefined,
    src: undefined,
    dst: undefined,
    addr: undefined,
  }
}

/** Of an id that the machine knows no name of, auditd writes `unknown(4242)`. */
export function isNamed(value: string): boolean {
  return value !== 'unset' && value !== '?' && !value.startsWith('unknown(')
}
