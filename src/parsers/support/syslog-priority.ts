import type { JsonObject } from '../../core/document.ts'
import { digit } from './time.ts'

/** RFC 5424 table 1, with the names that Elastic's integrations use. */
const FACILITIES = [
  'kernel',
  'user-level',
  'mail',
  'system',
  'security/authorization',
  'syslogd',
  'line-printer',
  'network-news',
  'uucp',
  'clock',
  'security/authorization',
  'ftp',
  'ntp',
  'log-audit',
  'log-alert',
  'clock',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
] as const

/** RFC 5424 table 2. */
const SEVERITIES = [
  'Emergency',
  'Alert',
  'Critical',
  'Error',
  'Warning',
  'Notice',
  'Informational',
  'Debug',
] as const

const PRIORITY_MAX = 191

export interface Priority {
  readonly value: number
  readonly end: number
}

/** Reads `<34>` at 0. Undefined when there is none, or none that exists. */
export function readPriority(text: string): Priority | undefined {
  if (text.charCodeAt(0) !== 60) return undefined
  let value = 0
  let at = 1
  for (let next = digit(text, at); next >= 0 && at <= 4; next = digit(text, ++at)) value = value * 10 + next
  if (at === 1 || text.charCodeAt(at) !== 62 || value > PRIORITY_MAX) return undefined
  return { value, end: at + 1 }
}

/** `log.syslog.priority`, `.facility` and `.severity`. */
export function priorityFields(priority: number): JsonObject {
  const facility = priority >> 3
  const severity = priority & 7
  return {
    priority,
    facility: { code: facility, name: FACILITIES[facility]! },
    severity: { code: severity, name: SEVERITIES[severity]! },
  }
}
