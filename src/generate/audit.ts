import type { Moment } from './moment.ts'
import type { Random } from './random.ts'
import { USERS } from './styles/style.ts'

/**
 * Kubernetes audit events (audit.k8s.io/v1 Event), one JSON object a line, as kube-apiserver's log backend writes them.
 * https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
 */
export interface AuditEvent {
  readonly auditId: string
  readonly stage: 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete'
  readonly verb: string
  readonly uri: string
  readonly user: string
  readonly groups: readonly string[]
  readonly address: string
  readonly agent: string
  /** `resource`, `namespace`, `name`, `apiVersion`, `apiGroup`, `subresource`; undefined for a path such as /healthz. */
  readonly object?: Readonly<Record<string, string>>
  readonly code?: number
  /** Text of the API's answer where it is not a success. */
  readonly message?: string
  readonly requestObject?: object
}

const STAGE_LATENCY_US = { RequestReceived: 0, ResponseStarted: 2_140, ResponseComplete: 6_731 } as const

export function auditLine(moment: Moment, event: AuditEvent): string {
  const received = moment.rfc3339Micro()
  const at = new Date(moment.ms + Math.floor(STAGE_LATENCY_US[event.stage] / 1000)).toISOString()
  const stamp = event.stage === 'RequestReceived' ? received : `${at.slice(0, 23)}${received.slice(23)}`
  const object = event.object === undefined ? '' : `,"objectRef":${JSON.stringify(event.object)}`
  const request =
    event.requestObject === undefined ? '' : `,"requestObject":${JSON.stringify(event.requestObject)}`
  return (
    `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"${event.requestObject ? 'Request' : 'Metadata'}","auditID":"${event.auditId}","stage":"${event.stage}",` +
    `"requestURI":"${event.uri}","verb":"${event.verb}","user":{"username":"${event.user}","groups":${JSON.stringify(event.groups)}},"sourceIPs":["${event.address}"],` +
    `"userAgent":"${event.agent}"${object}${answerOf(event)}${request},"requestReceivedTimestamp":"${received}","stageTimestamp":"${stamp}"${decisionOf(event)}}`
  )
}

function answerOf({ stage, code, message }: AuditEvent): string {
  if (stage === 'RequestReceived' || code === undefined) return ''
  if (message === undefined) return `,"responseStatus":{"metadata":{},"code":${code}}`
  const reason = code === 403 ? 'Forbidden' : 'Unauthorized'
  return `,"responseStatus":{"metadata":{},"status":"Failure","message":${JSON.stringify(message)},"reason":"${reason}","code":${code}}`
}

function decisionOf({ stage, code }: AuditEvent): string {
  if (stage === 'RequestReceived') return ''
  if (code === 401 || code === 403)
    return ',"annotations":{"authorization.k8s.io/decision":"forbid","authorization.k8s.io/reason":""}'
  return ',"annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC: allowed"}'
}

const KUBELET = 'kubelet/v1.34.2 (linux/amd64) kubernetes/8cc511e'
const CONTROLLER =
  'kube-controller-manager/v1.34.2 (linux/amd64) kubernetes/8cc511e/system:serviceaccount:kube-system:endpointslice-controller'
const KUBECTL = 'kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9'
const NAMESPACES = ['payments', 'shop', 'data', 'ml', 'kube-system', 'observability'] as const
const RESOURCES = [
  'pods',
  'configmaps',
  'services',
  'events',
  'serviceaccounts',
  'persistentvolumeclaims',
] as const

type Request = Omit<AuditEvent, 'stage' | 'auditId'>

/** The API's everyday life: mostly kubelets and controllers. Returns the lines of one request, one or two. */
export function auditNoise(random: Random, moment: Moment): string[] {
  const request = pickRequest(random)
  const auditId = random.uuid()
  const complete = auditLine(moment, { ...request, auditId, stage: 'ResponseComplete' })
  if (!random.once(3)) return [complete]
  return [auditLine(moment, { ...request, auditId, stage: 'RequestReceived' }), complete]
}

function pickRequest(random: Random): Request {
  const dice = random.below(1000)
  if (dice < 420) return kubelet(random)
  if (dice < 700) return controller(random)
  if (dice < 960) return person(random)
  if (dice < 975) return execByPerson(random)
  return dice < 990 ? refused(random) : anonymous(random)
}

function kubelet(random: Random): Request {
  const node = `node-${random.between(1, 3)}`
  const base = {
    user: `system:node:${node}`,
    groups: ['system:nodes', 'system:authenticated'],
    address: `10.0.0.${random.between(11, 13)}`,
    agent: KUBELET,
    code: 200,
  }
  if (random.once(2)) {
    const object = {
      resource: 'leases',
      namespace: 'kube-node-lease',
      name: node,
      apiGroup: 'coordination.k8s.io',
      apiVersion: 'v1',
    }
    return {
      ...base,
      verb: 'update',
      uri: `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${node}?timeout=10s`,
      object,
    }
  }
  const object = { resource: 'nodes', name: node, apiVersion: 'v1', subresource: 'status' }
  return { ...base, verb: 'patch', uri: `/api/v1/nodes/${node}/status?timeout=10s`, object }
}

function controller(random: Random): Request {
  const namespace = random.pick(NAMESPACES)
  const name = `web-${random.hex(5)}`
  return {
    user: 'system:serviceaccount:kube-system:endpointslice-controller',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
    address: '10.0.0.11',
    agent: CONTROLLER,
    code: 200,
    verb: random.pick(['get', 'update', 'patch', 'watch']),
    uri: `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices/${name}`,
    object: { resource: 'endpointslices', namespace, name, apiGroup: 'discovery.k8s.io', apiVersion: 'v1' },
  }
}

function person(random: Random): Request {
  const namespace = random.pick(NAMESPACES)
  const resource = random.pick(RESOURCES)
  const verb = random.pick(['get', 'list', 'list', 'watch', 'create'])
  const name = verb === 'get' ? `${resource}-${random.hex(4)}` : ''
  const object = { resource, namespace, ...(name === '' ? {} : { name }), apiVersion: 'v1' }
  const query = verb === 'watch' ? '?watch=true' : verb === 'list' ? '?limit=500' : ''
  const uri = `/api/v1/namespaces/${namespace}/${resource}${name === '' ? query : `/${name}`}`
  return { ...who(random), verb, uri, object, code: verb === 'create' ? 201 : 200 }
}

function execByPerson(random: Random): Request {
  const name = `catalog-${random.hex(5)}`
  const uri = `/api/v1/namespaces/shop/pods/${name}/exec?command=ls&container=app&stdout=true`
  const object = { resource: 'pods', namespace: 'shop', name, apiVersion: 'v1', subresource: 'exec' }
  return { ...who(random), verb: random.pick(['create', 'get']), uri, object, code: 101 }
}

function refused(random: Random): Request {
  const { user, ...rest } = who(random)
  const message = `secrets is forbidden: User "${user}" cannot list resource "secrets" in API group "" in the namespace "payments"`
  const object = { resource: 'secrets', namespace: 'payments', apiVersion: 'v1' }
  return {
    user,
    ...rest,
    verb: 'list',
    uri: '/api/v1/namespaces/payments/secrets?limit=500',
    object,
    code: 403,
    message,
  }
}

function anonymous(random: Random): Request {
  const base = {
    user: 'system:anonymous',
    groups: ['system:unauthenticated'],
    address: `10.0.0.${random.between(11, 13)}`,
    agent: 'kube-probe/1.34',
  }
  if (!random.once(4))
    return { ...base, verb: 'get', uri: random.pick(['/livez', '/readyz', '/healthz']), code: 200 }
  return {
    ...base,
    agent: 'curl/8.9.1',
    verb: 'get',
    uri: '/api/v1/namespaces',
    code: 401,
    message: 'Unauthorized',
  }
}

function who(random: Random): { user: string; groups: string[]; address: string; agent: string } {
  return {
    user: `${random.pick(USERS)}@example.test`,
    groups: ['engineering', 'system:authenticated'],
    address: `10.20.0.${random.between(10, 40)}`,
    agent: KUBECTL,
  }
}
