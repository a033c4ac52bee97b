import type { Draft } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { putPairs } from './support/pairs-document.ts'
import { readPairs } from './support/pairs.ts'

/** `level=info ts=2026-11-24T08:00:00Z caller=main.go:87 msg="request served" ms=12 cached`, as Go programs print it. */
export const logfmt: FormatDefinition = {
  name: 'logfmt',
  version: 1,
  kind: 'payload',
  title: 'logfmt',
  definedBy:
    'https://brandur.org/logfmt; github.com/go-logfmt/logfmt; logrus TextFormatter, slog TextHandler, go-kit log',
  dataset: 'decklog.logfmt',
  example:
    'time=2026-11-24T08:00:00.123Z level=warn source=web/handler.go:87 msg="slow request" path=/api/items ms=812 trace_id=4bf92f3577b34da6a3ce929d0e0e4736',
  remarks: [
    'The record is kept in `event.original`. What loggers agree on becomes fields of ECS as it does of `json-app`; everything else is below `decklog.payload`. All values are text.',
    'A key without `=` is `true`; a key that comes again has a list. A line that does not begin with a pair is not of this format.',
  ],
  parse,
}

const RULES = { separators: '', bare: 'key', singleQuotes: false } as const

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  if (!text.includes('=')) return false
  const { pairs, startsWithPair } = readPairs(text, RULES)
  if (!startsWithPair) return false
  putPairs(text, pairs, draft, context)
  return true
}
