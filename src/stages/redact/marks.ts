import type { JsonObject } from '../../core/document.ts'
import { makeObject } from '../enrich/fields.ts'

const MARK = /\[redacted:([a-z0-9-]{1,40}):[0-9a-f]{12}\]/g

/** `decklog.redacted`: the rules whose marks are in the text of a record that lost something. */
export function noteRedacted(fields: JsonObject, text: string): void {
  const rules = new Set<string>()
  for (const [, rule] of text.matchAll(MARK)) rules.add(rule!)
  const ours = rules.size === 0 ? undefined : makeObject(fields, 'decklog')
  if (ours !== undefined) ours.redacted = [...rules]
}
