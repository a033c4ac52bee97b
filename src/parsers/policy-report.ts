import type { Draft, JsonObject } from '../core/document.ts'
import { type FormatContext, type FormatDefinition, OTHERS_MAX } from '../ports/format.ts'
import { isObject, note } from './support/document.ts'
import { putCounts, putDetail, putFinding } from './support/finding.ts'
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
  shortened,
  str,
  textOf,
} from './support/json-record.ts'
import { putSubject, type Subject } from './support/subject.ts'

/**
 * A PolicyReport or ClusterPolicyReport (wgpolicyk8s.io v1alpha1, v1alpha2, v1beta1), or a Report or ClusterReport of openreports.io, one a line,
 * alone or in a watch's envelope; also one result alone, as Policy Reporter's webhook sends it:
 *
 *     {"apiVersion":"wgpolicyk8s.io/v1alpha2","kind":"PolicyReport","metadata":{…},"scope":{…},"results":[{"policy","rule","result",…}],"summary":{"pass":1,…}}
 */
export const policyReport: FormatDefinition = {
  name: 'policy-report',
  version: 1,
  kind: 'payload',
  isDocument: true,
  title: 'Policy reports (Kyverno, Trivy, Falco and others)',
  definedBy:
    'kubernetes-sigs/wg-policy-prototypes: policy-report/pkg/api/wgpolicyk8s.io; openreports/reports-api; kyverno/policy-reporter: pkg/target/webhook',
  dataset: 'decklog.policy_report',
  example:
    '{"apiVersion":"wgpolicyk8s.io/v1alpha2","kind":"PolicyReport","metadata":{"name":"2e5d7b1c-5b6a-4e55-8f8e-7a1f0d4e9a11","namespace":"shop","uid":"9d0a"},"scope":{"apiVersion":"v1","kind":"Pod","name":"web-6f4b7","namespace":"shop","uid":"2e5d7b1c-5b6a-4e55-8f8e-7a1f0d4e9a11"},"results":[{"source":"kyverno","policy":"disallow-privileged-containers","rule":"privileged-containers","category":"Pod Security Standards (Baseline)","severity":"high","result":"fail","scored":true,"message":"validation error: Privileged mode is disallowed.","timestamp":{"seconds":1795507200,"nanos":0}}],"summary":{"pass":0,"fail":1,"warn":0,"error":0,"skip":0}}',
  remarks: [
    'The first event is the report with its summary (`decklog.scan.*`) and keeps it in `event.original`; then comes one a result. `rule.ruleset` is the policy, `rule.name` the rule, `observer.product` the engine that wrote the result.',
    '`event.outcome` is `success` for pass, `failure` for fail and error, `unknown` for warn and skip. `properties` of a result are free-form and stay in `event.original`.',
    '`@timestamp` of a result is its own where it has one; of the report the newest of its results’, else its creation.',
  ],
  actions: {
    'policy-report': 'A whole report',
    'policy-result': 'One rule on one resource',
  },
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext, others?: Draft[]): boolean {
  const record = readObject(text)
  if (record === undefined) return false
  const object = isObject(record['object']) ? record['object'] : record
  if (isSingle(record)) {
    keepJson(text, draft)
    putResult(draft, record, objectOf(record['resource']), context)
    return true
  }
  if (!isReport(object)) return false
  const base = copyOf(draft.fields)
  keepJson(text, draft)
  const results = objectsOf(object['results'])
  putReport(draft, object, results, context)
  if (others === undefined) return true
  const metadata = objectOf(object['metadata'])
  for (const result of results) {
    for (const subject of subjectsOf(object, result)) {
      if (others.length === OTHERS_MAX) {
        note(draft, 'too-many-events')
        return true
      }
      const other = another(draft, base)
      put(other.fields, 'decklog.finding.report', str(metadata['name']))
      putResult(other, result, subject, context)
      others.push(other)
    }
  }
  return true
}

const KINDS = new Set(['PolicyReport', 'ClusterPolicyReport', 'Report', 'ClusterReport'])

function isReport(object: JsonObject): boolean {
  const version = str(object['apiVersion'])
  const isKnown = version.startsWith('wgpolicyk8s.io/') || version.startsWith('openreports.io/')
  return isKnown && KINDS.has(str(object['kind']))
}

/** Policy Reporter sends results one by one. */
function isSingle(record: JsonObject): boolean {
  return (
    typeof record['policy'] === 'string' &&
    typeof (record['status'] ?? record['result']) === 'string' &&
    isObject(record['resource'])
  )
}

function putReport(
  draft: Draft,
  report: JsonObject,
  results: readonly JsonObject[],
  context: FormatContext,
): void {
  const { fields } = draft
  const metadata = objectOf(report['metadata'])
  const summary = objectOf(report['summary'])
  const count = (name: string): number =>
    intOf(summary[name]) ?? results.filter((result) => outcomeText(result) === name).length
  const counts = {
    passed: count('pass'),
    failed: count('fail'),
    warned: count('warn'),
    errors: count('error'),
    skipped: count('skip'),
  }
  const scope = objectOf(report['scope'])
  putSubject(draft, subjectOf(scope, str(metadata['namespace'])))
  const of = str(scope['name']) === '' ? str(metadata['name']) : `${str(scope['kind'])} ${str(scope['name'])}`
  putFinding(draft, {
    action: 'policy-report',
    category: 'configuration',
    message: `${str(report['kind'])} of ${of}: ${counts.passed} pass, ${counts.failed} fail, ${counts.warned} warn, ${counts.errors} error, ${counts.skipped} skip`,
    outcome: counts.failed + counts.errors === 0 ? 'success' : 'failure',
  })
  putCounts(fields, counts)
  put(fields, 'event.id', str(metadata['uid']))
  put(fields, 'decklog.finding.report', str(metadata['name']))
  put(fields, 'observer.product', str(report['source']))
  const newest = results.reduce<bigint | undefined>((time, result) => later(time, timeOf(result)), undefined)
  if (newest === undefined) putTime(draft, context, metadata['creationTimestamp'])
  else draft.timeNs = newest
}

function later(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  return a === undefined || (b !== undefined && b > a) ? b : a
}

/** `{"seconds":…,"nanos":…}` of v1alpha2. */
function timeOf(result: JsonObject): bigint | undefined {
  const stamp = objectOf(result['timestamp'])
  const seconds = intOf(stamp['seconds'])
  if (seconds === undefined || seconds <= 0 || seconds > 9e9) return undefined
  return (
    BigInt(seconds) * 1_000_000_000n + BigInt(Math.max(0, Math.min(intOf(stamp['nanos']) ?? 0, 999_999_999)))
  )
}

/** What a result is about: its own resources, else the report's scope. */
function subjectsOf(report: JsonObject, result: JsonObject): readonly JsonObject[] {
  const own = objectsOf(result['resources'] ?? result['subjects'])
  if (own.length > 0) return own
  const scope = objectOf(report['scope'])
  if (Object.keys(scope).length > 0) return [scope]
  return [{ namespace: objectOf(report['metadata'])['namespace'] ?? '' }]
}

function subjectOf(object: JsonObject, namespace: string): Subject {
  return {
    kind: str(object['kind']),
    name: str(object['name']),
    namespace: str(object['namespace']) || namespace,
    uid: str(object['uid']),
  }
}

const OUTCOMES: Readonly<Record<string, 'success' | 'failure'>> = {
  pass: 'success',
  fail: 'failure',
  error: 'failure',
}

/** `status` in v1alpha1. */
function outcomeText(result: JsonObject): string {
  return str(result['result'] ?? result['status']).toLowerCase()
}

function putResult(draft: Draft, result: JsonObject, subject: JsonObject, context: FormatContext): void {
  const { fields } = draft
  const status = outcomeText(result)
  const policy = str(result['policy'])
  const rule = str(result['rule'])
  const text = str(result['message'] ?? result['description'])
  draft.timeNs = timeOf(result) ?? draft.timeNs
  putTime(
    draft,
    context,
    result['creationTimestamp'],
    typeof result['timestamp'] === 'string' ? result['timestamp'] : undefined,
  )
  putSubject(draft, subjectOf(subject, ''))
  const of = str(subject['name']) === '' ? '' : ` of ${str(subject['kind'])} ${str(subject['name'])}`
  putFinding(draft, {
    action: 'policy-result',
    category: 'configuration',
    message: `${status} ${policy}${rule === '' ? '' : `/${rule}`}${of}${text === '' ? '' : `: ${shortened(text, 1024)}`}`,
    outcome: Object.hasOwn(OUTCOMES, status) ? OUTCOMES[status] : 'unknown',
    status,
    severity: str(result['severity'] ?? result['priority']) || undefined,
  })
  put(fields, 'rule.ruleset', policy)
  put(fields, 'rule.name', rule === '' ? policy : rule)
  put(fields, 'rule.category', str(result['category']))
  put(fields, 'event.reason', shortened(text, 4096))
  put(fields, 'observer.product', str(result['source']))
  put(fields, 'observer.type', 'policy')
  putDetail(fields, 'resource', textOf(subject['apiVersion']))
}
