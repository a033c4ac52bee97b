import type { Draft, Json, JsonObject } from '../../core/document.ts'
import { readDenial } from './admission-denial.ts'
import { child, isObject, relate } from './document.ts'
import { ipOf } from './endpoint.ts'

/** The ECS fields that an audit event gives, and its one-line summary. `audit` is `kubernetes.audit` of the document. */
export function putAuditFields(draft: Draft, audit: JsonObject): void {
  const verb = text(audit['verb'])
  const status = isObject(audit['responseStatus']) ? audit['responseStatus'] : {}
  const annotations = isObject(audit['annotations']) ? audit['annotations'] : {}
  const code = typeof status['code'] === 'number' ? status['code'] : undefined
  const decision = text(annotations['authorization_k8s_io/decision'])
  const isPanic = audit['stage'] === 'Panic'
  const outcome = isPanic ? 'failure' : outcomeOf(code, decision)
  const event: JsonObject = child(draft.fields, 'event')
  if (verb !== '') event['action'] = verb
  event['category'] = ['api']
  event['type'] =
    decision === 'forbid' || code === 401 || code === 403 ? [typeOf(verb), 'denied'] : [typeOf(verb)]
  event['id'] = text(audit['auditID'])
  if (outcome !== undefined) event['outcome'] = outcome
  const reason = reasonOf(status, annotations, outcome)
  if (reason !== '') event['reason'] = reason
  if (code !== undefined && code >= 400) putRefusal(draft.fields, text(status['message']))
  putUsers(draft, audit)
  putSource(draft, audit['sourceIPs'])
  const agent = text(audit['userAgent'])
  if (agent !== '') draft.fields['user_agent'] = { original: agent }
  putOrchestrator(draft, audit)
  putImages(draft, audit['requestObject'])
  const command = putTarget(draft, audit)
  draft.message = summaryOf(audit, code, command)
}

/** Elastic takes the decision alone. Here an answer of 400 and above is a failure too: what was allowed may still not be done. */
function outcomeOf(code: number | undefined, decision: string): 'success' | 'failure' | undefined {
  if (decision === 'forbid' || (code !== undefined && code >= 400)) return 'failure'
  return code !== undefined || decision === 'allow' ? 'success' : undefined
}

/** Why the API said no, or what policy would have. */
function reasonOf(status: JsonObject, annotations: JsonObject, outcome: string | undefined): string {
  if (outcome === 'failure') {
    return (
      text(status['message']) || text(annotations['authorization_k8s_io/reason']) || text(status['reason'])
    )
  }
  return (
    text(annotations['pod-security_kubernetes_io/audit-violations']) ||
    text(annotations['validation_policy_admission_k8s_io/validation_failure'])
  )
}

/** A webhook, a policy, PodSecurity or a quota said no: then the rule is theirs, whatever the code of the answer. */
function putRefusal(fields: JsonObject, message: string): void {
  const denial = message === '' ? undefined : readDenial(message)
  if (denial === undefined) return
  const rule: JsonObject = { ruleset: denial.by, category: 'admission' }
  if (denial.policies.length > 0)
    rule['name'] = denial.policies.length === 1 ? denial.policies[0]! : [...denial.policies]
  fields['rule'] = rule
  const types = (fields['event'] as JsonObject)['type']
  if (Array.isArray(types) && !types.includes('denied')) types.push('denied')
}

function typeOf(verb: string): string {
  if (verb === 'create' || verb === 'post') return 'creation'
  if (verb === 'update' || verb === 'patch' || verb === 'put') return 'change'
  return verb === 'delete' || verb === 'deletecollection' ? 'deletion' : 'access'
}

function putUsers(draft: Draft, audit: JsonObject): void {
  const user = isObject(audit['user']) ? audit['user'] : {}
  const impersonated = isObject(audit['impersonatedUser']) ? audit['impersonatedUser'] : {}
  const fields: JsonObject = {}
  const name = text(user['username'])
  const id = text(user['uid'])
  const effective = text(impersonated['username'])
  if (name !== '') fields['name'] = name
  if (id !== '') fields['id'] = id
  if (effective !== '') fields['effective'] = { name: effective }
  if (name !== '' || id !== '' || effective !== '') draft.fields['user'] = fields
  relate(draft, 'user', name)
  relate(draft, 'user', id)
  relate(draft, 'user', effective)
}

/**
 * The last address is the one that the API server saw; those before it are from `X-Forwarded-For`, which any client can write
 * (API reference, Event.sourceIPs). So the last is `source.ip`, and all can be found by `related.ip`.
 */
function putSource(draft: Draft, addresses: Json | undefined): void {
  if (!Array.isArray(addresses) || addresses.length === 0) return
  const last = text(addresses.at(-1))
  if (last === '') return
  const ip = ipOf(last)
  const source: JsonObject = ip === undefined ? { address: last } : { address: last, ip }
  draft.fields['source'] = source
  if (ip !== undefined) draft.fields['client'] = { ip }
  for (const address of addresses) {
    const each = ipOf(text(address))
    if (each !== undefined) relate(draft, 'ip', each)
  }
}

function putOrchestrator(draft: Draft, audit: JsonObject): void {
  const ref = isObject(audit['objectRef']) ? audit['objectRef'] : undefined
  const fields: JsonObject = { type: 'kubernetes', api_version: audit['apiVersion'] ?? '' }
  if (ref !== undefined) {
    const resource: JsonObject = {}
    if (ref['name'] !== undefined) resource['name'] = ref['name']
    if (ref['resource'] !== undefined) resource['type'] = ref['resource']
    fields['resource'] = resource
    if (ref['namespace'] !== undefined) fields['namespace'] = ref['namespace']
  }
  draft.fields['orchestrator'] = fields
}

const ARGS_MAX = 256

/**
 * `…/pods/P/exec?command=ls&command=-l&container=c&stdin=true&tty=true`: what was asked to run, or to attach to, and where. What
 * is typed into it is not in the audit log. `…/portforward?ports=8080`: only the WebSocket protocol names its ports.
 */
function putTarget(draft: Draft, audit: JsonObject): string {
  const ref = isObject(audit['objectRef']) ? audit['objectRef'] : {}
  const subresource = ref['subresource']
  if (
    subresource !== 'exec' &&
    subresource !== 'attach' &&
    subresource !== 'portforward' &&
    subresource !== 'proxy'
  )
    return ''
  putPod(draft, ref)
  const uri = text(audit['requestURI'])
  const query = uri.indexOf('?')
  if (query < 0) return ''
  const parameters = new URLSearchParams(uri.slice(query + 1))
  const container = parameters.get('container') ?? ''
  if (container !== '') draft.fields['container'] = { name: container }
  const port = Number(parameters.get('ports') ?? Number.NaN)
  if (Number.isInteger(port) && port > 0 && port < 65_536) draft.fields['destination'] = { port }
  const args = parameters.getAll('command').slice(0, ARGS_MAX)
  const isInteractive = parameters.get('tty') === 'true' && parameters.get('stdin') === 'true'
  const line = args.join(' ')
  if (args.length > 0 || isInteractive) {
    const process = child(draft.fields, 'process')
    if (args.length > 0) Object.assign(process, { args, command_line: line })
    if (isInteractive) process['interactive'] = true
  }
  return line
}

function putPod(draft: Draft, ref: JsonObject): void {
  const name = text(ref['name'])
  if (ref['resource'] !== 'pods' || name === '') return
  const kubernetes = child(draft.fields, 'kubernetes')
  const namespace = text(ref['namespace'])
  if (namespace !== '') kubernetes['namespace'] = namespace
  kubernetes['pod'] = { name }
}

const IMAGES_MAX = 64

/** Images that a pod, or a workload that makes pods, was asked to run. */
function putImages(draft: Draft, body: Json | undefined): void {
  const spec = isObject(body) && isObject(body['spec']) ? body['spec'] : undefined
  if (spec === undefined) return
  const template = isObject(spec['template']) ? spec['template'] : undefined
  const podSpec = template !== undefined && isObject(template['spec']) ? template['spec'] : spec
  const images: string[] = []
  for (const name of ['containers', 'initContainers', 'ephemeralContainers']) {
    const containers = podSpec[name]
    if (!Array.isArray(containers)) continue
    for (const container of containers) {
      const image = isObject(container) ? text(container['image']) : ''
      if (image !== '' && images.length < IMAGES_MAX && !images.includes(image)) images.push(image)
    }
  }
  if (images.length > 0)
    draft.fields['container'] = { image: { name: images.length === 1 ? images[0]! : images } }
}

/** `alice get pods/web-1/log in shop as bob: 200`, for lists and for search by words. */
function summaryOf(audit: JsonObject, code: number | undefined, command: string): string {
  const user = isObject(audit['user']) ? text(audit['user']['username']) : ''
  const impersonated = isObject(audit['impersonatedUser']) ? text(audit['impersonatedUser']['username']) : ''
  const stage = text(audit['stage'])
  const who = `${user === '' ? '-' : user}${impersonated === '' ? '' : ` as ${impersonated}`}`
  const answer = code === undefined ? '' : `: ${code}`
  const open = stage === 'ResponseComplete' ? '' : ` (${stage})`
  const run = command === '' ? '' : ` command: ${command}`
  return `${who} ${text(audit['verb'])} ${targetOf(audit)}${answer}${open}${run}`
}

function targetOf(audit: JsonObject): string {
  const ref = isObject(audit['objectRef']) ? audit['objectRef'] : undefined
  const resource = text(ref?.['resource'])
  if (ref === undefined || resource === '') return text(audit['requestURI'])
  const name = text(ref['name'])
  const subresource = text(ref['subresource'])
  const namespace = text(ref['namespace'])
  return `${resource}${name === '' ? '' : `/${name}`}${subresource === '' ? '' : `/${subresource}`}${namespace === '' ? '' : ` in ${namespace}`}`
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}
