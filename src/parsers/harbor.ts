import type { Draft, Json, JsonObject } from '../core/document.ts'
import { type FormatContext, type FormatDefinition, OTHERS_MAX } from '../ports/format.ts'
import { isObject, note, relate } from './support/document.ts'
import { putCounts, severityOf } from './support/finding.ts'
import { putImage } from './support/image.ts'
import {
  another,
  copyOf,
  intOf,
  keepJson,
  objectOf,
  objectsOf,
  put,
  putTime,
  readObject,
  str,
  textOf,
} from './support/json-record.ts'

/**
 * A payload of Harbor's webhooks, in its own form or as a CloudEvent:
 *
 *     {"type":"PUSH_ARTIFACT","occur_at":1795507200,"operator":"robot$ci","event_data":{"resources":[{"digest","tag","resource_url"}],"repository":{…}}}
 *     {"specversion":"1.0","id":…,"type":"harbor.artifact.pushed","time":…,"data":{"resources":[…],"repository":{…}},"operator":…}
 */
export const harbor: FormatDefinition = {
  name: 'harbor',
  version: 1,
  kind: 'payload',
  isDocument: true,
  title: 'Harbor webhooks',
  definedBy:
    'goharbor/harbor: docs (working with projects, webhooks), src/pkg/notifier/model/event.go, src/controller/event/handler/webhook',
  dataset: 'decklog.harbor',
  example:
    '{"type":"PUSH_ARTIFACT","occur_at":1795507200,"operator":"robot$ci","event_data":{"resources":[{"digest":"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","tag":"1.4.2","resource_url":"registry.example.com/shop/web:1.4.2"}],"repository":{"date_created":1795500000,"name":"web","namespace":"shop","repo_full_name":"shop/web","repo_type":"private"}}}',
  remarks: [
    'One event a resource; the first keeps the payload in `event.original`. `event.action` is Harbor’s own type, of a CloudEvent as well (`harbor.artifact.pushed` is `PUSH_ARTIFACT`).',
    'A scan’s overview gives `decklog.scan.*` and `vulnerability.severity`; `event.outcome` says whether the scan ended.',
  ],
  actions: {
    PUSH_ARTIFACT: 'An artifact was pushed',
    PULL_ARTIFACT: 'An artifact was pulled',
    DELETE_ARTIFACT: 'An artifact was deleted',
    SCANNING_COMPLETED: 'A scan ended',
    SCANNING_FAILED: 'A scan failed',
    SCANNING_STOPPED: 'A scan was stopped',
    QUOTA_EXCEED: 'A push was refused, for the project’s quota is used up',
    QUOTA_WARNING: 'The project’s quota is nearly used up',
    REPLICATION: 'A replication ended',
    TAG_RETENTION: 'A retention rule ran',
    'UPLOAD_CHART, DOWNLOAD_CHART, DELETE_CHART, …': 'Charts of versions before 2.8, and types to come',
  },
  parse,
}

const CLOUD_TYPES: Readonly<Record<string, string>> = {
  'harbor.artifact.pushed': 'PUSH_ARTIFACT',
  'harbor.artifact.pulled': 'PULL_ARTIFACT',
  'harbor.artifact.deleted': 'DELETE_ARTIFACT',
  'harbor.scan.completed': 'SCANNING_COMPLETED',
  'harbor.scan.failed': 'SCANNING_FAILED',
  'harbor.scan.stopped': 'SCANNING_STOPPED',
  'harbor.quota.exceeded': 'QUOTA_EXCEED',
  'harbor.quota.warned': 'QUOTA_WARNING',
  'harbor.replication.status.changed': 'REPLICATION',
  'harbor.tag_retention.finished': 'TAG_RETENTION',
}

interface Payload {
  readonly type: string
  readonly operator: string
  readonly data: JsonObject
  readonly time: Json | undefined
  readonly id: string
}

function parse(text: string, draft: Draft, context: FormatContext, others?: Draft[]): boolean {
  const record = readObject(text)
  const payload = record === undefined ? undefined : payloadOf(record)
  if (payload === undefined) return false
  const base = copyOf(draft.fields)
  keepJson(text, draft)
  putPayloadTime(draft, payload, context)
  const resources = objectsOf(payload.data['resources'])
  putResource(draft, payload, resources[0] ?? {})
  for (const resource of others === undefined ? [] : resources.slice(1)) {
    if (others!.length === OTHERS_MAX) {
      note(draft, 'too-many-events')
      break
    }
    const other = another(draft, base)
    putResource(other, payload, resource)
    others!.push(other)
  }
  return true
}

function payloadOf(record: JsonObject): Payload | undefined {
  const type = str(record['type'])
  if (isObject(record['event_data']) && /^[A-Z][A-Z_]{3,40}$/.test(type)) {
    return {
      type,
      operator: str(record['operator']),
      data: record['event_data'],
      time: record['occur_at'],
      id: '',
    }
  }
  if (typeof record['specversion'] !== 'string' || !type.startsWith('harbor.') || !isObject(record['data']))
    return undefined
  const known = Object.hasOwn(CLOUD_TYPES, type) ? CLOUD_TYPES[type]! : type
  return {
    type: known,
    operator: str(record['operator']),
    data: record['data'],
    time: record['time'],
    id: str(record['id']),
  }
}

/** Seconds since the epoch in Harbor's own form. */
function putPayloadTime(draft: Draft, { time }: Payload, context: FormatContext): void {
  const seconds = intOf(time)
  if (seconds !== undefined && seconds > 0 && seconds < 9e9) draft.timeNs = BigInt(seconds) * 1_000_000_000n
  else putTime(draft, context, time)
}

type Meaning = readonly [category: string, type: string, outcome: 'success' | 'failure' | undefined]

const MEANINGS: Readonly<Record<string, Meaning>> = {
  PUSH_ARTIFACT: ['package', 'installation', 'success'],
  PULL_ARTIFACT: ['package', 'access', 'success'],
  DELETE_ARTIFACT: ['package', 'deletion', 'success'],
  UPLOAD_CHART: ['package', 'installation', 'success'],
  DOWNLOAD_CHART: ['package', 'access', 'success'],
  DELETE_CHART: ['package', 'deletion', 'success'],
  SCANNING_COMPLETED: ['vulnerability', 'info', 'success'],
  SCANNING_FAILED: ['vulnerability', 'info', 'failure'],
  SCANNING_STOPPED: ['vulnerability', 'info', 'failure'],
  QUOTA_EXCEED: ['configuration', 'denied', 'failure'],
  QUOTA_WARNING: ['configuration', 'info', undefined],
  REPLICATION: ['package', 'change', undefined],
  TAG_RETENTION: ['package', 'deletion', undefined],
}

function putResource(draft: Draft, payload: Payload, resource: JsonObject): void {
  const { fields } = draft
  const { type, operator, data } = payload
  const repository = objectOf(data['repository'])
  const meaning: Meaning = Object.hasOwn(MEANINGS, type) ? MEANINGS[type]! : ['package', 'info', undefined]
  put(fields, 'event.action', type)
  put(fields, 'event.category', [meaning[0]])
  put(fields, 'event.type', [meaning[1]])
  put(fields, 'event.outcome', meaning[2])
  put(fields, 'event.id', payload.id)
  put(fields, 'user.name', operator)
  relate(draft, 'user', operator)
  put(fields, 'observer.product', 'harbor')
  put(fields, 'observer.vendor', 'goharbor')
  put(fields, 'observer.type', 'registry')
  const name =
    str(repository['repo_full_name']) ||
    [str(repository['namespace']), str(repository['name'])].filter((part) => part !== '').join('/')
  const url = str(resource['resource_url'])
  putImage(draft, url || name)
  put(fields, 'decklog.registry.repository', name)
  put(fields, 'decklog.registry.visibility', str(repository['repo_type']))
  const digest = str(resource['digest'])
  const tag = str(resource['tag'])
  if (digest !== '') {
    put(fields, 'container.image.hash.all', [digest])
    relate(draft, 'hash', digest)
  }
  if (tag !== '' && tag !== digest) put(fields, 'container.image.tag', [tag])
  const custom = objectOf(data['custom_attributes'])
  put(fields, 'event.reason', textOf(custom['Details'] ?? custom['details']))
  const scan = putScan(fields, resource)
  putReplication(fields, objectOf(data['replication']))
  const by = operator === '' ? '' : ` by ${operator}`
  draft.message = `${type} ${url || name}${by}${scan}`
}

/** `scan_overview` by the report's media type: what was found, by severity. */
function putScan(fields: JsonObject, resource: JsonObject): string {
  const overview = objectsOf(Object.values(objectOf(resource['scan_overview'])))[0]
  if (overview === undefined) return ''
  const summary = objectOf(overview['summary'])
  const levels = objectOf(summary['summary'])
  const severity = str(overview['severity'])
  putCounts(fields, {
    vulnerabilities: summary['total'],
    fixable: summary['fixable'],
    critical: levels['Critical'],
    high: levels['High'],
    medium: levels['Medium'],
    low: levels['Low'],
    unknown: levels['Unknown'],
  })
  put(fields, 'vulnerability.severity', severity)
  put(fields, 'vulnerability.report_id', str(overview['report_id']))
  put(fields, 'vulnerability.scanner.vendor', str(objectOf(overview['scanner'])['vendor']))
  put(fields, 'event.severity', severityOf(severity))
  put(fields, 'decklog.finding.status', str(overview['scan_status']))
  const total = intOf(summary['total'])
  return severity === '' && total === undefined
    ? ''
    : `: ${severity}${total === undefined ? '' : `, ${total} vulnerabilities`}`
}

function putReplication(fields: JsonObject, replication: JsonObject): void {
  const status = str(replication['job_status'])
  if (status === '') return
  put(fields, 'event.outcome', status === 'Success' ? 'success' : 'failure')
  put(fields, 'decklog.finding.status', status)
}
