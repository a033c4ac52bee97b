import type { Draft, Json, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { putThreat } from './support/attack.ts'
import { note, relate } from './support/document.ts'
import { putFalcoFields, SEVERITIES } from './support/falco-ecs.ts'
import { nestFields } from './support/falco-fields.ts'
import { readFalcoText } from './support/falco-text.ts'
import { intOf, isoNs, keepText, objectOf, put, readObject, str, stringsOf } from './support/json-record.ts'

/**
 * One alert of Falco: with `json_output: true`
 *
 *     {"output":…,"priority":"Warning","rule":…,"time":…,"output_fields":{"proc.name":…},"source":"syscall","tags":[…],"hostname":…}
 *
 * (falcosidekick adds `uuid`), and as text
 *
 *     HH:MM:SS.nnnnnnnnn: Warning MESSAGE (key=value key=value)      since 0.41: MESSAGE | key=value key=value
 */
export const falco: FormatDefinition = {
  name: 'falco',
  version: 1,
  kind: 'payload',
  title: 'Falco alerts',
  definedBy: 'falcosecurity/falco: userspace/engine/formats.cpp, userspace/falco/outputs_*.cpp, falco.yaml',
  dataset: 'falco.alerts',
  example:
    '{"hostname":"worker-3","output":"18:54:27.767673017: Notice Shell spawned by untrusted binary (parent_exe=/tmp/httpd pcmdline=httpd user=root command=bash -c ls)","priority":"Notice","rule":"Run shell untrusted","source":"syscall","tags":["T1059.004","container","maturity_stable","mitre_execution"],"time":"2024-05-07T18:54:27.767673017Z","output_fields":{"container.id":"9656db3bb358","container.image.repository":"docker.io/library/nginx","container.image.tag":"1.27","container.name":"web","evt.time":1715108067767673017,"evt.type":"execve","k8s.ns.name":"shop","k8s.pod.name":"web-6f4b7","proc.cmdline":"bash -c ls","proc.exepath":"/bin/bash","proc.name":"bash","proc.pname":"httpd","proc.tty":0,"user.loginuid":-1,"user.name":"root","user.uid":0}}',
  remarks: [
    '`message` is the rule’s name, as in Elastic’s integration; the sentence is `falco.output`, the record `event.original`. A line of text does not name its rule: there `message` is the line, and its keys are read into the fields that Falco’s own rules print with them.',
    'All of `output_fields` is kept below `falco.output_fields` (one flattened field), nested and renamed as Elastic does with `preserve_falco_fields`. `@timestamp` is `evt.time` to the nanosecond, else `time`.',
    'Beyond Elastic: every technique of the tags (Elastic has the first), `threat.tactic`, `user.*`, `related.user`, `related.ip`, `file.path` where `fd.name` is a path and no `fd.type` is said, `container.image.name` from the repository, `decklog.subject`. `process.start` is a date; Elastic copies the number.',
  ],
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  if (text.charCodeAt(0) === 123) return parseRecord(text, draft, context)
  const alert = readFalcoText(text, context)
  if (alert === undefined) return false
  draft.timeNs = alert.ns ?? draft.timeNs
  if (alert.ambiguous) note(draft, 'ambiguous-fields')
  putAlert(draft, { priority: alert.priority, output: alert.output, tags: [] })
  put(draft.fields, 'falco.output_fields', nestFields(alert.fields))
  putFalcoFields(draft, alert.fields, context)
  return true
}

function parseRecord(text: string, draft: Draft, context: FormatContext): boolean {
  const record = readObject(text)
  if (record === undefined) return false
  const rule = str(record['rule'])
  const priority = str(record['priority'])
  if (rule === '' || !Object.hasOwn(SEVERITIES, priority.toLowerCase())) return false
  if (typeof record['output'] !== 'string' && record['output_fields'] === undefined) return false
  keepText(text, draft)
  const values = objectOf(record['output_fields'])
  const host = str(record['hostname'])
  const tags = stringsOf(record['tags']) ?? []
  putAlert(draft, { rule, priority, output: str(record['output']), tags })
  const { fields } = draft
  for (const name of ['hostname', 'source', 'time', 'uuid'] as const)
    put(fields, `falco.${name}`, str(record[name]))
  draft.message = rule
  putRecordTime(text, draft, record, context)
  put(fields, 'event.provider', str(record['source']))
  put(fields, 'event.id', str(record['uuid']))
  put(fields, 'event.sequence', intOf(values['evt.num']))
  put(fields, 'observer.hostname', host)
  put(fields, 'host.name', host)
  relate(draft, 'hosts', host)
  put(fields, 'falco.output_fields', nestFields(values))
  putFalcoFields(draft, values, context)
  return true
}

interface Alert {
  readonly rule?: string
  readonly priority: string
  readonly output: string
  readonly tags: readonly string[]
}

function putAlert(draft: Draft, { rule, priority, output, tags }: Alert): void {
  const { fields } = draft
  put(fields, 'event.kind', 'alert')
  put(fields, 'event.severity', SEVERITIES[priority.toLowerCase()])
  put(fields, 'log.level', priority.toLowerCase())
  put(fields, 'rule.name', rule)
  put(fields, 'falco.rule', rule)
  put(fields, 'falco.priority', priority)
  put(fields, 'falco.output', output)
  put(fields, 'falco.tags', [...tags])
  put(fields, 'observer.product', 'falco')
  put(fields, 'observer.type', 'sensor')
  put(fields, 'observer.vendor', 'sysdig')
  putThreat(fields, tags)
}

/** Nanoseconds since the epoch do not fit a double: their digits are read from the text. */
const EVENT_TIME = /"evt[._](?:time(?:[._]iso8601)?|rawtime)" ?: ?(\d{19})(?!\d)/

function putRecordTime(text: string, draft: Draft, record: JsonObject, context: FormatContext): void {
  const digits = EVENT_TIME.exec(text)?.[1]
  const values = objectOf(record['output_fields'])
  const own = digits === undefined ? eventTime(values, context) : BigInt(digits)
  draft.timeNs = own ?? isoNs(record['time'], context) ?? draft.timeNs
  if (draft.timeNs === undefined && record['time'] !== undefined) note(draft, 'time-invalid')
}

function eventTime(values: JsonObject, context: FormatContext): bigint | undefined {
  for (const name of ['evt.time.iso8601', 'evt.time', 'evt_time']) {
    const value: Json | undefined = values[name]
    const ns = isoNs(value, context)
    if (ns !== undefined) return ns
  }
  return undefined
}
