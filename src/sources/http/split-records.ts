import { elementsOf, membersOf, type Span, wholeValue } from './json-cut.ts'

/**
 * `auto`: JSON (by its content type) is one record, anything else a record a line. `lines`: a record a line. `array`: the elements of an
 * array, or of the only array of an object, whose other members are then not kept. `none`: one record.
 */
export type Split = 'auto' | 'lines' | 'array' | 'none'

const LF = 0x0a
const CR = 0x0d

/** The records of a body, as views into it. Undefined: it is no JSON where JSON is due. */
export function splitRecords(body: Buffer, split: Split, isJson: boolean): Buffer[] | undefined {
  const way = split === 'auto' ? (isJson ? 'none' : 'lines') : split
  if (way === 'lines') return linesOf(body)
  if (way === 'array') return elements(body)
  const value = isJson ? wholeValue(body) : trimmed(body)
  if (value === undefined) return undefined
  return value.start === value.end ? [] : [body.subarray(value.start, value.end)]
}

/** Lines that hold anything, without their ends. */
function linesOf(body: Buffer): Buffer[] {
  const records: Buffer[] = []
  for (let at = 0; at < body.length; ) {
    const newline = body.indexOf(LF, at)
    const end = newline === -1 ? body.length : newline
    const upTo = end > at && body[end - 1] === CR ? end - 1 : end
    if (upTo > at) records.push(body.subarray(at, upTo))
    at = end + 1
  }
  return records
}

function elements(body: Buffer): Buffer[] | undefined {
  const value = wholeValue(body)
  if (value === undefined) return undefined
  const spans = elementsOf(body, value) ?? onlyArray(body, value) ?? [value]
  return spans.map(({ start, end }) => body.subarray(start, end))
}

function onlyArray(body: Buffer, value: Span): Span[] | undefined {
  const members = membersOf(body, value)
  if (members === undefined) return undefined
  const arrays = [...members.values()]
    .map((span) => elementsOf(body, span))
    .filter((one) => one !== undefined)
  return arrays.length === 1 ? arrays[0] : undefined
}

function trimmed(body: Buffer): Span {
  let start = 0
  let end = body.length
  while (start < end && isSpace(body[start]!)) start++
  while (end > start && isSpace(body[end - 1]!)) end--
  return { start, end }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
}
