import type { Draft, Json, JsonObject } from '../../core/document.ts'
import { child, relate } from './document.ts'
import { ipOf, putEndpoint } from './endpoint.ts'
import { quotedWord } from './quoted.ts'
import { isWord } from './web-access.ts'

/** What a message of a Kubernetes component means. `fields` of ECS besides the action. */
interface Known {
  readonly action: string
  readonly category: readonly string[]
  readonly type: readonly string[]
  readonly outcome?: 'success' | 'failure'
}

/** By the message of a structured line, whole. Names as the components' sources have them, over the versions since 1.20. */
const BY_MESSAGE: ReadonlyMap<string, Known> = new Map<string, Known>([
  ...known('image_pull', ['package'], ['start'], undefined, [
    'Pulling image',
    'Pulling image without credentials',
  ]),
  ...known('image_pulled', ['package'], ['installation'], 'success', [
    'Successfully pulled image',
    'Pulled image',
  ]),
  ...known('image_pull_failed', ['package'], ['installation'], 'failure', [
    'PullImage from image service failed',
    'Failed to pull image',
  ]),
  ...known('image_removed', ['package'], ['deletion'], undefined, ['Removing image to free bytes']),
  ...known('pod_sync_failed', ['process'], ['change'], 'failure', [
    'Error syncing pod, skipping',
    'Error syncing pod',
  ]),
  ...known('container_start_failed', ['process'], ['start'], 'failure', [
    'Container start failed in pod',
    'StartContainer from runtime service failed',
    'CreateContainer in sandbox from runtime service failed',
    'RunPodSandbox from runtime service failed',
    'CreatePodSandbox for pod failed',
    'Failed to create sandbox for pod',
  ]),
  ...known('container_killed', ['process'], ['end'], undefined, [
    'Killing container with a grace period',
    'Killing unwanted pod',
  ]),
  ...known('exec_failed', ['process'], ['start'], 'failure', [
    'ExecSync cmd from runtime service failed',
    'Exec cmd from runtime service failed',
  ]),
  ...known('pod_evicted', ['process'], ['end'], 'success', ['Eviction manager: pod is evicted successfully']),
  ...known('pod_eviction', ['process'], ['change'], undefined, [
    'Eviction manager: attempting to reclaim',
    'Eviction manager: must evict pod(s) to reclaim',
    'Eviction manager: pods ranked for eviction',
    'Eviction manager: pods evicted, waiting for pod to be cleaned up',
    'Eviction manager: eviction criteria not yet met',
  ]),
  ...known('pod_eviction_failed', ['process'], ['end'], 'failure', [
    'Eviction manager: cannot evict a critical pod',
    'Eviction manager: pod failed to evict',
    'Eviction manager: unable to evict any pods from the node',
  ]),
  ...known('oom', ['process'], ['end'], undefined, ['Got sys oom event']),
  ...known('probe_failed', ['process'], ['info'], 'failure', ['Probe failed', 'Probe errored']),
  ...known('node_registered', ['host'], ['change'], 'success', ['Successfully registered node']),
  ...known('node_register_failed', ['host'], ['change'], 'failure', [
    'Unable to register node with API server',
  ]),
  ...known('pod_bound', ['process'], ['info'], 'success', ['Successfully bound pod to node']),
  ...known('pod_unschedulable', ['process'], ['info'], 'failure', [
    'Unable to schedule pod; no fit; waiting',
  ]),
  ...known('authentication_failed', ['authentication'], ['start'], 'failure', [
    'Unable to authenticate the request',
  ]),
  ...known('authorization_denied', ['api'], ['denied'], 'failure', ['Forbidden']),
  ...known('authorization_error', ['api'], ['info'], 'failure', ['Authorization error']),
  ...known('certificate_rotated', ['configuration'], ['change'], 'success', [
    'Certificate rotation detected, shutting down client connections to start using new credentials',
  ]),
])

function known(
  action: string,
  category: readonly string[],
  type: readonly string[],
  outcome: 'success' | 'failure' | undefined,
  messages: readonly string[],
): [string, Known][] {
  const value = outcome === undefined ? { action, category, type } : { action, category, type, outcome }
  return messages.map((message) => [message, value])
}

export const KLOG_ACTIONS: Readonly<Record<string, string>> = {
  http_request: 'A request that an API server or kubelet answered',
  image_pull: 'The kubelet asked for an image',
  image_pulled: 'An image was pulled',
  image_pull_failed: 'An image could not be pulled',
  image_removed: 'The kubelet removed an image to free space',
  pod_sync_failed: 'A pod could not be brought to what it should be',
  container_start_failed: 'A container or sandbox could not be started',
  container_killed: 'The kubelet ended a container',
  exec_failed: 'A command in a container could not be run',
  pod_evicted: 'A pod was evicted',
  pod_eviction: 'The kubelet looked for pods to evict',
  pod_eviction_failed: 'A pod could not be evicted',
  oom: 'The kernel ended a process for want of memory',
  probe_failed: 'A probe of a container failed',
  volume_mounted: 'A volume was mounted',
  volume_mount_failed: 'A volume could not be mounted',
  node_registered: 'A node joined the cluster',
  node_register_failed: 'A node could not join the cluster',
  pod_bound: 'The scheduler gave a pod to a node',
  pod_unschedulable: 'No node was found for a pod',
  authentication_failed: 'A request without a valid identity',
  authorization_denied: 'A request that no rule allows',
  authorization_error: 'A request whose rights could not be found out',
  certificate_rotated: 'A component took a new certificate',
  tls_handshake_failed: 'A client did not finish a TLS handshake',
  leader_elected: 'A replica became the leader',
  leader_lost: 'A replica is no longer the leader',
  kubernetes_event: 'An Event of the API, as its recorder logs it',
}

/** Fields of ECS for the pairs that components commonly log, and the action of the message. */
export function putKnown(draft: Draft, message: string, pairs: JsonObject | undefined): void {
  putPayload(draft, message, pairs)
  const found = BY_MESSAGE.get(message)
  if (found !== undefined) {
    putKnownEvent(draft, found)
    if (found.action === 'pod_sync_failed') putSyncError(draft, text(pairs?.['err']))
  } else if (message.startsWith('MountVolume.')) putMount(draft, message, false)
  else if (message.startsWith('Unable to authenticate'))
    putKnownEvent(draft, BY_MESSAGE.get('Unable to authenticate the request')!)
  if (pairs === undefined) return
  if (message === 'HTTP') putRequest(draft, pairs)
  else if (message === 'Event occurred') putEvent(draft, pairs)
  putPairs(draft, pairs)
}

/** Of a request everything is a field of its own but the API's verb and what may come besides: so it is there once. */
const OF_REQUEST = new Set(['URI', 'latency', 'userAgent', 'UserAgent', 'audit-ID', 'srcIP', 'resp'])

function putPayload(draft: Draft, message: string, pairs: JsonObject | undefined): void {
  if (pairs === undefined) return
  child(draft.fields, 'decklog')['payload'] = message === 'HTTP' ? restOfRequest(pairs) : pairs
}

export function restOfRequest(pairs: JsonObject): JsonObject {
  const rest: JsonObject = {}
  for (const name in pairs) if (!OF_REQUEST.has(name)) rest[name] = pairs[name]!
  return rest
}

export function putAction(
  draft: Draft,
  action: string,
  category: readonly string[],
  type: readonly string[],
  outcome?: 'success' | 'failure',
): void {
  const event = child(draft.fields, 'event')
  event['action'] = action
  event['category'] = [...category]
  event['type'] = [...type]
  if (outcome !== undefined) event['outcome'] = outcome
}

function putKnownEvent(draft: Draft, { action, category, type, outcome }: Known): void {
  putAction(draft, action, category, type, outcome)
}

/** `failed to "StartContainer" for "app" with ErrImagePull: "…"`: why, and which container. */
function putSyncError(draft: Draft, error: string): void {
  const verb = error.indexOf('failed to "')
  const at = verb < 0 ? -1 : error.indexOf('" for "', verb)
  const name = at < 0 ? '' : quotedWord(error, at + 6)
  const reason = at < 0 ? '' : wordAfter(error, `" with `, at)
  if (name === '' || reason === '') return
  child(draft.fields, 'event')['reason'] = reason
  // Of a sandbox that could not be made the name is the pod's, with its namespace and id.
  if (error.startsWith('StartContainer', verb + 11)) child(draft.fields, 'container')['name'] = name
}

/** Letters and digits behind `label`. */
function wordAfter(value: string, label: string, from: number): string {
  const at = value.indexOf(label, from)
  if (at < 0) return ''
  let end = at + label.length
  while (end < value.length && isWord(value, end, end + 1)) end++
  return value.slice(at + label.length, end)
}

/**
 * `MountVolume.SetUp succeeded for volume "x" (UniqueName: "…") pod "y" (UID: "…")`, and how it fails. The pod's namespace is only
 * in the pairs of a structured line.
 */
export function putMount(draft: Draft, message: string, isPlain: boolean): void {
  const failed = message.indexOf(' failed for volume "')
  const at = failed >= 0 ? failed + 7 : message.indexOf(' succeeded for volume "') + 10
  if (at < 10 && failed < 0) return
  if (failed >= 0) putAction(draft, 'volume_mount_failed', ['file'], ['access'], 'failure')
  else putAction(draft, 'volume_mounted', ['file'], ['access'], 'success')
  const pod = message.indexOf(' pod "', at)
  if (!isPlain || pod < 0) return
  const uid = message.indexOf(' (UID: "', pod)
  const name = quotedWord(message, pod + 5)
  if (name !== '')
    child(draft.fields, 'kubernetes')['pod'] =
      uid < 0 ? { name } : { name, uid: quotedWord(message, uid + 7) }
}

function putPairs(draft: Draft, pairs: JsonObject): void {
  const { fields } = draft
  const error = text(pairs['err']) || text(pairs['error'])
  if (error !== '') fields['error'] = { message: error }
  const logger = pairs['logger']
  if (typeof logger === 'string') child(fields, 'log')['logger'] = logger
  const pod = pairs['pod'] ?? pairs['podName']
  if (pod !== undefined) putPod(draft, pod, pairs['podUID'] ?? pairs['podUid'])
  const image = text(pairs['image'])
  if (image !== '') child(fields, 'container')['image'] = { name: image }
  const containerId = text(pairs['containerID'])
  if (containerId !== '') child(fields, 'container')['id'] = bareContainerId(containerId)
  const name = text(pairs['containerName'])
  if (name !== '') child(fields, 'container')['name'] = name
  const user = text(pairs['user'])
  if (user !== '' && !user.startsWith('{') && !user.startsWith('&')) {
    fields['user'] = { name: user }
    relate(draft, 'user', user)
  }
  const node = text(pairs['node']) || text(pairs['nodeName'])
  if (node !== '' && !node.startsWith('{')) relate(draft, 'hosts', node)
}

/** `namespace/name` (klog.KObj), `name`, or the object {"name":…,"namespace":…} of the JSON format. */
function putPod(draft: Draft, pod: Json, uid: Json | undefined): void {
  const kubernetes = child(draft.fields, 'kubernetes')
  const at = typeof pod === 'string' ? pod.indexOf('/') : -1
  const name = typeof pod === 'string' ? pod.slice(at + 1) : text(memberOf(pod, 'name'))
  const namespace = typeof pod === 'string' ? pod.slice(0, Math.max(at, 0)) : text(memberOf(pod, 'namespace'))
  if (name === '' || name.length > 253 || name.startsWith('{')) return
  if (namespace !== '') kubernetes['namespace'] = namespace
  kubernetes['pod'] = typeof uid === 'string' && uid !== '' ? { name, uid } : { name }
}

function memberOf(value: Json, name: string): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value[name] : undefined
}

/** `containerd://…`, or `{Type:containerd ID:…}` of older kubelets. */
function bareContainerId(id: string): string {
  const scheme = id.indexOf('://')
  if (scheme >= 0) return id.slice(scheme + 3)
  const member = id.indexOf('ID:')
  return id.startsWith('{') && member >= 0 ? id.slice(member + 3).replace(/\}$/, '') : id
}

/**
 * httplog.go: `"HTTP" verb="GET" URI="/api/v1/…" latency="1.2ms" userAgent="…" audit-ID="…" srcIP="10.0.0.1:4711" resp=200`.
 * Before 1.20 `verb="GET" URI="…" latency=1.2ms resp=200 UserAgent="…" srcIP="…": ` without a message.
 */
export function putRequest(draft: Draft, pairs: JsonObject): void {
  const { fields } = draft
  const verb = text(pairs['verb'])
  const uri = text(pairs['URI'])
  const code = Number(pairs['resp'])
  const method = METHODS[verb] ?? verb
  const http: JsonObject = method === '' ? {} : { request: { method } }
  const isCode = Number.isInteger(code) && code >= 100 && code < 1000
  if (isCode) http['response'] = { status_code: code }
  fields['http'] = http
  fields['url'] = urlOf(uri)
  const denied = code === 401 || code === 403
  putAction(draft, 'http_request', ['api'], denied ? ['access', 'denied'] : ['access'])
  const event = child(fields, 'event')
  if (isCode) event['outcome'] = code >= 400 ? 'failure' : 'success'
  const duration = goDurationNs(text(pairs['latency']))
  if (duration !== undefined) event['duration'] = duration
  const auditId = text(pairs['audit-ID'])
  if (auditId !== '') event['id'] = auditId
  const agent = text(pairs['userAgent'] ?? pairs['UserAgent'])
  if (agent !== '') fields['user_agent'] = { original: agent }
  putSource(draft, text(pairs['srcIP']))
}

/** Verbs of the API that are no methods. What CONNECT came by is not said. */
const METHODS: Readonly<Record<string, string>> = Object.assign(
  Object.create(null) as Record<string, string>,
  {
    LIST: 'GET',
    WATCH: 'GET',
    WATCHLIST: 'GET',
    APPLY: 'PATCH',
    DELETECOLLECTION: 'DELETE',
    CONNECT: '',
  },
)

export function urlOf(uri: string): JsonObject {
  const query = uri.indexOf('?')
  return query < 0
    ? { original: uri, path: uri }
    : { original: uri, path: uri.slice(0, query), query: uri.slice(query + 1) }
}

/** `10.0.0.1:4711`, `[2001:db8::1]:4711`, or an address alone. */
export function putSource(draft: Draft, address: string): void {
  if (address === '') return
  const colon = address.lastIndexOf(':')
  const isBracket = address.startsWith('[')
  const isWhole = colon < 0 || (!isBracket && address.indexOf(':') !== colon)
  const port = isWhole ? -1 : portOf(address.slice(colon + 1))
  const host = isWhole ? address : address.slice(0, colon)
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
  const ip = ipOf(bare)
  if (ip === undefined) {
    putEndpoint(draft, 'source', { address: bare, port, start: 0, end: 0 })
    return
  }
  const source: JsonObject = { address: bare, ip }
  if (port >= 0) source['port'] = port
  draft.fields['source'] = source
  relate(draft, 'ip', ip)
}

function portOf(digits: string): number {
  const port = digits.length > 0 && digits.length < 6 ? Number(digits) : -1
  return Number.isInteger(port) && port <= 65_535 ? port : -1
}

/** controller-manager's and kubelet's recorder: `"Event occurred" object="ns/x" kind="Pod" type="Warning" reason="…" message="…"`. */
function putEvent(draft: Draft, pairs: JsonObject): void {
  const event = child(draft.fields, 'event')
  event['action'] = 'kubernetes_event'
  const reason = text(pairs['reason'])
  if (reason !== '') event['reason'] = reason
  const object = text(pairs['object'])
  const kind = text(pairs['kind'])
  const at = object.indexOf('/')
  const orchestrator: JsonObject = { resource: { name: object.slice(at + 1), type: kind.toLowerCase() } }
  if (at > 0) orchestrator['namespace'] = object.slice(0, at)
  draft.fields['orchestrator'] = orchestrator
  if (kind === 'Pod') putPod(draft, object, undefined)
}

const UNIT_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 6e10,
  h: 3.6e12,
}

/** A duration as Go prints it (`1m2.5s`, `1.234ms`, `0s`) in nanoseconds. */
export function goDurationNs(duration: string): number | undefined {
  if (duration.length > 32) return undefined
  let total = 0
  let at = 0
  while (at < duration.length) {
    let end = at
    while (isNumberPart(duration.charCodeAt(end))) end++
    let unitEnd = end
    while (unitEnd < duration.length && !isNumberPart(duration.charCodeAt(unitEnd))) unitEnd++
    const unit = UNIT_NS[duration.slice(end, unitEnd)]
    const value = Number(duration.slice(at, end))
    if (unit === undefined || end === at || Number.isNaN(value)) return undefined
    total += value * unit
    at = unitEnd
  }
  const rounded = Math.round(total)
  return duration === '' || !Number.isSafeInteger(rounded) ? undefined : rounded
}

function isNumberPart(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 46
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}
