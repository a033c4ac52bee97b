import type { Draft, Json, JsonObject } from '../core/document.ts'
import { type FormatContext, type FormatDefinition, OTHERS_MAX } from '../ports/format.ts'
import { isObject, note } from './support/document.ts'
import { putCounts, putDetail, putFinding } from './support/finding.ts'
import {
  another,
  copyOf,
  intOf,
  isShallow,
  keepJson,
  objectOf,
  objectsOf,
  parseJson,
  put,
  putTime,
  str,
  textOf,
} from './support/json-record.ts'
import { putSubject } from './support/subject.ts'

/**
 * One report of kube-bench (`--json`) a line. What versions and options write:
 *
 *     {"Controls":[CONTROL,…],"Totals":{"total_pass":…}}     since 0.4
 *     [CONTROL,…]                                            0.3, and --nototals
 *     CONTROL                                                before, one object a node type
 *     {"Totals":…}                                           --noresults
 *     {"kind":"CISKubeBenchReport","report":{"sections":[CONTROL,…],"summary":…}}    Starboard, Trivy-operator
 *
 * CONTROL is {"id","version","detected_version","text","node_type","tests":[{"section","desc","results":[RESULT,…]}],"total_pass",…}
 */
export const kubeBench: FormatDefinition = {
  name: 'kube-bench',
  version: 1,
  kind: 'payload',
  isDocument: true,
  title: 'kube-bench (CIS Kubernetes Benchmark)',
  definedBy:
    'aquasecurity/kube-bench: check/controls.go, check/check.go, cmd/common.go; aquasecurity/starboard: CISKubeBenchReport',
  dataset: 'decklog.kube_bench',
  example:
    '{"Controls":[{"id":"4","version":"cis-1.9","detected_version":"1.34","text":"Worker Node Security Configuration","node_type":"node","tests":[{"section":"4.2","type":"","pass":1,"fail":1,"warn":0,"info":0,"desc":"Kubelet","results":[{"test_number":"4.2.1","test_desc":"Ensure that the --anonymous-auth argument is set to false (Automated)","audit":"/bin/ps -fC kubelet","AuditEnv":"","AuditConfig":"/bin/cat /var/lib/kubelet/config.yaml","type":"","remediation":"Set authentication: anonymous: enabled to false.","test_info":["Set authentication: anonymous: enabled to false."],"status":"PASS","actual_value":"{anonymous: {enabled: false}}","scored":true,"IsMultiple":false,"expected_result":"\'{.authentication.anonymous.enabled}\' is equal to \'false\'"},{"test_number":"4.2.6","test_desc":"Ensure that the --make-iptables-util-chains argument is set to true (Automated)","audit":"/bin/ps -fC kubelet","type":"","remediation":"Set makeIPTablesUtilChains: true.","test_info":["Set makeIPTablesUtilChains: true."],"status":"FAIL","actual_value":"","scored":true,"expected_result":"\'{.makeIPTablesUtilChains}\' is present"}]}],"total_pass":1,"total_fail":1,"total_warn":0,"total_info":0}],"Totals":{"total_pass":1,"total_fail":1,"total_warn":0,"total_info":0}}',
  remarks: [
    'The first event of a report is its total and keeps the report in `event.original`; then comes one event a result (`event.kind: state`), in the report’s order, with the same time. The report has no time of its own, so that is the batch’s (`time-missing`), but for a CISKubeBenchReport.',
    '`event.outcome` is `success` for PASS, `failure` for FAIL, and `unknown` for WARN (a person has to look) and INFO. `rule.id` is the number of the recommendation, `rule.name` its text, `rule.category` its section, `rule.ruleset` the control’s title, `rule.version` the benchmark.',
    'A report over many lines (`jq .`) is joined, up to 1 MiB; the source `kube-bench` puts what it runs or picks up on one.',
    '`decklog.kube_bench.moment` (`provisioning`, `scheduled`, `incident`) is there where the source `kube-bench` says it.',
    'What the audit command printed (`actual_value`) is cut at 4,096 characters.',
  ],
  actions: {
    'benchmark-total': 'A whole report: `decklog.scan.passed`, `.failed`, `.warned`, `.info`',
    'benchmark-check': 'One recommendation on one node',
  },
  parse,
}

interface Report {
  readonly controls: readonly JsonObject[]
  readonly totals: JsonObject | undefined
  readonly node: string | undefined
  readonly time: Json | undefined
}

function parse(text: string, draft: Draft, context: FormatContext, others?: Draft[]): boolean {
  const report = reportOf(text)
  if (report === undefined) return false
  const base = copyOf(draft.fields)
  keepJson(text, draft)
  putTime(draft, context, report.time)
  // The source's own word, so that provisioning and an incident can be compared.
  const { moment } = context.provenance.names
  for (const fields of [base, draft.fields]) put(fields, 'decklog.kube_bench.moment', moment)
  putTotal(draft, report)
  if (others === undefined) return true
  for (const control of report.controls) {
    for (const group of objectsOf(control['tests'])) {
      for (const result of objectsOf(group['results'])) {
        if (others.length === OTHERS_MAX) {
          note(draft, 'too-many-events')
          return true
        }
        others.push(resultOf(another(draft, base), { report, control, group, result }))
      }
    }
  }
  return true
}

function reportOf(text: string): Report | undefined {
  const start = text.trimStart().charCodeAt(0)
  if (start !== 123 && start !== 91) return undefined
  const value = parseJson(text)
  if (value === undefined || !isShallow(value)) return undefined
  if (Array.isArray(value)) return listReport(value)
  if (!isObject(value)) return undefined
  const inner = isObject(value['object']) ? value['object'] : value
  if (inner['kind'] === 'CISKubeBenchReport') return customReport(inner)
  if (Array.isArray(value['Controls'])) {
    const controls = objectsOf(value['Controls'])
    if (!controls.every(isControl)) return undefined
    return {
      controls,
      totals: isObject(value['Totals']) ? value['Totals'] : undefined,
      node: undefined,
      time: undefined,
    }
  }
  if (isControl(value)) return { controls: [value], totals: undefined, node: undefined, time: undefined }
  const totals = value['Totals']
  return isObject(totals) && totals['total_pass'] !== undefined
    ? { controls: [], totals, node: undefined, time: undefined }
    : undefined
}

function listReport(list: readonly Json[]): Report | undefined {
  const controls = objectsOf(list as Json[])
  if (controls.length === 0 || !controls.every(isControl)) return undefined
  return { controls, totals: undefined, node: undefined, time: undefined }
}

function customReport(object: JsonObject): Report | undefined {
  const report = objectOf(object['report'])
  const summary = objectOf(report['summary'])
  const totals = {
    total_pass: intOf(summary['passCount']) ?? 0,
    total_fail: intOf(summary['failCount']) ?? 0,
    total_warn: intOf(summary['warnCount']) ?? 0,
    total_info: intOf(summary['infoCount']) ?? 0,
  }
  return {
    controls: objectsOf(report['sections']),
    totals,
    node: str(objectOf(object['metadata'])['name']),
    time: report['updateTimestamp'],
  }
}

/** `--noremediations` and the like leave parts out, never these. */
function isControl(object: JsonObject): boolean {
  return (
    typeof object['node_type'] === 'string' &&
    (Array.isArray(object['tests']) || object['total_pass'] !== undefined)
  )
}

function putTotal(draft: Draft, { controls, totals, node }: Report): void {
  const { fields } = draft
  const sum = (name: string): number =>
    intOf(totals?.[name]) ?? controls.reduce((total, control) => total + (intOf(control[name]) ?? 0), 0)
  const counts = {
    passed: sum('total_pass'),
    failed: sum('total_fail'),
    warned: sum('total_warn'),
    info: sum('total_info'),
  }
  const types = [
    ...new Set(controls.map((control) => str(control['node_type'])).filter((type) => type !== '')),
  ]
  const versions = [
    ...new Set(controls.map((control) => textOf(control['version']) ?? '').filter((name) => name !== '')),
  ]
  const of = [...types, ...versions].join(', ')
  putFinding(draft, {
    action: 'benchmark-total',
    category: 'configuration',
    message: `kube-bench${of === '' ? '' : ` (${of})`}: ${counts.passed} passed, ${counts.failed} failed, ${counts.warned} warned, ${counts.info} info`,
    outcome: counts.failed === 0 ? 'success' : 'failure',
  })
  putCounts(fields, counts)
  put(fields, 'rule.version', versions.length === 1 ? versions[0] : versions)
  put(fields, 'decklog.kube_bench.node_type', types)
  put(fields, 'decklog.kube_bench.detected_version', textOf(controls[0]?.['detected_version']))
  putScanner(draft, node)
}

function putScanner(draft: Draft, node: string | undefined): void {
  put(draft.fields, 'observer.product', 'kube-bench')
  put(draft.fields, 'observer.vendor', 'Aqua Security')
  put(draft.fields, 'observer.type', 'scanner')
  if (node !== undefined && node !== '') putSubject(draft, { kind: 'Node', name: node, node })
}

const OUTCOMES: Readonly<Record<string, 'success' | 'failure'>> = { PASS: 'success', FAIL: 'failure' }

interface Part {
  readonly report: Report
  readonly control: JsonObject
  readonly group: JsonObject
  readonly result: JsonObject
}

function resultOf(draft: Draft, { report, control, group, result }: Part): Draft {
  const { fields } = draft
  // `state` in the first versions.
  const status = str(result['status'] ?? result['state']).toUpperCase()
  const number = textOf(result['test_number']) ?? ''
  const text = str(result['test_desc'])
  const type = str(control['node_type'])
  putFinding(draft, {
    action: 'benchmark-check',
    category: 'configuration',
    message: `${status} ${number} ${text}${type === '' ? '' : ` (${type})`}`,
    outcome: Object.hasOwn(OUTCOMES, status) ? OUTCOMES[status] : 'unknown',
    status,
  })
  put(fields, 'rule.id', number)
  put(fields, 'rule.name', text)
  put(fields, 'rule.category', str(group['desc']))
  put(fields, 'rule.ruleset', str(control['text']))
  put(fields, 'rule.version', textOf(control['version']))
  put(fields, 'event.reason', str(result['reason']))
  put(fields, 'decklog.kube_bench.node_type', type === '' ? [] : [type])
  put(fields, 'decklog.kube_bench.section', textOf(group['section']))
  put(fields, 'decklog.kube_bench.type', str(result['type']))
  put(fields, 'decklog.kube_bench.detected_version', textOf(control['detected_version']))
  if (typeof result['scored'] === 'boolean') put(fields, 'decklog.kube_bench.scored', result['scored'])
  putDetail(fields, 'expected', textOf(result['expected_result']))
  putDetail(fields, 'actual', textOf(result['actual_value']))
  putDetail(fields, 'remediation', textOf(result['remediation']))
  putDetail(fields, 'audit', textOf(result['audit'] ?? result['AuditConfig']))
  putScanner(draft, report.node)
  return draft
}
