import type { Draft } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { putPairs } from './support/pairs-document.ts'
import { readPairs } from './support/pairs.ts'

/** Text with pairs in it: `Session closed: user=alice, src='192.0.2.1'; bytes=12 | status=ok`. */
export const keyValue: FormatDefinition = {
  name: 'key-value',
  version: 1,
  kind: 'payload',
  title: 'Text with key=value pairs',
  definedBy:
    'no one: pairs of a word, `=` and a word or a quoted text, separated by spaces, tabs, commas, semicolons or bars',
  dataset: 'decklog.key_value',
  example:
    'date=2026-11-24 time=08:00:00 devname="fw-1" level="notice" action=deny, srcip=192.0.2.1; msg="policy 12"',
  remarks: [
    'The record is kept in `event.original`; `message` is the pair `msg` or `message`, else the whole text. Level, time, logger, error, trace and the like become fields of ECS as they do of `json-app`; every other pair is below `decklog.payload`, as text. No address or user is taken from pairs, for their names mean something else in every program.',
    '`date` and `time` beside each other are one moment. A line without any pair is not of this format.',
  ],
  parse,
}

const RULES = { separators: ',;|', bare: 'text', singleQuotes: true } as const

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  if (!text.includes('=')) return false
  const { pairs, count } = readPairs(text, RULES)
  if (count === 0) return false
  const { date, time } = pairs
  if (
    typeof date === 'string' &&
    typeof time === 'string' &&
    /^\d{4}-\d\d-\d\d$/.test(date) &&
    time.length >= 8
  ) {
    delete pairs['date']
    pairs['time'] = `${date}T${time}`
  }
  putPairs(text, pairs, draft, context)
  return true
}
