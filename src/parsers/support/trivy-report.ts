import type { Draft, Json, JsonObject } from '../../core/document.ts'
import { putDetail, putFinding } from './finding.ts'
import { imageParts, putImage } from './image.ts'
import { intOf, listOf, objectOf, objectsOf, put, str, stringsOf } from './json-record.ts'
import { putSubject, type Subject } from './subject.ts'
import {
  countSeverities,
  putCheck,
  putScanner,
  putSecret,
  putVulnerability,
  type Scan,
  scoreOf,
} from './trivy-scan.ts'

interface Result {
  readonly result: JsonObject
  /** Of `trivy k8s`. */
  readonly resource: JsonObject | undefined
}

/** Trivy's own report; undefined when it is none. */
export function reportScan(report: JsonObject, form: 'list' | 'object'): Scan | undefined {
  const results = resultsOf(report)
  if (!isReport(report, results, form)) return undefined
  const vulnerabilities = flat(results, 'Vulnerabilities')
  const checks = [...flat(results, 'Misconfigurations'), ...flat(results, 'MisconfSummary')].filter(
    ({ found }) => found['ID'] !== undefined,
  )
  const failures = checks.filter(({ found }) => found['Status'] === undefined || found['Status'] === 'FAIL')
  const secrets = flat(results, 'Secrets')
  const licenses = flat(results, 'Licenses')
  const all = [...vulnerabilities, ...failures, ...secrets].map(({ found }) => found)
  const name = str(report['ArtifactName'] ?? report['ClusterName']) || str(results[0]?.result['Target'])
  return {
    of: name,
    times: [report['CreatedAt']],
    version: str(objectOf(report['Trivy'])['Version']),
    hasSecrets: secrets.length > 0,
    counts: {
      ...countSeverities(all, (found) => found['Severity']),
      vulnerabilities: vulnerabilities.length,
      failed: failures.length,
      passed: checks.length - failures.length,
      secrets: secrets.length,
    },
    putSubject: (draft) => putArtifact(draft, report, name),
    findings: [
      ...vulnerabilities.map((one) => (draft: Draft) => vulnerability(draft, one)),
      ...checks.map((one) => (draft: Draft) => check(draft, one)),
      ...secrets.map((one) => (draft: Draft) => secret(draft, one)),
      ...licenses.map((one) => (draft: Draft) => license(draft, one)),
    ],
  }
}

function isReport(report: JsonObject, results: readonly Result[], form: 'list' | 'object'): boolean {
  if (form === 'list')
    return results.length > 0 && results.every(({ result }) => typeof result['Target'] === 'string')
  if (report['SchemaVersion'] !== undefined) return report['ArtifactName'] !== undefined || results.length > 0
  return (
    report['ClusterName'] !== undefined &&
    (report['Resources'] !== undefined || report['Findings'] !== undefined)
  )
}

function resultsOf(report: JsonObject): readonly Result[] {
  const own = objectsOf(report['Results']).map((result) => ({ result, resource: undefined }))
  // `trivy k8s`: Resources with all, Findings and Vulnerabilities in versions before 0.40.
  const resources = ['Resources', 'Findings', 'Vulnerabilities', 'Misconfigurations'].flatMap((name) =>
    objectsOf(report[name]),
  )
  return [
    ...own,
    ...resources.flatMap((resource) =>
      objectsOf(resource['Results']).map((result) => ({ result, resource })),
    ),
  ]
}

interface Found extends Result {
  readonly found: JsonObject
}

function flat(results: readonly Result[], name: string): readonly Found[] {
  return results.flatMap(({ result, resource }) =>
    objectsOf(result[name]).map((found) => ({ result, resource, found })),
  )
}

function putArtifact(draft: Draft, report: JsonObject, name: string): void {
  const { fields } = draft
  const metadata = objectOf(report['Metadata'])
  putScanner(fields)
  if (report['ArtifactType'] === 'container_image' || metadata['ImageID'] !== undefined) putImage(draft, name)
  const digests = (stringsOf(metadata['RepoDigests'], 16) ?? []).map(
    (reference) => imageParts(reference).digest ?? '',
  )
  put(fields, 'container.image.hash.all', [...new Set(digests.filter((digest) => digest !== ''))])
  const tags = (stringsOf(metadata['RepoTags'], 16) ?? []).map((reference) => imageParts(reference).tag ?? '')
  put(fields, 'container.image.tag', [...new Set(tags.filter((tag) => tag !== ''))])
  put(fields, 'decklog.finding.artifact', name)
}

function vulnerability(draft: Draft, { found, result, resource }: Found): void {
  putResource(draft, resource)
  const { score, version, vector } = scoreOf(objectOf(found['CVSS']))
  putVulnerability(draft, {
    id: str(found['VulnerabilityID']),
    package: str(found['PkgName']),
    installed: str(found['InstalledVersion']),
    fixed: str(found['FixedVersion']),
    severity: str(found['Severity']),
    title: str(found['Title']),
    description: str(found['Description']),
    url: str(found['PrimaryURL']),
    references: found['References'],
    status: str(found['Status']),
    score,
    scoreVersion: version,
    vector,
    weaknesses: found['CweIDs'],
    target: str(result['Target']),
    class: str(result['Class']),
    type: str(result['Type']),
    path: str(found['PkgPath']),
    purl: str(objectOf(found['PkgIdentifier'])['PURL']),
  })
}

function check(draft: Draft, { found, result, resource }: Found): void {
  putResource(draft, resource)
  putCheck(draft, {
    id: str(found['AVDID']) || str(found['ID']),
    title: str(found['Title']),
    description: str(found['Description']),
    message: str(found['Message']),
    severity: str(found['Severity']),
    category: str(found['Type']),
    remediation: str(found['Resolution']),
    url: str(found['PrimaryURL']),
    passed: found['Status'] !== undefined && found['Status'] !== 'FAIL',
    target: str(result['Target']),
    cause: objectOf(found['CauseMetadata']),
  })
}

function secret(draft: Draft, { found, result, resource }: Found): void {
  putResource(draft, resource)
  putSecret(draft, {
    rule: str(found['RuleID']),
    category: str(found['Category']),
    severity: str(found['Severity']),
    title: str(found['Title']),
    target: str(result['Target']),
    line: intOf(found['StartLine']),
  })
}

function license(draft: Draft, { found, resource }: Found): void {
  putResource(draft, resource)
  const name = str(found['Name'])
  putFinding(draft, {
    action: 'license-found',
    category: 'package',
    message: `${str(found['Severity'])} license ${name} of ${str(found['PkgName']) || str(found['FilePath'])}`,
    severity: str(found['Severity']),
  })
  put(draft.fields, 'package.name', str(found['PkgName']))
  put(draft.fields, 'package.license', name)
  putDetail(draft.fields, 'class', str(found['Category']))
}

/** Of `trivy k8s`: the object that was scanned, and its images. */
function putResource(draft: Draft, resource: JsonObject | undefined): void {
  if (resource === undefined) return
  const subject: Subject = {
    kind: str(resource['Kind']),
    name: str(resource['Name']),
    namespace: str(resource['Namespace']),
  }
  putSubject(draft, subject)
  const first: Json | undefined = listOf(resource['Metadata'])[0] ?? resource['Metadata']
  const image = stringsOf(objectOf(first)['RepoTags'], 1)?.[0]
  if (image !== undefined) putImage(draft, image)
}
