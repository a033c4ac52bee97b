import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { child, relate } from './support/document.ts'
import { readRepeated } from './support/repeated.ts'
import { type CiscoHeader, readCisco } from './support/syslog-cisco.ts'
import { read5424, type Header5424 } from './support/syslog-5424.ts'
import { priorityFields, readPriority } from './support/syslog-priority.ts'
import { digit, putMoment, readIso, readMonthDay } from './support/time.ts'

/**
 * One line of syslog, as daemons write it into files and relays send it:
 *
 *     [<PRI>]Nov 24 08:00:00 host sshd[1]: message                         RFC 3164 (host or tag may be missing)
 *     [<PRI>]2026-11-24T08:00:00.123456+01:00 host sshd[1]: message        rsyslog's and systemd's file format
 *     <PRI>1 2026-11-24T08:00:00Z host sshd 1 ID47 [id a="b"] message      RFC 5424
 *     <PRI>tag: message                                                    no time of its own
 *     <PRI>46: *Mar  1 00:00:05.123 UTC: %SYS-5-CONFIG_I: message          Cisco's devices (support/syslog-cisco.ts)
 */
export const syslog: FormatDefinition = {
  name: 'syslog',
  version: 2,
  kind: 'record',
  title: 'Syslog lines: RFC 3164, RFC 5424 and ISO time stamps',
  definedBy: 'RFC 3164, RFC 5424, rsyslog templates RSYSLOG_FileFormat and RSYSLOG_TraditionalFileFormat',
  dataset: 'system.syslog',
  example:
    '2026-11-24T08:00:00.123456+01:00 worker-3 sshd-session[4711]: Accepted publickey for alice from 203.0.113.7 port 50522 ssh2: ED25519 SHA256:sTN9WI88blCwPH1CtKLQEGFK0jrgTxVBOYguUl35gfw',
  remarks: [
    '`message` is the text after the header, and `decklog.header` is the header exactly as it stood: the record is one after the other. Only where rsyslog put repeated messages together, or where a line ends with CR, is the whole line in `event.original`; of repeated ones `message` is the one that was repeated and `decklog.count` how often.',
    'A time stamp without a year gets the latest year in which it is not more than a day after its batch, so New Year is right in both directions. A moment that does not exist (30 February, second 60) is tagged `time-invalid` and has no time of its own. Fractions of a second are kept to the nanosecond.',
    "Of messages of Cisco devices (`%SYS-5-CONFIG_I: …`) the mnemonic is `event.code`, the sequence number `event.sequence`. UTC and GMT are known as zones, other names are not: there the source's own offset holds.",
    'A line that has neither a priority nor a time stamp is not of this format.',
  ],
  parse,
}

/** Between the time and the message: a zone and a host. */
const CISCO_GAP_MAX = 72

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const priority = readPriority(text)
  const from = priority?.end ?? 0
  if (priority !== undefined) {
    const header = read5424(text, from, context)
    if (header !== undefined) {
      put5424(text, draft, header, priority.value)
      return true
    }
  }
  const stamp =
    digit(text, from) >= 0 ? readIso(text, from, context.utcOffsetMinutes) : readMonthDay(text, from, context)
  if (priority !== undefined && mayBeCisco(text, from, stamp?.end)) {
    const cisco = readCisco(text, from, context)
    if (cisco !== undefined) {
      putCisco(text, draft, cisco, priority.value)
      return true
    }
  }
  if (stamp === undefined) return priority !== undefined && putUnstamped(text, draft, from, priority.value)
  if (text.charCodeAt(stamp.end) !== 32) return false
  const origin = readOrigin(text, skipSpaces(text, stamp.end))
  putMoment(draft, stamp)
  if (priority !== undefined) child(draft.fields, 'log')['syslog'] = priorityFields(priority.value)
  putHost(draft, origin.host)
  putProcess(draft, origin.name, origin.pid)
  putMessage(text, draft, origin.end)
  return true
}

function put5424(text: string, draft: Draft, header: Header5424, priority: number): void {
  const fields = priorityFields(priority)
  fields['version'] = '1'
  if (header.msgId !== undefined) fields['msgid'] = header.msgId
  if (header.structured !== undefined) fields['structured_data'] = header.structured
  const pid = header.procId === undefined ? -1 : pidOf(header.procId)
  if (header.procId !== undefined && pid < 0) fields['procid'] = header.procId
  child(draft.fields, 'log')['syslog'] = fields
  if (header.stamp !== undefined) putMoment(draft, header.stamp)
  putHost(draft, header.host)
  putProcess(draft, header.app, pid)
  putMessage(text, draft, header.end)
}

/** Its header has no time where others have it, or a colon or a zone behind it. */
function mayBeCisco(text: string, from: number, stampEnd: number | undefined): boolean {
  const percent = text.indexOf('%', stampEnd ?? from)
  return percent >= 0 && (stampEnd === undefined || percent - stampEnd < CISCO_GAP_MAX)
}

function putCisco(text: string, draft: Draft, header: CiscoHeader, priority: number): void {
  child(draft.fields, 'log')['syslog'] = priorityFields(priority)
  const event = child(draft.fields, 'event')
  event['code'] = header.code
  if (header.sequence !== undefined) event['sequence'] = header.sequence
  if (header.moment !== undefined) putMoment(draft, header.moment)
  putHost(draft, header.host)
  putMessage(text, draft, header.end)
}

/** Only a priority: what follows is the tag, or all is message. */
function putUnstamped(text: string, draft: Draft, from: number, priority: number): boolean {
  const tag = readTag(text, from)
  child(draft.fields, 'log')['syslog'] = priorityFields(priority)
  putProcess(draft, tag?.name, tag?.pid ?? -1)
  putMessage(text, draft, tag?.end ?? from)
  return true
}

function putHost(draft: Draft, host: string | undefined): void {
  if (host === undefined) return
  child(draft.fields, 'host')['hostname'] = host
  relate(draft, 'hosts', host)
}

function putProcess(draft: Draft, name: string | undefined, pid: number): void {
  if (name === undefined && pid < 0) return
  const process: JsonObject = {}
  if (name !== undefined) process['name'] = name
  if (pid >= 0) process['pid'] = pid
  draft.fields['process'] = process
}

function putMessage(text: string, draft: Draft, start: number): void {
  // A sender that ends its lines as Windows does: the CR is no part of the message, and payload formats read to its end.
  const message = text.slice(start, text.endsWith('\r') ? -1 : undefined)
  const repeated = readRepeated(message)
  draft.message = repeated?.message ?? message
  if (repeated !== undefined) child(draft.fields, 'decklog').count = repeated.count
  if (repeated !== undefined || start + message.length !== text.length) draft.original = text
  else child(draft.fields, 'decklog').header = text.slice(0, start)
}

interface Origin {
  readonly host: string | undefined
  readonly name: string | undefined
  readonly pid: number
  readonly end: number
}

/** `HOST TAG[PID]: `, `TAG[PID]: `, `HOST ` or nothing. Which one a single word is, its colon says. */
function readOrigin(text: string, from: number): Origin {
  const space = text.indexOf(' ', from)
  if (space < 0) {
    const only = readTag(text, from)
    return only === undefined
      ? { host: undefined, name: undefined, pid: -1, end: from }
      : { host: undefined, ...only }
  }
  const first = isTagWord(text, from, space) ? readTag(text, from) : undefined
  if (first !== undefined) return { host: undefined, ...first }
  const tagAt = skipSpaces(text, space)
  const tag = readTag(text, tagAt)
  const host = text.slice(from, space)
  return tag === undefined ? { host, name: undefined, pid: -1, end: tagAt } : { host, ...tag }
}

/** Does the word end like a tag (`su:`, `sshd[1]:`, `[sshd]`)? `2001:db8::` ends like an address: a host. */
function isTagWord(text: string, from: number, end: number): boolean {
  const last = text.charCodeAt(end - 1)
  if (last === 58) return text.charCodeAt(end - 2) !== 58
  return last === 93
}

interface Tag {
  readonly name: string
  /** -1 when there is none, or none that is a number. */
  readonly pid: number
  /** Where the message begins. */
  readonly end: number
}

const TAG_LENGTH_MAX = 128

/** `name[pid]: `, `name: `, `[name]: ` or `[name] `. The name ends at the first bracket or colon and holds no space. */
function readTag(text: string, from: number): Tag | undefined {
  if (text.charCodeAt(from) === 91) return readBracketTag(text, from)
  const limit = Math.min(text.length, from + TAG_LENGTH_MAX)
  for (let at = from; at < limit; at++) {
    const code = text.charCodeAt(at)
    if (code === 32) return undefined
    if (code === 58 && endsTag(text, at + 1)) {
      return at === from ? undefined : { name: text.slice(from, at), pid: -1, end: skipSpaces(text, at + 1) }
    }
    if (code === 91) return at === from ? undefined : readPidTag(text, from, at)
  }
  return undefined
}

function readPidTag(text: string, from: number, bracket: number): Tag | undefined {
  const close = text.indexOf(']', bracket)
  if (close < 0 || close - from > TAG_LENGTH_MAX) return undefined
  const after = text.charCodeAt(close + 1) === 58 ? close + 2 : close + 1
  if (!endsTag(text, after)) return undefined
  const pid = pidOf(text.slice(bracket + 1, close))
  return { name: text.slice(from, bracket), pid, end: skipSpaces(text, after) }
}

function readBracketTag(text: string, from: number): Tag | undefined {
  const close = text.indexOf(']', from)
  if (close < from + 2 || close - from > TAG_LENGTH_MAX) return undefined
  const name = text.slice(from + 1, close)
  const after = text.charCodeAt(close + 1) === 58 ? close + 2 : close + 1
  if (name.includes(' ') || !endsTag(text, after)) return undefined
  return { name, pid: -1, end: skipSpaces(text, after) }
}

function endsTag(text: string, at: number): boolean {
  return at >= text.length || text.charCodeAt(at) === 32
}

function skipSpaces(text: string, from: number): number {
  let at = from
  while (text.charCodeAt(at) === 32) at++
  return at
}

const PID_DIGITS_MAX = 10

/** A process id, or -1. */
function pidOf(text: string): number {
  if (text === '' || text.length > PID_DIGITS_MAX) return -1
  let value = 0
  for (let i = 0; i < text.length; i++) {
    const next = digit(text, i)
    if (next < 0) return -1
    value = value * 10 + next
  }
  return value
}
