import type { FormatDefinition } from '../ports/format.ts'

/**
 * A payload format as the format of whole records: what is a message behind a header is here the line itself. A sender that ends
 * its lines as Windows does puts a CR there, which is no part of a message; the exact line is then in `event.original`.
 */
export function alone(format: FormatDefinition): FormatDefinition {
  return {
    ...format,
    kind: 'record',
    parse(text, draft, context, others) {
      if (!text.endsWith('\r')) return format.parse(text, draft, context, others)
      draft.message = text.slice(0, -1)
      if (format.parse(draft.message, draft, context, others)) {
        draft.original = text
        return true
      }
      draft.message = text
      return false
    },
  }
}
