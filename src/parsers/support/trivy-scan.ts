import type { Draft, Json, JsonObject } from '../../core/document.ts'
import { putCounts, putDetail, putFinding } from './finding.ts'
import { intOf, objectOf, put, shortened, str, stringsOf, textOf } from './json-record.ts'

/** A report, whoever wrote it. */
export interface Scan {
  /** What was scanned, in words. */
  readonly of: string
  readonly times: readonly (Json | undefined)[]
  readonly counts: Readonly<Record<string, Json | undefined>>
  readonly hasSecrets: boolean
  readonly version: string | undefined
  readonly putSubject: (draft: Draft) => void
  /** Each fills a draft. */
  readonly findings: readonly ((draft: Draft) => void)[]
}

const LEVELS = ['critical', 'high', 'medium', 'low', 'unknown'] as const

export function putScan(draft: Draft, scan: Scan): void {
  const failed = LEVELS.map((level) => [level, intOf(scan.counts[level]) ?? 0] as const).filter(
    ([, count]) => count > 0,
  )
  const words = failed.map(([level, count]) => `${count} ${level}`).join(', ')
  scan.putSubject(draft)
  putFinding(draft, {
    action: 'scan-completed',
    category: 'vulnerability',
    message: `trivy: ${scan.of}: ${words === '' ? 'nothing found' : words}`,
    outcome: 'success',
  })
  putCounts(draft.fields, scan.counts)
  put(draft.fields, 'observer.version', scan.version)
}

export function putScanner(fields: JsonObject): void {
  put(fields, 'observer.product', 'Trivy')
  put(fields, 'observer.vendor', 'Aqua Security')
  put(fields, 'observer.type', 'scanner')
}

/** How many findings have each severity. */
export function countSeverities(
  list: readonly JsonObject[],
  of: (finding: JsonObject) => Json | undefined,
): Record<string, number> {
  const counts: Record<string, number> = Object.fromEntries(LEVELS.map((level) => [level, 0]))
  for (const finding of list) {
    const level = str(of(finding)).toLowerCase()
    counts[Object.hasOwn(counts, level) ? level : 'unknown']!++
  }
  return counts
}

export interface Vulnerability {
  readonly id: string
  readonly package: string
  readonly installed: string
  readonly fixed: string
  readonly severity: string
  readonly title: string
  readonly description: string
  readonly url: string
  readonly references: Json | undefined
  readonly status: string
  readonly score: number | undefined
  readonly scoreVersion: string | undefined
  readonly vector: string | undefined
  readonly weaknesses: Json | undefined
  readonly target: string
  readonly class: string
  readonly type: string
  readonly path: string
  readonly purl: string
}

export function putVulnerability(draft: Draft, found: Vulnerability): void {
  const { fields } = draft
  const fix = found.fixed === '' ? 'no fix' : `fixed in ${found.fixed}`
  putFinding(draft, {
    action: 'vulnerability-found',
    category: 'vulnerability',
    message: `${found.severity} ${found.id} ${found.package} ${found.installed} (${fix})${found.title === '' ? '' : `: ${shortened(found.title, 512)}`}`,
    status: found.status,
    severity: found.severity,
  })
  put(fields, 'vulnerability.id', found.id)
  put(fields, 'vulnerability.enumeration', found.id.startsWith('CVE-') ? 'CVE' : undefined)
  put(fields, 'vulnerability.classification', found.score === undefined ? undefined : 'CVSS')
  put(fields, 'vulnerability.severity', capital(found.severity))
  put(fields, 'vulnerability.description', shortened(found.description, 4096))
  put(fields, 'vulnerability.reference', found.url)
  put(fields, 'vulnerability.scanner.vendor', 'Trivy')
  put(fields, 'vulnerability.score.base', found.score)
  put(fields, 'vulnerability.score.version', found.scoreVersion)
  put(fields, 'vulnerability.category', found.type === '' ? undefined : [found.type])
  put(fields, 'package.name', found.package)
  put(fields, 'package.version', found.installed)
  put(fields, 'package.type', found.type)
  put(fields, 'package.path', found.path)
  put(fields, 'package.reference', found.purl)
  put(fields, 'decklog.finding.fixed_version', found.fixed)
  put(fields, 'decklog.finding.title', shortened(found.title, 1024))
  put(fields, 'decklog.finding.vector', found.vector)
  put(fields, 'decklog.finding.weakness', stringsOf(found.weaknesses, 16))
  put(fields, 'decklog.finding.target', found.target)
  put(fields, 'decklog.finding.class', found.class)
  put(fields, 'event.reference', stringsOf(found.references, 1)?.[0])
}

export interface Check {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly message: string
  readonly severity: string
  readonly category: string
  readonly remediation: string
  readonly url: string
  readonly passed: boolean
  readonly target: string
  readonly cause: JsonObject
}

export function putCheck(draft: Draft, check: Check): void {
  const { fields } = draft
  putFinding(draft, {
    action: check.passed ? 'check-passed' : 'misconfiguration-found',
    category: 'configuration',
    message: `${check.passed ? 'PASS' : check.severity} ${check.id} ${check.title}${check.message === '' ? '' : `: ${shortened(check.message, 1024)}`}`,
    outcome: check.passed ? 'success' : 'failure',
    status: check.passed ? 'PASS' : 'FAIL',
    severity: check.severity,
  })
  put(fields, 'rule.id', check.id)
  put(fields, 'rule.name', check.title)
  put(fields, 'rule.category', check.category)
  put(fields, 'rule.description', shortened(check.description, 4096))
  put(fields, 'rule.reference', check.url)
  put(fields, 'event.reason', shortened(check.message, 4096))
  put(fields, 'decklog.finding.target', check.target)
  put(fields, 'decklog.finding.line', intOf(check.cause['StartLine']))
  putDetail(fields, 'resource', textOf(check.cause['Resource']))
  putDetail(fields, 'remediation', check.remediation)
}

export interface Secret {
  readonly rule: string
  readonly category: string
  readonly severity: string
  readonly title: string
  readonly target: string
  readonly line: number | undefined
}

export function putSecret(draft: Draft, secret: Secret): void {
  const { fields } = draft
  putFinding(draft, {
    action: 'secret-found',
    category: 'vulnerability',
    message: `${secret.severity} ${secret.rule} ${secret.title} in ${secret.target}`,
    severity: secret.severity,
  })
  put(fields, 'rule.id', secret.rule)
  put(fields, 'rule.name', secret.title)
  put(fields, 'rule.category', secret.category)
  put(fields, 'file.path', secret.target)
  put(fields, 'decklog.finding.target', secret.target)
  put(fields, 'decklog.finding.line', secret.line)
  draft.quality.push('secret-removed')
}

/** NVD's CVSS 3 first, then the highest of the others; CVSS 2 and 4 where there is no 3. */
export function scoreOf(cvss: JsonObject): {
  score: number | undefined
  version: string | undefined
  vector: string | undefined
} {
  const sources = ['nvd', ...Object.keys(cvss).filter((name) => name !== 'nvd')].map((name) =>
    objectOf(cvss[name]),
  )
  for (const [scoreName, vectorName] of [
    ['V3Score', 'V3Vector'],
    ['V40Score', 'V40Vector'],
    ['V2Score', 'V2Vector'],
  ] as const) {
    const found = sources.filter((source) => typeof source[scoreName] === 'number')
    if (found.length === 0) continue
    const best =
      sources[0]![scoreName] === undefined
        ? found.reduce((a, b) => (number(b[scoreName]) > number(a[scoreName]) ? b : a))
        : sources[0]!
    const vector = str(best[vectorName])
    const version =
      /^CVSS:(\d\.\d)/.exec(vector)?.[1] ??
      (scoreName === 'V2Score' ? '2.0' : scoreName === 'V3Score' ? '3.x' : '4.0')
    return { score: number(best[scoreName]), version, vector: vector === '' ? undefined : vector }
  }
  return { score: undefined, version: undefined, vector: undefined }
}

function number(value: Json | undefined): number {
  return typeof value === 'number' ? value : 0
}

/** ECS: Critical, High, … */
function capital(severity: string): string {
  return severity.charAt(0).toUpperCase() + severity.slice(1).toLowerCase()
}
