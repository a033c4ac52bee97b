import type { Draft, JsonObject } from '../../core/document.ts'
import type { FormatContext } from '../../ports/format.ts'
import { putTaken, sortMembers } from './app-logger.ts'
import { child } from './document.ts'
import { keepText } from './json-record.ts'

/** What `json-app` makes of members, of pairs. Shared with `key-value`. */
export function putPairs(text: string, pairs: JsonObject, draft: Draft, context: FormatContext): void {
  keepText(text, draft)
  const rest = Object.create(null) as JsonObject
  const taken = sortMembers(withPlace(pairs), rest)
  if (taken.message !== undefined) draft.message = taken.message.value as string
  putTaken(taken, draft, context, rest)
  for (const _ in rest) {
    child(draft.fields, 'decklog')['payload'] = rest
    break
  }
}

/** slog's TextHandler writes `source=main.go:87`, where its JSON has an object. */
function withPlace(pairs: JsonObject): JsonObject {
  const source = pairs['source']
  if (typeof source !== 'string' || !/:\d{1,8}$/.test(source) || pairs['caller'] !== undefined) return pairs
  pairs['caller'] = source
  delete pairs['source']
  return pairs
}
