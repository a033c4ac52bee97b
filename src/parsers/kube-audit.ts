import { JSON_DEPTH_MAX } from '../core/limits.ts'
import type { Draft, Json, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { auditEventId } from './support/audit-id.ts'
import { auditDocument } from './support/audit-document.ts'
import { putAuditFields } from './support/audit-ecs.ts'
import { type PutItem, readAuditList } from './support/audit-list.ts'
import { child, isObject, note } from './support/document.ts'
import { type JsonScan, scanJson } from './support/json-scan.ts'
import { type Moment, putTime, readIso } from './support/time.ts'

/**
 * One audit.k8s.io/v1 Event a line, as kube-apiserver's log backend writes it (`--audit-log-path`), or a list of them, as its
 * webhook backend sends it (`--audit-webhook-config-file`), whose items name no kind of their own:
 *
 *     {"kind":"Event","apiVersion":"audit.k8s.io/v1","level":…,"auditID":…,"stage":…,"requestURI":…,"verb":…,"user":{…},…}
 *     {"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[{"level":…,"auditID":…,…},…]}
 */
export const kubeAudit: FormatDefinition = {
  name: 'kube-audit',
  version: 2,
  kind: 'record',
  isDocument: true,
  title: 'Kubernetes audit log',
  definedBy: 'https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ (Event)',
  dataset: 'kubernetes.audit_logs',
  example:
    '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"7e0cbccf-8d8a-4f5f-aefb-60b8af2d2ad5","stage":"ResponseStarted","requestURI":"/api/v1/namespaces/shop/pods/web-6f4b7/exec?command=sh&command=-c&command=id&container=app&stdin=true&tty=true","verb":"get","user":{"username":"alice@example.com","groups":["engineering","system:authenticated"]},"sourceIPs":["203.0.113.7"],"userAgent":"kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9","objectRef":{"resource":"pods","namespace":"shop","name":"web-6f4b7","apiVersion":"v1","subresource":"exec"},"responseStatus":{"metadata":{},"code":101},"requestReceivedTimestamp":"2026-11-24T08:00:00.120000Z","stageTimestamp":"2026-11-24T08:00:00.134512Z","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":""}}',
  remarks: [
    'The line is kept in `event.original`, for it cannot be rebuilt: names of annotations are written as Elastic writes them, fields that the API does not define are left out. Where a body holds a Secret or a token neither the line nor the value is kept, only the names of the keys; the event is tagged `secret-removed`, and the archive has the exact bytes.',
    '`@timestamp` is the stage’s time, `event.duration` the time since the request was received. `message` is a summary of the event in one line.',
    'A list (`EventList`) gives one document an item, each with its own text in `event.original`; what is around them is only in the archive. An item that is no event is kept as text, tagged `parse-failed`.',
    '`source.ip` is the last of `sourceIPs`, the only one that the client cannot choose; all are in `related.ip` and `kubernetes.audit.sourceIPs`. Elastic’s integration puts all of them into `source.ip` and `client.ip`. `event.outcome` is `failure` for an answer of 400 and above as well as for a forbidden request: Elastic’s integration looks at the decision only, and so calls what was allowed and then failed a success.',
    'Elastic’s integration removes `metadata` of the bodies; here it is kept, for the bodies are flattened fields and their labels and annotations say what an object is. `container.image.name` has the images of `requestObject`.',
    'A body nested deeper than 64 levels is left out (`json-depth`), numbers that a double cannot hold and names that come twice are tagged (`json-number-precision`, `json-duplicate-key`): `event.original` has them exactly.',
  ],
  actions: {
    'get, list, watch, create, update, patch, delete, …': 'The verb of the request, as Kubernetes names it',
  },
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext, others?: Draft[]): boolean {
  const start = text.charCodeAt(0)
  if (start !== 123 && start !== 32) return false
  const event = parseJson(text)
  if (!isObject(event)) return false
  if (event['kind'] === 'EventList')
    return readAuditList({ text, list: event, draft, others }, putItem(context))
  if (!isItem(event) && (event['kind'] !== 'Event' || !isAuditEvent(event))) return false
  putEvent(text, event, draft, context)
  return true
}

/** Items of a list name no kind, or their own. */
function putItem(context: FormatContext): PutItem {
  return (text, item, draft, apiVersion) => {
    const event: JsonObject = { kind: 'Event', apiVersion, ...item }
    if (event['kind'] !== 'Event' || !isAuditEvent(event)) return false
    putEvent(text, event, draft, context, item)
    return true
  }
}

/** `written`: the event without what its list says for it. */
function putEvent(
  text: string,
  event: JsonObject,
  draft: Draft,
  context: FormatContext,
  written = event,
): void {
  const scan = scanJson(text)
  const protoKeys = hasProtoKeys(text)
  const { audit, secretRemoved, bodyTooDeep } = auditDocument(event, { depth: scan.depth, protoKeys })
  if (!secretRemoved) draft.original = text
  else note(draft, 'secret-removed')
  if (bodyTooDeep || scan.depth > JSON_DEPTH_MAX) note(draft, 'json-depth')
  if (protoKeys) note(draft, 'json-proto-key')
  noteOddities(written, scan, draft)
  putTimes(draft, audit, context)
  const id = auditEventId(event)
  if (id !== undefined) draft.id = id
  putAuditFields(draft, audit)
  child(draft.fields, 'kubernetes')['audit'] = audit
}

function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** What the webhook's lists hold: neither kind nor version, for their list says both. */
function isItem(event: JsonObject): boolean {
  if (event['kind'] !== undefined || event['apiVersion'] !== undefined) return false
  return ['auditID', 'stage', 'level', 'verb', 'requestURI'].every((name) => typeof event[name] === 'string')
}

function isAuditEvent(event: JsonObject): boolean {
  const version = event['apiVersion']
  if (typeof version !== 'string' || !version.startsWith('audit.k8s.io/')) return false
  return typeof event['auditID'] === 'string' && event['auditID'] !== '' && typeof event['stage'] === 'string'
}

function noteOddities(event: JsonObject, scan: JsonScan, draft: Draft): void {
  if (scan.oddNumber) note(draft, 'json-number-precision')
  if (scan.depth <= JSON_DEPTH_MAX && countKeys(event) !== scan.keys) note(draft, 'json-duplicate-key')
}

/** Written plainly, or with an escape that could spell it. */
function hasProtoKeys(text: string): boolean {
  return text.includes('__proto__') || (text.includes('\\u') && /\\u00(?:5f|7[0-9a]|6f)/i.test(text))
}

/** Names of members in a value of bounded depth. A repeated name is there once: so fewer than in the text means repeats. */
function countKeys(value: Json): number {
  let count = 0
  if (Array.isArray(value)) {
    for (const part of value) if (typeof part === 'object' && part !== null) count += countKeys(part)
    return count
  }
  const object = value as JsonObject
  for (const name in object) {
    count++
    const part = object[name]
    if (typeof part === 'object' && part !== null) count += countKeys(part)
  }
  return count
}

function putTimes(draft: Draft, audit: JsonObject, context: FormatContext): void {
  const stage = momentOf(audit['stageTimestamp'], context)
  const received = momentOf(audit['requestReceivedTimestamp'], context)
  const time = stage ?? received
  if (time !== undefined) putTime(draft, time.seconds, time.nanos)
  else {
    draft.timeNs = undefined
    if ((audit['stageTimestamp'] ?? audit['requestReceivedTimestamp']) !== undefined)
      note(draft, 'time-invalid')
  }
  if (stage === undefined || received === undefined) return
  const duration = (stage.seconds - received.seconds) * 1e9 + (stage.nanos - received.nanos)
  if (duration >= 0) child(draft.fields, 'event')['duration'] = duration
}

/** Undefined where no such moment exists. */
function momentOf(value: Json | undefined, context: FormatContext): Moment | undefined {
  if (typeof value !== 'string') return undefined
  const moment = readIso(value, 0, context.utcOffsetMinutes)
  return moment?.end === value.length && !Number.isNaN(moment.seconds) ? moment : undefined
}
