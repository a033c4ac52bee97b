import type { Draft, Json, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { isObject } from './support/document.ts'
import {
  another,
  copyOf,
  intOf,
  isoText,
  keepJson,
  objectOf,
  objectsOf,
  put,
  putTime,
  readObject,
  str,
} from './support/json-record.ts'
import { putMeaning } from './support/kubernetes-event-meaning.ts'
import { OTHERS_MAX } from '../ports/format.ts'
import { putSubject } from './support/subject.ts'

/**
 * An Event object of the Kubernetes API, `v1` or `events.k8s.io/v1`, one a line; alone, in a watch's envelope, or a list of them:
 *
 *     {"kind":"Event","apiVersion":"v1","metadata":{…},"involvedObject":{…},"reason":"Pulled","message":…,"type":"Normal",…}
 *     {"type":"ADDED","object":{…}}        {"kind":"EventList","items":[…]}
 */
export const kubernetesEvent: FormatDefinition = {
  name: 'kubernetes-event',
  version: 1,
  kind: 'payload',
  isDocument: true,
  title: 'Kubernetes Events',
  definedBy: 'k8s.io/api: core/v1 Event, events/v1 Event; kubernetes: pkg/kubelet/images, pkg/kubelet/events',
  dataset: 'kubernetes.event',
  example:
    '{"type":"ADDED","object":{"kind":"Event","apiVersion":"v1","metadata":{"name":"web-6f4b7.17a1","namespace":"shop","uid":"1d3c9d1e-7a39-4b76-9b0b-3f3f5d1c0b11","resourceVersion":"4711","creationTimestamp":"2026-11-24T08:00:00Z"},"involvedObject":{"kind":"Pod","namespace":"shop","name":"web-6f4b7","uid":"7e0cbccf-8d8a-4f5f-aefb-60b8af2d2ad5","apiVersion":"v1","resourceVersion":"4700","fieldPath":"spec.containers{web}"},"reason":"Pulled","message":"Successfully pulled image \\"registry.example.com/shop/web:1.4.2\\" in 1.204s (1.204s including waiting). Image size: 48212992 bytes.","source":{"component":"kubelet","host":"worker-3"},"firstTimestamp":"2026-11-24T08:00:00Z","lastTimestamp":"2026-11-24T08:00:00Z","count":1,"type":"Normal","eventTime":null,"reportingComponent":"kubelet","reportingInstance":"worker-3"}}',
  remarks: [
    '`kubernetes.event.*` has the names of Elastic’s `kubernetes.event` dataset for both versions of the API; labels and annotations of the Event object are left out. `message` is the Event’s text, `event.original` the record.',
    '`@timestamp` is the last time that it was observed (`series.lastObservedTime`, `lastTimestamp`, `eventTime`, `firstTimestamp`, in this order): the same Event comes again when it is counted again, with the same `event.id` (its uid).',
    'Pulls of images give `container.image.*`, `event.duration` and an outcome; refused objects (webhooks, PodSecurity, quota, ValidatingAdmissionPolicy, policy-controller) give `event.type: denied`, and `rule.ruleset` and `rule.name` say who refused.',
    'A list gives one event an item.',
  ],
  actions: { 'Pulling, Pulled, Failed, BackOff, Killing, FailedCreate, …': 'The reason of the Event' },
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext, others?: Draft[]): boolean {
  const record = readObject(text)
  if (record === undefined) return false
  const items = itemsOf(record)
  if (items.length === 0) return false
  const base = copyOf(draft.fields)
  keepJson(text, draft)
  putEvent(draft, items[0]!, context)
  for (const item of items.slice(1, 1 + OTHERS_MAX)) {
    if (others === undefined) break
    const other = another(draft, base)
    other.timeNs = undefined
    putEvent(other, item, context)
    others.push(other)
  }
  return true
}

interface Item {
  readonly event: JsonObject
  /** ADDED, MODIFIED or DELETED. */
  readonly change: string
}

function itemsOf(record: JsonObject): readonly Item[] {
  const object = record['object']
  if (isObject(object)) return isEvent(object) ? [{ event: object, change: str(record['type']) }] : []
  if (isEvent(record)) return [{ event: record, change: '' }]
  return objectsOf(record['items'])
    .filter(isEvent)
    .map((event) => ({ event, change: '' }))
}

/** Items of a list do not say their kind. */
function isEvent(object: JsonObject): boolean {
  const kind = object['kind']
  if (kind !== undefined && kind !== 'Event') return false
  if (str(object['apiVersion']).startsWith('audit.')) return false
  return (
    (isObject(object['involvedObject']) || isObject(object['regarding'])) &&
    typeof object['reason'] === 'string'
  )
}

/**
 * Whoever watches next lists again what was listed: the same version of an Event is the same event. Only from the API server itself, for
 * who chooses an id could hide an event.
 */
function idOf(metadata: JsonObject, { provenance }: FormatContext): string | undefined {
  const [uid, version] = [str(metadata['uid']), str(metadata['resourceVersion'])]
  return provenance.kind === 'kubernetes' && uid !== '' && version !== '' ? `${uid}|${version}` : undefined
}

function putEvent(draft: Draft, { event, change }: Item, context: FormatContext): void {
  const { fields } = draft
  const object = objectOf(event['involvedObject'] ?? event['regarding'])
  const series = objectOf(event['series'])
  const metadata = objectOf(event['metadata'])
  const source = objectOf(event['source'] ?? event['deprecatedSource'])
  const first = event['firstTimestamp'] ?? event['deprecatedFirstTimestamp']
  const last = event['lastTimestamp'] ?? event['deprecatedLastTimestamp']
  const component = firstText(source['component'], event['reportingComponent'], event['reportingController'])
  const host = str(source['host'])
  draft.message = firstText(event['message'], event['note'])
  putTime(
    draft,
    context,
    series['lastObservedTime'],
    last,
    event['eventTime'],
    first,
    metadata['creationTimestamp'],
  )
  const kept: JsonObject = {}
  put(kept, 'message', draft.message)
  put(kept, 'reason', str(event['reason']))
  put(kept, 'type', str(event['type']))
  put(kept, 'count', intOf(series['count'] ?? event['count'] ?? event['deprecatedCount']))
  put(kept, 'source.component', component)
  put(kept, 'source.host', host)
  put(kept, 'involved_object', involved(object))
  put(kept, 'metadata', metadataOf(metadata, context))
  put(kept, 'timestamp.first_occurrence', isoText(first ?? event['eventTime'], context))
  put(
    kept,
    'timestamp.last_occurrence',
    isoText(series['lastObservedTime'] ?? last ?? event['eventTime'], context),
  )
  put(fields, 'kubernetes.event', kept)
  put(fields, 'event.id', str(metadata['uid']))
  put(fields, 'event.provider', component)
  const id = idOf(metadata, context)
  if (id !== undefined) draft.id = id
  put(fields, 'log.level', event['type'] === 'Warning' ? 'warning' : 'info')
  put(fields, 'decklog.change', change.toLowerCase())
  const container = containerOf(str(object['fieldPath']))
  const node =
    object['kind'] === 'Node'
      ? str(object['name'])
      : component === 'kubelet'
        ? firstText(host, event['reportingInstance'])
        : host
  putSubject(draft, {
    kind: str(object['kind']),
    name: str(object['name']),
    namespace: str(object['namespace']),
    uid: str(object['uid']),
    container,
    node,
  })
  put(fields, 'container.name', container)
  putMeaning(draft, str(event['reason']), str(event['type']))
}

function firstText(...values: readonly (Json | undefined)[]): string {
  return values.map(str).find((value) => value !== '') ?? ''
}

function involved(object: JsonObject): JsonObject {
  const kept: JsonObject = {}
  put(kept, 'api_version', str(object['apiVersion']))
  put(kept, 'kind', str(object['kind']))
  put(kept, 'name', str(object['name']))
  put(kept, 'namespace', str(object['namespace']))
  put(kept, 'resource_version', str(object['resourceVersion']))
  put(kept, 'uid', str(object['uid']))
  return kept
}

function metadataOf(metadata: JsonObject, context: FormatContext): JsonObject {
  const kept: JsonObject = {}
  put(kept, 'name', str(metadata['name']))
  put(kept, 'namespace', str(metadata['namespace']))
  put(kept, 'uid', str(metadata['uid']))
  put(kept, 'resource_version', str(metadata['resourceVersion']))
  put(kept, 'generate_name', str(metadata['generateName']))
  put(kept, 'self_link', str(metadata['selfLink']))
  put(kept, 'timestamp.created', isoText(metadata['creationTimestamp'], context))
  return kept
}

/** `spec.containers{web}`, `spec.initContainers{setup}`, `spec.ephemeralContainers{debug}` */
function containerOf(path: string): string | undefined {
  const open = path.indexOf('ontainers{')
  return open > 0 && path.endsWith('}') ? path.slice(open + 10, -1) : undefined
}
