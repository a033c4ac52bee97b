import type { Draft, Json, JsonObject } from '../../core/document.ts'
import { intOf, put, shortened } from './json-record.ts'

/** One thing that a scanner or a policy found, or checked and found good. */
export interface Finding {
  readonly action: string
  readonly category: string
  readonly message: string
  readonly outcome?: 'success' | 'failure' | 'unknown' | undefined
  /** As the scanner writes it: PASS, fail, warn, … */
  readonly status?: string | undefined
  readonly severity?: string | undefined
}

/** `event.*` of a finding; `decklog.finding.status`. */
export function putFinding(draft: Draft, finding: Finding): void {
  const { fields } = draft
  draft.message = finding.message
  put(fields, 'event.kind', 'state')
  put(fields, 'event.action', finding.action)
  put(fields, 'event.category', [finding.category])
  put(fields, 'event.type', ['info'])
  put(fields, 'event.outcome', finding.outcome)
  put(fields, 'event.severity', severityOf(finding.severity))
  put(fields, 'decklog.finding.status', finding.status)
  put(fields, 'decklog.finding.severity', finding.severity?.toUpperCase())
}

const SEVERITIES: Readonly<Record<string, number>> = {
  critical: 99,
  high: 73,
  medium: 47,
  low: 21,
  unknown: 0,
  info: 0,
}

/** On the scale of Elastic's detection rules. */
export function severityOf(name: string | undefined): number | undefined {
  const key = name?.toLowerCase() ?? ''
  return Object.hasOwn(SEVERITIES, key) ? SEVERITIES[key] : undefined
}

/** `decklog.scan.*`: how many of each. Names are the caller's own. */
export function putCounts(fields: JsonObject, counts: Readonly<Record<string, Json | undefined>>): void {
  for (const name of Object.keys(counts)) put(fields, `decklog.scan.${name}`, intOf(counts[name]))
}

const DETAIL_MAX = 4096

/** `decklog.finding.NAME`, a text that may be long. */
export function putDetail(fields: JsonObject, name: string, text: string | undefined): void {
  if (text !== undefined && text !== '')
    put(fields, `decklog.finding.${name}`, shortened(text.trim(), DETAIL_MAX))
}
