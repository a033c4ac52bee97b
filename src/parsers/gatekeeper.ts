import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { isObject, relate } from './support/document.ts'
import { freeForm } from './support/free-form.ts'
import { intOf, put, str } from './support/json-record.ts'
import { putSubject } from './support/subject.ts'
import { putZap, readZap } from './support/zap-log.ts'

/**
 * A line of Gatekeeper's log: violations of its audit, denials of its webhook (`--log-denies`), and all others.
 *
 *     {"level":"info","ts":1795507200.1,"logger":"controller","msg":…,"process":"audit","event_type":"violation_audited","constraint_kind":…,"resource_kind":…,…}
 *     {"level":"info","ts":…,"logger":"webhook","msg":"denied admission: …","process":"admission","event_type":"violation","request_username":…,…}
 */
export const gatekeeper: FormatDefinition = {
  name: 'gatekeeper',
  version: 1,
  kind: 'payload',
  title: 'OPA Gatekeeper',
  definedBy:
    'open-policy-agent/gatekeeper: pkg/logging/logging.go, pkg/audit/manager.go, pkg/webhook/policy.go',
  dataset: 'decklog.gatekeeper',
  example:
    '{"level":"info","ts":1795507200.123456,"logger":"webhook","msg":"denied admission: [psp-privileged] Privileged container is not allowed: web","hookType":"validation","process":"admission","details":{},"event_type":"violation","constraint_name":"psp-privileged","constraint_group":"constraints.gatekeeper.sh","constraint_api_version":"v1beta1","constraint_kind":"K8sPSPPrivilegedContainer","constraint_action":"deny","resource_group":"","resource_api_version":"v1","resource_kind":"Pod","resource_namespace":"shop","resource_name":"web-6f4b7","request_username":"alice@example.com"}',
  remarks: [
    '`rule.name` is the constraint, `rule.ruleset` its kind (the template). `details` of a violation are free-form: `decklog.gatekeeper.details`, one flattened field. `message` is `msg`, `event.original` the record.',
  ],
  actions: {
    violation_audited: 'The audit found an object that violates a constraint',
    violation: 'The webhook refused, or warned of, a request',
    constraint_audited: 'How many violations a constraint has: `decklog.scan.failed`',
    audit_started: 'The audit began',
    audit_finished: 'The audit ended',
    'gatekeeper-message': 'Any other line',
  },
  parse,
}

const KNOWN = new Set([
  'violation_audited',
  'violation',
  'constraint_audited',
  'audit_started',
  'audit_finished',
])

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const log = readZap(text)
  if (log === undefined) return false
  const kind = str(log['event_type'])
  putZap(text, draft, log, context)
  const { fields } = draft
  put(fields, 'observer.product', 'gatekeeper')
  put(fields, 'observer.type', 'policy')
  put(fields, 'event.action', KNOWN.has(kind) ? kind : 'gatekeeper-message')
  put(fields, 'event.category', ['configuration'])
  put(fields, 'event.type', ['info'])
  put(fields, 'rule.name', str(log['constraint_name']))
  put(fields, 'rule.ruleset', str(log['constraint_kind']))
  if (kind === 'violation' || kind === 'violation_audited') putViolation(draft, log, kind)
  if (kind === 'constraint_audited') put(fields, 'decklog.scan.failed', intOf(log['constraint_violations']))
  return true
}

function putViolation(draft: Draft, log: JsonObject, kind: 'violation' | 'violation_audited'): void {
  const { fields } = draft
  const action = str(log['constraint_action'])
  const isDenied = kind === 'violation' && (action === 'deny' || action === '')
  put(fields, 'event.type', isDenied ? ['info', 'denied'] : ['info'])
  put(fields, 'event.kind', kind === 'violation' ? 'event' : 'state')
  put(fields, 'event.outcome', 'failure')
  put(fields, 'event.reason', str(log['constraint_validation_message']) || draft.message)
  put(fields, 'rule.category', 'admission')
  put(fields, 'decklog.finding.status', action)
  put(fields, 'decklog.gatekeeper.details', isObject(log['details']) ? freeForm(log['details']) : undefined)
  const user = str(log['request_username'])
  put(fields, 'user.name', user)
  relate(draft, 'user', user)
  putSubject(draft, {
    kind: str(log['resource_kind']),
    name: str(log['resource_name']),
    namespace: str(log['resource_namespace']),
  })
}
