import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { isObject, relate } from './support/document.ts'
import { objectOf, put, str, stringsOf } from './support/json-record.ts'
import { readKyvernoText } from './support/kyverno-text.ts'
import { putSubject } from './support/subject.ts'
import { putZap, readZap } from './support/zap-log.ts'

/**
 * A line of Kyverno's controllers, JSON (`--loggingFormat=json`), zap's console form, or klog's pairs of versions before 1.10:
 *
 *     {"level":"info","ts":"…","logger":"webhooks.resource.validate","msg":"validation failed","action":"Enforce","policy":…,"failed rules":[…],"kind":"Pod",…}
 *     2026-11-24T08:00:00Z	INFO	webhooks.resource.validate	validation/validation.go:105	validation failed	{"policy":…}
 *     I1124 08:00:00.123456       1 validation.go:105] WebhookServer/ValidateAction "msg"="validation failed" "policy"="p" "kind"="Pod"
 */
export const kyverno: FormatDefinition = {
  name: 'kyverno',
  version: 1,
  kind: 'payload',
  title: 'Kyverno',
  definedBy:
    'kyverno/kyverno: pkg/logging, pkg/webhooks/resource/validation, pkg/webhooks/utils, pkg/controllers',
  dataset: 'decklog.kyverno',
  example:
    '{"level":"info","ts":"2026-11-24T08:00:00Z","logger":"webhooks.resource.validate","caller":"validation/validation.go:105","msg":"validation failed","gvk":{"group":"","version":"v1","kind":"Pod"},"gvr":{"group":"","version":"v1","resource":"pods"},"namespace":"shop","name":"web-6f4b7","operation":"CREATE","uid":"2e5d7b1c","user":{"username":"alice@example.com","groups":["dev"]},"action":"Enforce","policy":"disallow-privileged-containers","failed rules":["privileged-containers"],"kind":"Pod"}',
  remarks: [
    '`rule.ruleset` is the policy, `rule.name` the rules that failed. `event.type: denied` where the policy enforces or the request is said to be blocked. In the JSON and console forms `message` is `msg` and `event.original` the record; in klog’s it stays as it is.',
  ],
  actions: {
    'validation-failed': 'A policy failed for a request',
    'request-blocked': 'A request was refused',
    'image-verification-failed': 'An image’s signature or attestation is missing or wrong',
    'kyverno-message': 'Any other line',
  },
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const json = readZap(text)
  const log = json ?? readKyvernoText(text, draft, context)
  if (log === undefined) return false
  if (json !== undefined) putZap(text, draft, json, context)
  const { fields } = draft
  const message = str(log['msg'])
  const failed = stringsOf(log['failed rules'] ?? log['failedRules'], 32) ?? []
  const action = actionOf(message, log, failed)
  const isDenied =
    action === 'request-blocked' ||
    (action !== 'kyverno-message' && str(log['action']).toLowerCase() === 'enforce')
  put(fields, 'observer.product', 'kyverno')
  put(fields, 'observer.type', 'policy')
  put(fields, 'event.action', action)
  put(fields, 'event.category', ['configuration'])
  put(fields, 'event.type', isDenied ? ['info', 'denied'] : ['info'])
  if (action !== 'kyverno-message') {
    put(fields, 'event.outcome', 'failure')
    put(fields, 'event.reason', str(log['error']) || message)
    put(fields, 'rule.category', 'admission')
  }
  put(fields, 'rule.ruleset', policyOf(log))
  put(fields, 'rule.name', failed.length === 1 ? failed[0] : failed.length === 0 ? str(log['rule']) : failed)
  put(fields, 'decklog.finding.status', str(log['action']))
  putRequest(draft, log)
  return true
}

function actionOf(
  message: string,
  log: JsonObject,
  failed: readonly string[],
): 'validation-failed' | 'request-blocked' | 'image-verification-failed' | 'kyverno-message' {
  const text = message.toLowerCase()
  if (text.includes('block') && text.includes('request')) return 'request-blocked'
  if (
    text.includes('image verification failed') ||
    text.includes('failed to verify image') ||
    text.includes('failed to verify signature')
  )
    return 'image-verification-failed'
  const isFailure =
    text.includes('validation failed') ||
    text.includes('validate action failed') ||
    text.includes('validation error')
  return isFailure || (failed.length > 0 && log['policy'] !== undefined)
    ? 'validation-failed'
    : 'kyverno-message'
}

/** A name, or `{"name":…}`. */
function policyOf(log: JsonObject): string {
  const policy = log['policy'] ?? log['policyName']
  return isObject(policy) ? str(policy['name']) : str(policy)
}

function putRequest(draft: Draft, log: JsonObject): void {
  const { fields } = draft
  const user = str(objectOf(log['user'])['username'])
  put(fields, 'user.name', user)
  relate(draft, 'user', user)
  const kind = str(log['kind']) || str(objectOf(log['gvk'])['kind'])
  const name = str(log['name'])
  if (kind === '' || name === '') return
  putSubject(draft, { kind, name, namespace: str(log['namespace']), uid: str(log['uid']) })
}
