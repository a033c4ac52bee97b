import { TYPE_TABLE } from './auditd-type-table.ts'

/** Whom the fields of a record name, as go-libaudit and Elastic's pipeline map them; see `auditd-users.ts`. */
export type CopyProfile =
  | 'session'
  | 'session-named'
  | 'group'
  | 'target'
  | 'password'
  | 'account'
  | 'group-change'
  | 'group-auth'
  | 'group-password'
  | 'login'

export interface AuditType {
  readonly name: string
  /** 0 when it is not known. */
  readonly number: number
  /** Always the only record of its event. */
  readonly single: boolean
  /** Its serial is the kernel's: auditd numbers what it says itself from a random start. */
  readonly counted: boolean
  /** It tells more of an event that another record is about. */
  readonly companion: boolean
  readonly action: string | undefined
  readonly category: readonly string[] | undefined
  readonly type: readonly string[] | undefined
  readonly copy: CopyProfile | undefined
}

const LOGIN = 1006
const DAEMON_FIRST = 1200
const EVENT_FIRST = 1300
/** Messages of NetLabel, outside of any system call. */
const LABEL_FIRST = 1406
const LABEL_LAST = 1419
const KERNEL = 2000
const USER_FIRST = 2100
/** Types are below 3000; a number beyond is no type. */
const NUMBER_END = 10_000

/** Ranges of <linux/audit.h>; which of them are single is libauparse's and ausearch's rule. */
function isSingle(number: number): boolean {
  return (
    (number > 0 && number < EVENT_FIRST && number !== LOGIN) ||
    (number >= LABEL_FIRST && number <= LABEL_LAST) ||
    number === KERNEL ||
    number >= USER_FIRST
  )
}

function isDaemon(number: number): boolean {
  return number >= DAEMON_FIRST && number < EVENT_FIRST
}

/** Records that the kernel adds to a system call's. */
const COMPANIONS = new Set(
  'PATH IPC SOCKETCALL SOCKADDR CWD EXECVE IPC_SET_PERM MQ_OPEN MQ_SENDRECV MQ_NOTIFY MQ_GETSETATTR FD_PAIR OBJ_PID EOE BPRM_FCAPS CAPSET MMAP PROCTITLE KERN_MODULE FANOTIFY TIME_INJOFFSET TIME_ADJNTPVAL OPENAT2 AVC_PATH'.split(
    ' ',
  ),
)

function parseTable(): AuditType[] {
  return TYPE_TABLE.trim()
    .split('\n')
    .map((line) => {
      const [number, name, action, category, type, copy] = line.trim().split(/\s+/)
      return {
        ...plainType(name!, Number(number)),
        action: wordOf(action),
        category: wordOf(category)?.split('+'),
        type: wordOf(type)?.split('+'),
        copy: wordOf(copy) as CopyProfile | undefined,
      }
    })
}

function wordOf(word: string | undefined): string | undefined {
  return word === '-' ? undefined : word
}

function plainType(name: string, number: number): AuditType {
  return {
    name,
    number,
    single: isSingle(number),
    counted: number > 0 && !isDaemon(number),
    companion: COMPANIONS.has(name),
    action: undefined,
    category: undefined,
    type: undefined,
    copy: undefined,
  }
}

export const AUDIT_TYPES: readonly AuditType[] = parseTable()
const BY_NAME = new Map(AUDIT_TYPES.map((type) => [type.name, type]))
const BY_NUMBER = new Map(AUDIT_TYPES.map((type) => [type.number, type]))

/** Any name is a type: `UNKNOWN[1420]` of an auditd that is older than its kernel, `1400` of the kernel itself, or a newer one. */
export function typeOf(name: string): AuditType {
  const known = BY_NAME.get(name)
  if (known !== undefined) return known
  const digits = name.startsWith('UNKNOWN[') && name.endsWith(']') ? name.slice(8, -1) : name
  const number = /^\d{1,5}$/.test(digits) ? Number(digits) : 0
  if (digits === name && number > 0) return BY_NUMBER.get(number) ?? plainType(name, number)
  return plainType(name, number < NUMBER_END ? number : 0)
}

export function isKnownType(name: string): boolean {
  return BY_NAME.has(name)
}
