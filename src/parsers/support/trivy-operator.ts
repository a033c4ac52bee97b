import type { Draft, Json, JsonObject } from '../../core/document.ts'
import { relate } from './document.ts'
import { objectOf, objectsOf, put, str, stringsOf } from './json-record.ts'
import { putSubject } from './subject.ts'
import {
  countSeverities,
  putCheck,
  putScanner,
  putSecret,
  putVulnerability,
  type Scan,
} from './trivy-scan.ts'

const KINDS =
  /^(?:Cluster)?(?:VulnerabilityReport|ConfigAuditReport|ExposedSecretReport|RbacAssessmentReport|InfraAssessmentReport|ComplianceReport|SbomReport)$/

/** An object of aquasecurity.github.io/v1alpha1; undefined when it is none. */
export function operatorScan(object: JsonObject): Scan | undefined {
  const kind = str(object['kind'])
  if (!str(object['apiVersion']).startsWith('aquasecurity.github.io/') || !KINDS.test(kind)) return undefined
  const report = objectOf(object['report'])
  const vulnerabilities = objectsOf(report['vulnerabilities'])
  const checks = objectsOf(report['checks'])
  const failures = checks.filter((found) => found['success'] !== true)
  const secrets = objectsOf(report['secrets'])
  const subject = subjectOf(object)
  return {
    of: `${kind} of ${[subject.kind, subject.namespace, subject.name].filter((part) => part !== '').join('/')}`,
    times: [report['updateTimestamp'], objectOf(object['metadata'])['creationTimestamp']],
    version: str(objectOf(report['scanner'])['version']),
    hasSecrets: secrets.length > 0,
    counts: countsOf(object, [...vulnerabilities, ...failures, ...secrets], {
      vulnerabilities: vulnerabilities.length,
      failed: failures.length,
      passed: checks.length - failures.length,
      secrets: secrets.length,
    }),
    putSubject: (draft) => {
      putScanner(draft.fields)
      putSubject(draft, subject)
      put(draft.fields, 'decklog.finding.report', kind)
      putArtifact(draft, report)
    },
    findings: [
      ...vulnerabilities.map((found) => (draft: Draft) => vulnerability(draft, found)),
      ...checks.map((found) => (draft: Draft) => check(draft, found)),
      ...secrets.map((found) => (draft: Draft) => secret(draft, found)),
    ],
  }
}

/** The summary's own numbers where it has them (a report may be cut to its summary). */
function countsOf(
  object: JsonObject,
  found: readonly JsonObject[],
  kinds: Readonly<Record<string, number>>,
): Record<string, Json | undefined> {
  const summary = objectOf(objectOf(object['report'])['summary'])
  const counted = countSeverities(found, (one) => one['severity'])
  const status = objectOf(objectOf(object['status'])['summary'])
  return {
    critical: summary['criticalCount'] ?? counted['critical'],
    high: summary['highCount'] ?? counted['high'],
    medium: summary['mediumCount'] ?? counted['medium'],
    low: summary['lowCount'] ?? counted['low'],
    unknown: summary['unknownCount'] ?? counted['unknown'],
    ...kinds,
    ...(status['failCount'] === undefined
      ? {}
      : { failed: status['failCount'], passed: status['passCount'] }),
  }
}

/** What the labels say of the object that was scanned; the report's own owner where they do not. */
function subjectOf(object: JsonObject): {
  kind: string
  name: string
  namespace: string
  container: string
} {
  const metadata = objectOf(object['metadata'])
  const labels = objectOf(metadata['labels'])
  const owner = objectsOf(metadata['ownerReferences'])[0] ?? {}
  const label = (name: string): string => str(labels[`trivy-operator.${name}`] ?? labels[`starboard.${name}`])
  return {
    kind: label('resource.kind') || str(owner['kind']),
    name: label('resource.name') || str(owner['name']) || str(metadata['name']),
    namespace: label('resource.namespace') || str(metadata['namespace']),
    container: label('container.name'),
  }
}

function putArtifact(draft: Draft, report: JsonObject): void {
  const artifact = objectOf(report['artifact'])
  const repository = str(artifact['repository'])
  if (repository === '') return
  const { fields } = draft
  const server = str(objectOf(report['registry'])['server'])
  const tag = str(artifact['tag'])
  const digest = str(artifact['digest'])
  put(
    fields,
    'container.image.name',
    `${server === '' ? '' : `${server}/`}${repository}${tag === '' ? '' : `:${tag}`}`,
  )
  if (tag !== '') put(fields, 'container.image.tag', [tag])
  if (digest === '') return
  put(fields, 'container.image.hash.all', [digest])
  relate(draft, 'hash', digest)
}

function vulnerability(draft: Draft, found: JsonObject): void {
  const score = found['score']
  putVulnerability(draft, {
    id: str(found['vulnerabilityID']),
    package: str(found['resource']),
    installed: str(found['installedVersion']),
    fixed: str(found['fixedVersion']),
    severity: str(found['severity']),
    title: str(found['title']),
    description: str(found['description']),
    url: str(found['primaryLink']),
    references: found['links'],
    status: '',
    score: typeof score === 'number' ? score : undefined,
    scoreVersion: undefined,
    vector: undefined,
    weaknesses: undefined,
    target: str(found['target']),
    class: str(found['class']),
    type: str(found['packageType']),
    path: str(found['pkgPath']) || str(found['packagePath']),
    purl: str(found['packagePURL']),
  })
}

function check(draft: Draft, found: JsonObject): void {
  putCheck(draft, {
    id: str(found['checkID']),
    title: str(found['title']),
    description: str(found['description']),
    message: (stringsOf(found['messages'], 16) ?? []).join('; '),
    severity: str(found['severity']),
    category: str(found['category']),
    remediation: str(found['remediation']),
    url: '',
    passed: found['success'] === true,
    target: str(objectOf(found['scope'])['value']),
    cause: {},
  })
}

function secret(draft: Draft, found: JsonObject): void {
  putSecret(draft, {
    rule: str(found['ruleID']),
    category: str(found['category']),
    severity: str(found['severity']),
    title: str(found['title']),
    target: str(found['target']),
    line: undefined,
  })
}
