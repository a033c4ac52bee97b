import type { Draft, Json, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import type { JoinedFormat } from '../ports/joined-format.ts'
import { child, isObject, note, relate } from './support/document.ts'
import { intOf, keepText, readObject, str } from './support/json-record.ts'
import { readMoment } from './support/moment.ts'
import { terminalText } from './support/terminal-text.ts'
import { readTiming, type TlogTiming } from './support/tlog-timing.ts'

/**
 * One message of tlog-rec or tlog-rec-session, in the journal, in syslog or in a file:
 *
 *     {"ver":"2.3","host":…,"rec":…,"user":…,"term":…,"session":324,"id":1,"pos":0,"time":1795550728.650,
 *      "timing":"=80x24+12<3>45","in_txt":…,"in_bin":[…],"out_txt":…,"out_bin":[…]}
 */
export const tlog: FormatDefinition = {
  name: 'tlog',
  version: 1,
  kind: 'payload',
  title: 'tlog: recorded terminal sessions',
  definedBy: 'tlog: doc/log_format.md, lib/tlog/json_*.c, schema tlog.mapping',
  dataset: 'decklog.session_io',
  example:
    '{"ver":"2.3","host":"node-1","rec":"beb60b26914d4008a4e365c7fa664722-d74-3e582b","user":"alice","term":"xterm","session":324,"id":2,"pos":1202,"time":1795550729.853,"timing":"=80x24<3>4+1>42","in_txt":"id\\n","in_bin":[],"out_txt":"id\\r\\nuid=0(root) gid=0(root) groups=0(root)\\r\\n$ ","out_bin":[]}',
  remarks: [
    'The message is kept in `event.original`, for the recording is evidence. `message` is what the terminal showed, without escape sequences and with what backspaces took gone; where nothing was shown, what was typed.',
    '`process.io.text` is the output as it came, `decklog.tlog.input` what was typed (tlog records it only where it is told to: passwords are in there). `process.io.total_bytes_captured` counts the output’s bytes.',
    '`event.sequence` is tlog’s own number: 1, 2, 3, … in each recording (`decklog.tlog.rec`), so a number that is missing is a message that is missing: of files it is declared as a loss (`source-gap`), naming the recording. `decklog.tlog.session` is the audit session, as in auditd and systemd-logind.',
    '`decklog.tlog.windows` has the sizes of the window, `duration_ms` what passed in the message, `position_ms` when in the recording it begins. Where the timing does not account for every character the event is tagged `tlog-timing`.',
  ],
  actions: { session_io: 'What was typed and shown in a recorded session' },
  parse,
  joining: joining(),
}

/**
 * Each message is an event of its own. Their numbers are followed for each recording, so that one that never came is declared;
 * before version 2.3, without a time, by the position in the recording.
 */
function joining(): JoinedFormat {
  return {
    read(text, header) {
      const rec = memberOf(text, '"rec":"', '"')
      const id = Number(memberOf(text, '"id":', ',') ?? Number.NaN)
      if (rec === undefined || !Number.isSafeInteger(id) || id < 0) return false
      const time = Number(memberOf(text, '"time":', ',') ?? Number.NaN)
      const position = Number(memberOf(text, '"pos":', ',') ?? Number.NaN)
      const seconds = time >= 0 ? time : position >= 0 ? position / 1000 : 0
      Object.assign(header, {
        origin: rec,
        serial: id,
        type: 'tlog',
        single: true,
        marker: false,
        counted: true,
      })
      header.seconds = Math.floor(seconds)
      header.nanos = Math.round((seconds - header.seconds) * 1e9)
      return true
    },
    start: () => ({ closing: true }),
    take: () => true,
    parse: (records, draft, context) => parse(records.join('\n'), draft, context),
    separator: '\x1d',
    hasHidden: () => false,
  }
}

/** What stands behind `start`. Within strings quotes have a backslash, so `"id":` is a name wherever it stands. */
function memberOf(text: string, start: string, end: string): string | undefined {
  const at = text.indexOf(start)
  const stop = at < 0 ? -1 : text.indexOf(end, at + start.length)
  return stop < 0 ? undefined : text.slice(at + start.length, stop)
}

/** The audit session of a process that has none: (uint32)-1. */
const NO_SESSION = 4_294_967_295

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  // A cheap look, so that other JSON costs nothing here.
  if (!text.includes('"timing"') || !text.includes('"out_txt"')) return false
  const record = readObject(text)
  if (record === undefined || typeof record['timing'] !== 'string' || typeof record['rec'] !== 'string')
    return false
  keepText(text, draft)
  const input = str(record['in_txt'])
  const output = str(record['out_txt'])
  draft.message = terminalText(output === '' ? input : output)
  if (draft.timeNs === undefined) draft.timeNs = readMoment(record['time'] ?? null, context)
  putEvent(draft, record)
  putWho(draft, record)
  putIo(draft, output, binaryLength(record['out_bin']))
  putDetails(draft, record, input)
  putTiming(draft, record, { input, output })
  return true
}

function putEvent(draft: Draft, record: JsonObject): void {
  const event = child(draft.fields, 'event')
  event['action'] = 'session_io'
  event['category'] = ['session']
  event['type'] = ['info']
  const id = intOf(record['id'])
  if (id !== undefined) event['sequence'] = id
}

function putWho(draft: Draft, record: JsonObject): void {
  const user = str(record['user'])
  if (user !== '') {
    child(draft.fields, 'user')['name'] = user
    relate(draft, 'user', user)
  }
  const host = str(record['host'])
  if (host === '') return
  relate(draft, 'hosts', host)
  const fields = child(draft.fields, 'host')
  if (fields['hostname'] === undefined) fields['hostname'] = host
}

function putIo(draft: Draft, output: string, binary: number): void {
  if (output === '' && binary === 0) return
  const io = { type: 'tty', text: output, total_bytes_captured: Buffer.byteLength(output) + binary }
  const process = draft.fields['process']
  if (isObject(process)) process['io'] = io
  else draft.fields['process'] = { io }
}

function binaryLength(value: Json | undefined): number {
  return Array.isArray(value) ? value.length : 0
}

function putDetails(draft: Draft, record: JsonObject, input: string): void {
  const details: JsonObject = { rec: record['rec']! }
  const session = intOf(record['session'])
  if (session !== undefined && session !== NO_SESSION) details['session'] = String(session)
  const position = intOf(record['pos'])
  if (position !== undefined) details['position_ms'] = position
  for (const name of ['term', 'ver'] as const) {
    const value = record[name]
    if (typeof value === 'string' || typeof value === 'number') details[name] = String(value)
  }
  if (input !== '') details['input'] = input
  child(draft.fields, 'decklog')['tlog'] = details
}

function putTiming(draft: Draft, record: JsonObject, text: { input: string; output: string }): void {
  const timing = readTiming(str(record['timing']))
  if (timing === undefined) {
    note(draft, 'tlog-timing')
    return
  }
  const details = child(child(draft.fields, 'decklog'), 'tlog')
  details['duration_ms'] = timing.durationMs
  if (timing.windows.length > 0) details['windows'] = [...timing.windows]
  if (timing.inputBinary + timing.outputBinary > 0)
    details['binary_bytes'] = timing.inputBinary + timing.outputBinary
  if (!accounts(timing, record, text)) note(draft, 'tlog-timing')
}

function accounts(
  timing: TlogTiming,
  record: JsonObject,
  { input, output }: { input: string; output: string },
): boolean {
  return (
    timing.inputCharacters === characters(input) &&
    timing.outputCharacters === characters(output) &&
    timing.inputBinary === binaryLength(record['in_bin']) &&
    timing.outputBinary === binaryLength(record['out_bin'])
  )
}

/** Code points: a pair of surrogates is one. */
function characters(text: string): number {
  let count = text.length
  for (let at = 0; at < text.length - 1; at++) {
    const code = text.charCodeAt(at)
    if (code >= 0xd800 && code < 0xdc00 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) {
      count--
      at++
    }
  }
  return count
}
