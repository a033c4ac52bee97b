import type { JoinedProgress } from '../../ports/joined-format.ts'
import { syscallName } from './auditd-syscalls.ts'
import { typeOf } from './auditd-types.ts'

/**
 * Which records of an event have come, and which its SYSCALL record announces. The kernel writes them when the call ends, in this
 * order: what security modules said, SYSCALL, its arguments, CWD, a PATH for each of `items`, PROCTITLE, EOE (kernel/auditsc.c,
 * audit_log_exit). auditd does not write EOE into its file.
 */
export interface AuditProgress extends JoinedProgress {
  hasCall: boolean
  /** io_uring's own kind of call: it has no PROCTITLE. */
  isUring: boolean
  items: number
  paths: number
  hasCwd: boolean
  hasTitle: boolean
  /** Some record that only comes with a call. */
  hasCompanion: boolean
  needsArguments: boolean
  hasArguments: boolean
  /** What the last argument's name begins with, as the first EXECVE record says; '' until then. */
  lastArgument: string
  hasLastArgument: boolean
  needsAddress: boolean
  hasAddress: boolean
}

export function startProgress(): AuditProgress {
  return {
    closing: false,
    hasCall: false,
    isUring: false,
    items: 0,
    paths: 0,
    hasCwd: false,
    hasTitle: false,
    hasCompanion: false,
    needsArguments: false,
    hasArguments: false,
    lastArgument: '',
    hasLastArgument: false,
    needsAddress: false,
    hasAddress: false,
  }
}

/** Notes a record. Returns true when all that was announced has come, the last record too. */
export function takeRecord(progress: AuditProgress, type: string, text: string): boolean {
  switch (type) {
    case 'SYSCALL':
    case 'URINGOP':
      takeCall(progress, type, text)
      break
    case 'PATH':
      progress.paths++
      progress.hasCompanion = true
      break
    case 'CWD':
      progress.hasCwd = true
      progress.hasCompanion = true
      break
    case 'EXECVE':
      takeArguments(progress, text)
      progress.hasCompanion = true
      break
    case 'SOCKADDR':
      progress.hasAddress = true
      progress.hasCompanion = true
      break
    case 'PROCTITLE':
      progress.hasTitle = true
      progress.hasCompanion = true
      progress.closing = true
      break
    case 'EOE':
      progress.closing = true
      break
    default:
      if (!progress.hasCompanion && typeOf(type).companion) progress.hasCompanion = true
  }
  return progress.closing && progress.hasCall && isWhole(progress)
}

function isWhole(progress: AuditProgress): boolean {
  return (
    progress.paths >= progress.items &&
    (progress.hasCwd || progress.items === 0) &&
    (progress.hasTitle || progress.isUring) &&
    (!progress.needsArguments || progress.hasLastArgument) &&
    (!progress.needsAddress || progress.hasAddress)
  )
}

/** Types of the records that must be there and are not. */
export function missingOf(progress: AuditProgress): string[] {
  if (!progress.hasCall) return progress.hasCompanion ? ['SYSCALL'] : []
  if (progress.closing && isWhole(progress)) return []
  const missing: string[] = []
  if (progress.needsArguments && !progress.hasLastArgument) missing.push('EXECVE')
  if (progress.needsAddress && !progress.hasAddress) missing.push('SOCKADDR')
  if (progress.items > 0 && !progress.hasCwd) missing.push('CWD')
  if (progress.paths < progress.items) missing.push('PATH')
  if (!progress.hasTitle && !progress.isUring) missing.push('PROCTITLE')
  return missing
}

/** These end without having looked at the address. */
const BEFORE_ADDRESS = new Set(['-9', '-14', '-22', '-88'])

function takeCall(progress: AuditProgress, type: string, text: string): void {
  progress.hasCall = true
  progress.isUring = type === 'URINGOP'
  const items = wordAfter(text, ' items=')
  progress.items = items === undefined ? 0 : Math.min(Number(items) || 0, 1024)
  const number = wordAfter(text, ' syscall=')
  if (number === undefined) return
  const name = syscallName(wordAfter(text, ' arch='), number)
  if (name === 'execve' || name === 'execveat') progress.needsArguments = text.includes(' success=yes')
  else if (name === 'connect' || name === 'bind') {
    progress.needsAddress = !BEFORE_ADDRESS.has(wordAfter(text, ' exit=') ?? '')
  }
}

function takeArguments(progress: AuditProgress, text: string): void {
  progress.hasArguments = true
  const count = wordAfter(text, ' argc=')
  if (count !== undefined) progress.lastArgument = ` a${Number(count) - 1}`
  const { lastArgument } = progress
  if (lastArgument === ' a-1') progress.hasLastArgument = true
  else if (lastArgument !== '') {
    progress.hasLastArgument ||= text.includes(`${lastArgument}=`) || text.includes(`${lastArgument}[`)
  }
}

function wordAfter(text: string, name: string): string | undefined {
  const at = text.indexOf(name)
  if (at < 0) return undefined
  const from = at + name.length
  const space = text.indexOf(' ', from)
  return space < 0 ? text.slice(from) : text.slice(from, space)
}
