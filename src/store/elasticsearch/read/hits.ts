import { DecklogError } from '../../../core/errors.ts'
import { parseIsoNs } from '../../../core/instant.ts'
import type { Hit } from '../../../ports/store.ts'
import { withoutOwnMembers } from '../own-members.ts'
import type { RawAnswer } from './ask.ts'
import { membersOf, type Span } from './json-spans.ts'

/** How times are asked for: all nine digits. */
export const TIME_FORMAT = 'strict_date_optional_time_nanos'

export interface FoundHit {
  readonly hit: Hit
  readonly index: string
  readonly sort: readonly unknown[]
}

/** Hits of an answer. `timeAt`: which of their sort values is the time. */
export function hitsOf(answer: RawAnswer, timeAt: number): FoundHit[] {
  return answer.hits.map((span) => hitAt(answer.text, span, timeAt))
}

function hitAt(text: string, span: Span, timeAt: number): FoundHit {
  let index = ''
  let id = ''
  let json = ''
  let sort: readonly unknown[] = []
  for (const { name, value } of membersOf(text, span.from)) {
    const own = text.slice(value.from, value.to)
    if (name === '_index') index = JSON.parse(own) as string
    else if (name === '_id') id = JSON.parse(own) as string
    else if (name === '_source') json = withoutOwnMembers(own)
    else if (name === 'sort') sort = JSON.parse(own) as unknown[]
  }
  const time = sort[timeAt]
  const timeNs = typeof time === 'string' ? parseIsoNs(time) : undefined
  if (json === '' || timeNs === undefined) {
    throw new DecklogError('internal', `the event ${id} was stored without its document or its time`)
  }
  return { hit: { id, dataStream: dataStreamOf(index), timeNs, json }, index, sort }
}

/** `.ds-<data stream>-<date>-<generation>`; what mounts or shrinks an index puts a word before it. */
export function dataStreamOf(index: string): string {
  return /(?:^|-)\.ds-(.+)-\d{4}\.\d{2}\.\d{2}-\d{6,}$/.exec(index)?.[1] ?? index
}
