import type { Draft, Json, JsonObject } from '../core/document.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { child, isObject, note, relate } from './support/document.ts'
import { capabilitiesOf, commandWords, JOURNAL_TARGETS, JOURNAL_UNUSED } from './support/journald-fields.ts'
import { keepJson, readObject } from './support/json-record.ts'
import { levelName } from './support/log-level.ts'

/**
 * An entry of systemd's journal as one JSON object (`journalctl -o json`, and what the source `journald` makes of the export format): names as
 * systemd.journal-fields(7) has them, each value a text, a list of texts where the field came more than once, and where it is no UTF-8 a
 * list of its bytes (journalctl) or `{"base64": …}` (the source).
 */
export const journald: FormatDefinition = {
  name: 'journald',
  version: 1,
  kind: 'record',
  title: 'systemd journal',
  definedBy: 'https://systemd.io/JOURNAL_EXPORT_FORMATS/ (Journal JSON Format), systemd.journal-fields(7)',
  dataset: 'system.syslog',
  example:
    '{"__CURSOR":"s=018329e08e3a45a0ae03694421c4f553;i=20150;b=fa3c2e3080dc4cd5be5cb5a43e140d51;m=290c16ccdc;t=5ab078ea77299;x=2bbdcda6e20f597","__REALTIME_TIMESTAMP":"1595423830012569","_BOOT_ID":"fa3c2e3080dc4cd5be5cb5a43e140d51","SYSLOG_FACILITY":"3","SYSLOG_IDENTIFIER":"systemd-journald","_TRANSPORT":"driver","PRIORITY":"6","MESSAGE_ID":"ec387f577b844b8fa948f33cad9a75e6","MESSAGE":"System journal (/var/log/journal/505afdafda3b4f33a63749ae39284742) is 976.0M, max 932.2M, 0B free.","_PID":"19317","_UID":"0","_GID":"0","_COMM":"systemd-journal","_EXE":"/lib/systemd/systemd-journald","_CMDLINE":"/lib/systemd/systemd-journald","_CAP_EFFECTIVE":"25402800cf","_SYSTEMD_UNIT":"systemd-journald.service","_MACHINE_ID":"505afdafda3b4f33a63749ae39284742","_HOSTNAME":"sleipnir"}',
  remarks: [
    'The entry is kept in `event.original`: its cursor and its monotonic time are in no field. `@timestamp` is when the journal got it, as with Elastic’s input.',
    'Names are those of Elastic’s journald input (`journald.*`, `systemd.*`, `log.syslog.*`). Fields that a program gave the entry are in `journald.custom`, in lower case, a flattened field: no entry makes the mapping grow.',
    'What the journal itself found out of the writer begins with an underscore, and no program can write it: `process.name` is `_COMM` (as in Elastic’s system integration), and only where the journal has none, as for the kernel, the identifier that the writer gave itself (`log.syslog.appname`). `process.executable` is `_EXE`; Elastic’s input leaves both in `journald.process` only.',
    '`log.level` is the name of the priority. `log.syslog.procid` is text, as ECS has it; Elastic’s input has `log.syslog.pid`.',
    'The formats behind it (sshd, sudo, pam, klog, …) read `MESSAGE`.',
    '`journal-entries-lost` is said by the source: entries were removed from the journal before they were read; `decklog.count` is how many, where that is known.',
  ],
  actions: { 'journal-entries-lost': 'Entries were removed from the journal before they were read' },
  parse,
}

const NANOS = 1_000n

function parse(text: string, draft: Draft): boolean {
  const entry = readObject(text)
  if (entry === undefined || !isEntry(entry)) return false
  keepJson(text, draft)
  draft.message = textOf(entry['MESSAGE'], draft) ?? ''
  draft.timeNs = timeOf(entry['__REALTIME_TIMESTAMP']) ?? timeOf(entry['_SOURCE_REALTIME_TIMESTAMP'])
  putFields(entry, draft)
  putProcess(draft, entry)
  putUser(draft)
  putHost(draft)
  const level = levelName(Number(entry['PRIORITY'] ?? Number.NaN))
  if (level !== undefined && entry['PRIORITY'] !== undefined) child(draft.fields, 'log')['level'] = level
  if (entry['__DECKLOG_LOSS'] !== undefined) putLoss(entry, draft)
  if (entry['__DECKLOG_CUT_BYTES'] !== undefined) note(draft, 'truncated')
  return true
}

/** Every entry has these, and no application writes lines that begin so by chance. */
function isEntry(entry: JsonObject): boolean {
  return typeof entry['__REALTIME_TIMESTAMP'] === 'string' || typeof entry['__CURSOR'] === 'string'
}

function putFields(entry: JsonObject, draft: Draft): void {
  let custom: JsonObject | undefined
  for (const name in entry) {
    if (JOURNAL_UNUSED.has(name) || name.startsWith('__')) continue
    const value = valueOf(entry[name]!, draft)
    if (value === undefined) continue
    const target = JOURNAL_TARGETS.get(name)
    if (target === undefined) {
      custom ??= Object.create(null) as JsonObject
      custom[name.replace(/^_+/, '').toLowerCase()] = value
      continue
    }
    const put = target.long === true ? numberOf(value) : value
    if (put !== undefined) putAt(draft.fields, target.path, put)
  }
  if (custom !== undefined) child(draft.fields, 'journald')['custom'] = custom
}

function putAt(fields: JsonObject, path: readonly string[], value: Json): void {
  let at = fields
  for (let i = 0; i < path.length - 1; i++) at = child(at, path[i]!)
  at[path.at(-1)!] = value
}

/** A text, or a list of texts. */
function valueOf(value: Json, draft: Draft): string | string[] | undefined {
  if (Array.isArray(value) && !isBytes(value)) {
    const texts = value.map((one) => textOf(one, draft)).filter((one) => one !== undefined)
    return texts.length === 0 ? undefined : texts
  }
  return textOf(value, draft)
}

/** Of what is no UTF-8 as much as is. */
function textOf(value: Json | undefined, draft: Draft): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return String(value)
  const bytes = bytesOf(value)
  if (bytes === undefined) return undefined
  const text = bytes.toString('utf8')
  if (text.includes('\ufffd')) note(draft, 'invalid-utf8')
  return text
}

function bytesOf(value: Json | undefined): Buffer | undefined {
  if (Array.isArray(value) && isBytes(value)) return Buffer.from(value)
  if (!isObject(value) || typeof value['base64'] !== 'string') return undefined
  return Buffer.from(value['base64'], 'base64')
}

function isBytes(value: readonly Json[]): value is number[] {
  return value.length > 0 && value.every((one) => typeof one === 'number' && one >= 0 && one <= 255)
}

/** A field that came more than once has no one number. */
function numberOf(value: string | string[]): number | undefined {
  if (typeof value !== 'string') return undefined
  const digits = /^-?\d{1,15}(?=$|,)/.exec(value)
  return digits === null ? undefined : Number(digits[0])
}

function timeOf(value: Json | undefined): bigint | undefined {
  return typeof value === 'string' && /^\d{1,18}$/.test(value) ? BigInt(value) * NANOS : undefined
}

function putProcess(draft: Draft, entry: JsonObject): void {
  const name = entry['_COMM'] ?? entry['SYSLOG_IDENTIFIER']
  const executable = entry['_EXE']
  const { _PID: pid, _CMDLINE: line, _CAP_EFFECTIVE: mask } = entry
  const process: JsonObject = {}
  if (typeof name === 'string' && name !== '') process['name'] = name
  if (typeof executable === 'string') process['executable'] = executable
  const number = typeof pid === 'string' ? numberOf(pid) : undefined
  if (number !== undefined) process['pid'] = number
  if (typeof line === 'string' && line !== '') {
    const words = commandWords(line)
    process['command_line'] = line
    if (words.length > 0) Object.assign(process, { args: words, args_count: words.length })
  }
  const capabilities = typeof mask === 'string' ? capabilitiesOf(mask) : []
  if (capabilities.length > 0) process['thread'] = { capabilities: { effective: capabilities } }
  if (Object.keys(process).length > 0) draft.fields['process'] = process
}

/** The user who logged in is the user; what it became is what is in effect. */
function putUser({ fields }: Draft): void {
  const found = fields['journald']
  if (!isObject(found)) return
  const audit = found['audit']
  const uid = idOf(found['uid'])
  const gid = idOf(found['gid'])
  const login = isObject(audit) ? idOf(audit['login_uid']) : undefined
  if (uid === undefined && login === undefined) return
  const user = child(fields, 'user')
  if (login !== undefined) user['id'] = login
  if (uid === undefined) return
  const effective = login === undefined || login === uid ? user : child(user, 'effective')
  effective['id'] = uid
  if (gid !== undefined) effective['group'] = { id: gid }
}

function idOf(value: Json | undefined): string | undefined {
  return typeof value === 'number' ? String(value) : undefined
}

function putHost(draft: Draft): void {
  const host = draft.fields['host']
  if (isObject(host) && typeof host['hostname'] === 'string') relate(draft, 'hosts', host['hostname'])
}

function putLoss(entry: JsonObject, draft: Draft): void {
  const event = child(draft.fields, 'event')
  event['action'] = 'journal-entries-lost'
  event['category'] = ['host']
  event['type'] = ['info']
  event['outcome'] = 'failure'
  const lost = entry['__DECKLOG_LOST']
  const count = typeof lost === 'string' ? numberOf(lost) : undefined
  if (count !== undefined) child(draft.fields, 'decklog')['count'] = count
}
