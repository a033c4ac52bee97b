import type { Draft, Json, JsonObject } from '../core/document.ts'
import { type FormatContext, type FormatDefinition, OTHERS_MAX } from '../ports/format.ts'
import { isObject, note } from './support/document.ts'
import { another, copyOf, isShallow, keepJson, parseJson, putTime } from './support/json-record.ts'
import { operatorScan } from './support/trivy-operator.ts'
import { reportScan } from './support/trivy-report.ts'
import { putScan, type Scan } from './support/trivy-scan.ts'

/**
 * One report of Trivy a line (`--format json`, also `trivy k8s`), or one object of Trivy-operator, alone, in a watch's envelope or as the
 * operator's webhook sends it:
 *
 *     {"SchemaVersion":2,"ArtifactName":…,"Metadata":{…},"Results":[{"Target","Class","Type","Vulnerabilities":[…],"Misconfigurations":[…],"Secrets":[…]}]}
 *     [{"Target":…,"Vulnerabilities":[…]}]                                  before 0.20
 *     {"kind":"VulnerabilityReport","metadata":{…},"report":{"vulnerabilities":[…],"summary":{…}}}
 */
export const trivy: FormatDefinition = {
  name: 'trivy',
  version: 1,
  kind: 'payload',
  isDocument: true,
  title: 'Trivy and Trivy-operator reports',
  definedBy:
    'aquasecurity/trivy: pkg/types/report.go, pkg/k8s/report; aquasecurity/trivy-operator: pkg/apis/aquasecurity/v1alpha1',
  dataset: 'decklog.trivy',
  example:
    '{"SchemaVersion":2,"CreatedAt":"2026-11-24T08:00:00.123456789Z","ArtifactName":"registry.example.com/shop/web:1.4.2","ArtifactType":"container_image","Metadata":{"OS":{"Family":"debian","Name":"12.7"},"ImageID":"sha256:8c1e…","RepoTags":["registry.example.com/shop/web:1.4.2"],"RepoDigests":["registry.example.com/shop/web@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]},"Results":[{"Target":"registry.example.com/shop/web:1.4.2 (debian 12.7)","Class":"os-pkgs","Type":"debian","Vulnerabilities":[{"VulnerabilityID":"CVE-2024-5535","PkgID":"libssl3@3.0.11-1","PkgName":"libssl3","InstalledVersion":"3.0.11-1","FixedVersion":"3.0.15-1","Status":"fixed","Severity":"CRITICAL","PrimaryURL":"https://avd.aquasec.com/nvd/cve-2024-5535","Title":"openssl: SSL_select_next_proto buffer overread","CVSS":{"nvd":{"V3Vector":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:H","V3Score":9.1}}}]}]}',
  remarks: [
    'The first event of a report is its summary (`decklog.scan.*`) and keeps the report in `event.original`; then comes one event a vulnerability, check or secret, `event.kind: state`.',
    'Of a secret neither the match nor the lines around it are kept, nor is the report then: the event is tagged `secret-removed`; where it lies (`file.path`, `decklog.finding.line`) and which rule found it is kept.',
    '`vulnerability.*` is ECS; what it has no name for (`fixed_version`, `target`, `class`, `package type`) is below `decklog.finding`. The score is NVD’s, else the highest of the vendors’. Descriptions are cut at 4,096 characters.',
    'A report over many lines is joined, up to 1 MiB: its first event has all of its records.',
  ],
  actions: {
    'scan-completed': 'A whole report',
    'vulnerability-found': 'A package with a known vulnerability',
    'misconfiguration-found': 'A check that failed',
    'check-passed': 'A check that passed (`--include-non-failures`, and reports of the operator)',
    'secret-found': 'A secret in an image or a file',
    'license-found': 'A license that the policy does not allow',
  },
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext, others?: Draft[]): boolean {
  const scan = scanOf(text)
  if (scan === undefined) return false
  const base = copyOf(draft.fields)
  if (scan.hasSecrets) note(draft, 'secret-removed')
  else keepJson(text, draft)
  putTime(draft, context, ...scan.times)
  putScan(draft, scan)
  if (others === undefined) return true
  for (const make of scan.findings) {
    if (others.length === OTHERS_MAX) {
      note(draft, 'too-many-events')
      break
    }
    const other = another(draft, base)
    scan.putSubject(other)
    make(other)
    others.push(other)
  }
  return true
}

function scanOf(text: string): Scan | undefined {
  const start = text.trimStart().charCodeAt(0)
  if (start !== 123 && start !== 91) return undefined
  const value = parseJson(text)
  if (value === undefined || !isShallow(value)) return undefined
  if (Array.isArray(value)) return reportScan({ Results: value }, 'list')
  if (!isObject(value)) return undefined
  return operatorScan(inner(value)) ?? reportScan(value, 'object')
}

/** Of a watch's envelope, or of the operator's webhook. */
function inner(value: JsonObject): JsonObject {
  const object: Json | undefined = value['object'] ?? value['operatorObject']
  return isObject(object) ? object : value
}
