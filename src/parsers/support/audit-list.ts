import type { Draft, Json, JsonObject } from '../../core/document.ts'
import { OTHERS_MAX } from '../../ports/format.ts'
import { isObject, note } from './document.ts'
import { stringEnd } from './json-scan.ts'

interface AuditList {
  readonly text: string
  readonly list: JsonObject
  readonly draft: Draft
  readonly others: Draft[] | undefined
}

/** Fills a draft from one item; false, with the draft untouched, when it is no event. */
export type PutItem = (text: string, item: JsonObject, draft: Draft, apiVersion: string) => boolean

/** One draft an item: the first that is an event is `draft`, the rest `others`. False when there is no event at all. */
export function readAuditList({ text, list, draft, others }: AuditList, put: PutItem): boolean {
  const { items, apiVersion } = list
  if (!Array.isArray(items) || typeof apiVersion !== 'string') return false
  const texts = textsOf(text, items)
  const first = items.findIndex((item, at) => putOne(item, texts[at]!, draft, apiVersion, put))
  if (first < 0) return false
  if (others === undefined) return true
  for (const [at, item] of items.entries()) {
    if (at === first) continue
    if (others.length === OTHERS_MAX) {
      note(draft, 'truncated')
      break
    }
    const other = newDraft(texts[at]!)
    if (!putOne(item, texts[at]!, other, apiVersion, put)) note(other, 'parse-failed')
    others.push(other)
  }
  return true
}

function putOne(item: Json, text: string, draft: Draft, apiVersion: string, put: PutItem): boolean {
  return isObject(item) && put(text, item, draft, apiVersion)
}

function newDraft(message: string): Draft {
  return { fields: {}, message, timeNs: undefined, quality: [], original: undefined }
}

/** The exact text of each item. Where the list was written so oddly that they cannot be told, what it means. */
function textsOf(text: string, items: readonly Json[]): readonly string[] {
  const found = itemTexts(text)
  return found.length === items.length ? found : items.map((item) => JSON.stringify(item))
}

/** The elements of the last member `items` of the outermost object: of two with one name, JSON.parse takes the last. */
function itemTexts(text: string): string[] {
  let texts: string[] = []
  let depth = 0
  let start = -1
  let inItems = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 34) {
      const end = stringEnd(text, at + 1)
      if (depth === 1 && isItems(text, at, end)) {
        texts = []
        inItems = true
      } else if (depth === 1) inItems &&= text.charCodeAt(end + 1) !== 58
      at = end
    } else if (code === 123 || code === 91) {
      depth++
      if (depth === 3 && inItems) start = at
    } else if (code === 125 || code === 93) {
      if (depth === 3 && inItems && start >= 0) {
        texts.push(text.slice(start, at + 1))
        start = -1
      }
      depth--
    }
  }
  return texts
}

function isItems(text: string, open: number, close: number): boolean {
  return close - open === 6 && text.startsWith('items', open + 1)
}
