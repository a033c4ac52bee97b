import { TIME_FORMAT } from './hits.ts'

export type Direction = 'newest' | 'oldest'

/** Indices that were made before a field was mapped sort as if they had it. */
function by(field: string, direction: Direction, more: object): object {
  return { [field]: { order: direction === 'newest' ? 'desc' : 'asc', ...more } }
}

const time = (direction: Direction): object =>
  by('@timestamp', direction, {
    format: TIME_FORMAT,
    numeric_type: 'date_nanos',
    unmapped_type: 'date_nanos',
  })

export const TIME_SORT: Readonly<Record<Direction, object>> = {
  newest: time('newest'),
  oldest: time('oldest'),
}

/** Within a stream. A document without `n` is the first event of its record. */
function placeSort(direction: Direction): object[] {
  return [
    by('decklog.seq', direction, { unmapped_type: 'long' }),
    by('decklog.n', direction, { unmapped_type: 'long', missing: 0 }),
  ]
}

/** The order of results: `(timestamp, stream, seq, n)`. The time is the first sort value. */
export function resultOrder(direction: Direction): object[] {
  return [
    TIME_SORT[direction],
    by('decklog.stream', direction, { unmapped_type: 'keyword' }),
    ...placeSort(direction),
  ]
}

/** The order of a stream: `(seq, n)`, and the time as the third sort value, which decides nothing. */
export function streamOrder(direction: Direction): object[] {
  return [...placeSort(direction), TIME_SORT[direction]]
}
