import { elementsOf, membersOf, type Span, wholeValue } from '../http/json-cut.ts'

const KINDS: Readonly<Record<string, 'list' | 'event'>> = { EventList: 'list', Event: 'event' }

/**
 * The events of a body, each as exactly its bytes: of an `EventList` its items, of an `Event` itself. A sentence when it is neither.
 * Items have no `kind` of their own, as the API server writes them.
 */
export function cutEvents(body: Buffer): Buffer[] | string {
  const value = wholeValue(body)
  const members = value === undefined ? undefined : membersOf(body, value)
  if (value === undefined || members === undefined) return 'the body is no JSON object, or is torn'
  const kind = KINDS[textOf(body, members.get('kind'))]
  if (kind === undefined) return 'kind must be EventList'
  const version = textOf(body, members.get('apiVersion'))
  if (version !== 'audit.k8s.io/v1') {
    return 'apiVersion must be audit.k8s.io/v1; set --audit-webhook-version to it'
  }
  if (kind === 'event') return [body.subarray(value.start, value.end)]
  return cutItems(body, members.get('items'))
}

function cutItems(body: Buffer, items: Span | undefined): Buffer[] | string {
  if (items === undefined || body.toString('latin1', items.start, items.end) === 'null') return []
  const spans = elementsOf(body, items)
  if (spans === undefined) return 'items is no array'
  if (spans.some(({ start }) => body[start] !== 0x7b)) return 'an item is no object'
  return spans.map(({ start, end }) => body.subarray(start, end))
}

/** Of a string without escapes, as the API server writes these. */
function textOf(body: Buffer, span: Span | undefined): string {
  return span === undefined ? '' : body.toString('latin1', span.start + 1, span.end - 1)
}
