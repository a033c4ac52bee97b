import { JSON_DEPTH_MAX } from '../../core/limits.ts'
import type { Json, JsonObject } from '../../core/document.ts'
import { isObject } from './document.ts'
import { REMOVED, withoutSecret, withoutToken } from './audit-secrets.ts'

/**
 * `kubernetes.audit` of a document: the fields of the API's v1 Event and no other, each of the type that its definition
 * names, so that no input adds a field to the mapping or breaks one.
 */
export interface AuditDocument {
  readonly audit: JsonObject
  /** A Secret or token was taken out of a body. */
  readonly secretRemoved: boolean
  /** A body was left out, for it is nested too deep. */
  readonly bodyTooDeep: boolean
}

const STRINGS = [
  'kind',
  'apiVersion',
  'level',
  'auditID',
  'stage',
  'requestURI',
  'verb',
  'userAgent',
  'requestReceivedTimestamp',
  'stageTimestamp',
] as const
const OBJECT_REF = [
  'resource',
  'namespace',
  'name',
  'uid',
  'apiGroup',
  'apiVersion',
  'resourceVersion',
  'subresource',
] as const
const STATUS = ['status', 'message', 'reason'] as const

/** What the text of the event was found to hold. */
export interface BodyTraits {
  readonly depth: number
  /** Some name is `__proto__`: then bodies have no prototype, so that a copy of them is safe. It would add a quarter to what an event with a body costs (measured). */
  readonly protoKeys: boolean
}

export function auditDocument(event: JsonObject, { depth, protoKeys }: BodyTraits): AuditDocument {
  const audit: JsonObject = {}
  copyStrings(event, audit, STRINGS)
  if (isObject(event['user'])) audit['user'] = userOf(event['user'])
  if (isObject(event['impersonatedUser'])) audit['impersonatedUser'] = userOf(event['impersonatedUser'])
  const addresses = strings(event['sourceIPs'])
  if (addresses !== undefined) audit['sourceIPs'] = addresses
  if (isObject(event['objectRef'])) audit['objectRef'] = copyStrings(event['objectRef'], {}, OBJECT_REF)
  if (isObject(event['responseStatus'])) audit['responseStatus'] = statusOf(event['responseStatus'])
  if (isObject(event['authenticationMetadata']))
    audit['authenticationMetadata'] = copyStrings(event['authenticationMetadata'], {}, [
      'impersonationConstraint',
    ])
  const bodies = putBodies(event, audit, { depth, protoKeys })
  const annotations = isObject(event['annotations']) ? event['annotations'] : undefined
  if (annotations === undefined) return { audit, ...bodies }
  const isSecret = bodies.secretRemoved || secretKind(event, null) !== undefined
  const kept = annotationsOf(annotations, isSecret)
  audit['annotations'] = kept.annotations
  return { audit, secretRemoved: bodies.secretRemoved || kept.secretRemoved, bodyTooDeep: bodies.bodyTooDeep }
}

function userOf(user: JsonObject): JsonObject {
  const kept = copyStrings(user, {}, ['username', 'uid'])
  const groups = strings(user['groups'])
  if (groups !== undefined) kept['groups'] = groups
  if (isObject(user['extra'])) kept['extra'] = extraOf(user['extra'])
  return kept
}

function extraOf(extra: JsonObject): JsonObject {
  const kept: JsonObject = {}
  for (const name of Object.keys(extra)) {
    const values = strings(extra[name])
    if (values !== undefined && name !== PROTO) kept[name] = values
  }
  return kept
}

function statusOf(status: JsonObject): JsonObject {
  const kept = copyStrings(status, {}, STATUS)
  const code = status['code']
  if (typeof code === 'number' && Number.isInteger(code)) kept['code'] = code
  return kept
}

/**
 * Elastic writes dots of an annotation's name as `_`: `authorization_k8s_io/decision`, and leaves out those that are empty. What
 * a mutating webhook did to a Secret (`patch.webhook.admission.k8s.io/…`) holds values of it.
 */
function annotationsOf(
  annotations: JsonObject,
  isSecret: boolean,
): { readonly annotations: JsonObject; readonly secretRemoved: boolean } {
  const kept: JsonObject = {}
  let secretRemoved = false
  for (const name of Object.keys(annotations)) {
    const value = annotations[name]
    const written = COMMON_ANNOTATIONS.get(name) ?? name.replaceAll('.', '_')
    if (typeof value !== 'string' || value === '' || written === PROTO) continue
    const holdsSecret = isSecret && name.startsWith('patch.webhook.')
    secretRemoved ||= holdsSecret
    kept[written] = holdsSecret ? REMOVED : value
  }
  return { annotations: kept, secretRemoved }
}

/** Every event has these. */
const COMMON_ANNOTATIONS: ReadonlyMap<string, string> = new Map([
  ['authorization.k8s.io/decision', 'authorization_k8s_io/decision'],
  ['authorization.k8s.io/reason', 'authorization_k8s_io/reason'],
])

/** No name of Kubernetes; left out of objects that are made here, where it would be no member. `event.original` has it. */
const PROTO = '__proto__'

function putBodies(
  event: JsonObject,
  audit: JsonObject,
  { depth, protoKeys }: BodyTraits,
): { secretRemoved: boolean; bodyTooDeep: boolean } {
  let secretRemoved = false
  let bodyTooDeep = false
  for (const name of ['requestObject', 'responseObject'] as const) {
    const body = event[name]
    if (body === undefined || body === null) continue
    if (depth > JSON_DEPTH_MAX && isDeeper(body, JSON_DEPTH_MAX)) {
      bodyTooDeep = true
      // What was not looked at may hold a secret.
      secretRemoved ||= secretKind(event, body) !== undefined
      continue
    }
    const kind = secretKind(event, body)
    secretRemoved ||= kind !== undefined
    const kept = kind === 'secret' ? withoutSecret(body) : kind === 'token' ? withoutToken(body) : body
    audit[name] = protoKeys ? withoutPrototypes(kept) : kept
  }
  return { secretRemoved, bodyTooDeep }
}

function secretKind(event: JsonObject, body: Json): 'secret' | 'token' | undefined {
  const ref = isObject(event['objectRef']) ? event['objectRef'] : undefined
  const resource = ref?.['resource']
  const kind = isObject(body) ? body['kind'] : undefined
  // The API's answer to what it refused: it holds no object.
  if (kind === 'Status') return undefined
  if (resource === 'secrets' || kind === 'Secret' || kind === 'SecretList') return 'secret'
  if (kind === 'TokenRequest' || kind === 'TokenReview') return 'token'
  return resource === 'tokenreviews' || ref?.['subresource'] === 'token' ? 'token' : undefined
}

/** Walks no deeper than `levels`, so it is safe at any depth. */
function isDeeper(value: Json, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  const parts = Array.isArray(value) ? value : Object.values(value)
  return parts.some((part) => isDeeper(part, levels - 1))
}

/** `__proto__` and `constructor` are only names there. Called for bodies of a bounded depth. */
function withoutPrototypes(value: Json): Json {
  if (Array.isArray(value)) for (const part of value) withoutPrototypes(part)
  else if (isObject(value)) {
    Object.setPrototypeOf(value, null)
    for (const name in value) {
      const part = value[name]!
      if (typeof part === 'object') withoutPrototypes(part)
    }
  }
  return value
}

function copyStrings(from: JsonObject, to: JsonObject, names: readonly string[]): JsonObject {
  for (const name of names) {
    const value = from[name]
    if (typeof value === 'string' && value !== '') to[name] = value
  }
  return to
}

function strings(value: Json | undefined): string[] | undefined {
  return Array.isArray(value) ? value.filter((part) => typeof part === 'string') : undefined
}
