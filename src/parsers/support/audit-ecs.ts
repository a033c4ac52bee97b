import type { Draft, Json, JsonObject } from '../../core/document.ts'
import { child, isObject, relate } from './document.ts'
import { ipOf } from './endpoint.ts'

/** The ECS fields that an audit event gives, and its one-line summary. `audit` is `kubernetes.audit` of the document. */
export function putAuditFields(draft: Draft, audit: JsonObject): void {
  const verb = text(audit['verb'])
  const status = isObject(audit['responseStatus']) ? audit['responseStatus'] : {}
  const annotations = isObject(audit['annotations']) ? audit['annotations'] : {}
  const code = typeof status['code'] === 'number' ? status['code'] : undefined
  const decision = text(annotations['authorization_k8s_io/decision'])
  const outcome = outcomeOf(code, decision)
  const event: JsonObject = child(draft.fields, 'event')
  if (verb !== '') event['action'] = verb
  event['category'] = ['api']
  event['type'] =
    decision === 'forbid' || code === 401 || code === 403 ? [typeOf(verb), 'denied'] : [typeOf(verb)]
  event['id'] = text(audit['auditID'])
  if (outcome !== undefined) event['outcome'] = outcome
  putUsers(draft, audit)
  putSource(draft, audit['sourceIPs'])
  const agent = text(audit['userAgent'])
  if (agent !== '') draft.fields['user_agent'] = { original: agent }
  putOrchestrator(draft, audit)
  const command = putCommand(draft, audit)
  draft.message = summaryOf(audit, code, command)
}

/** Elastic takes the decision alone. Here an answer of 400 and above is a failure too: what was allowed may still not be done. */
function outcomeOf(code: number | undefined, decision: string): 'success' | 'failure' | undefined {
  if (decision === 'forbid' || (code !== undefined && code >= 400)) return 'failure'
  return code !== undefined || decision === 'allow' ? 'success' : undefined
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
  draft.fields['source'] = ip === undefined ? { address: last } : { address: last, ip }
  for (const address of addresses) {
    const each = ipOf(text(address))
    if (each !== undefined) relate(draft, 'ip', each)
  }
}

function putOrchestrator(draft: Draft, audit: JsonObject): void {
  const ref = isObject(audit['objectRef']) ? audit['objectRef'] : undefined
  const fields: JsonObject = { type: 'kubernetes' }
  if (ref !== undefined) {
    const resource: JsonObject = {}
    if (ref['name'] !== undefined) resource['name'] = ref['name']
    if (ref['resource'] !== undefined) resource['type'] = ref['resource']
    fields['resource'] = resource
    if (ref['apiVersion'] !== undefined) fields['api_version'] = ref['apiVersion']
    if (ref['namespace'] !== undefined) fields['namespace'] = ref['namespace']
  }
  draft.fields['orchestrator'] = fields
}

const ARGS_MAX = 256

/** `…/pods/P/exec?command=ls&command=-l&container=c`: what was asked to run. What is typed into it is not in the audit log. */
function putCommand(draft: Draft, audit: JsonObject): string {
  const uri = text(audit['requestURI'])
  const query = uri.indexOf('?')
  if (query < 0 || !uri.includes('command=', query)) return ''
  const ref = isObject(audit['objectRef']) ? audit['objectRef'] : {}
  const subresource = ref['subresource']
  if (subresource !== 'exec' && subresource !== 'attach' && subresource !== 'proxy') return ''
  const args = new URLSearchParams(uri.slice(query + 1)).getAll('command').slice(0, ARGS_MAX)
  if (args.length === 0) return ''
  const line = args.join(' ')
  draft.fields['process'] = { args, command_line: line }
  return line
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
