import type { JoinedHeader } from '../../ports/joined-format.ts'
import { typeOf } from './auditd-types.ts'

/**
 * The head of a record, as auditd writes it into its file and hands it to plugins, and as the kernel prints it where no auditd runs:
 *
 *     [node=NAME ]type=NAME msg=audit(SECONDS.MILLIS:SERIAL): BODY
 *     [audit: ]type=NUMBER audit(SECONDS.MILLIS:SERIAL): BODY
 */
const STAMP = 'audit('
const HEAD_CHARACTERS_MAX = 512

/** Where the body begins, or -1 when the text has no such head. Fills `header`. */
export function readHeader(text: string, header: JoinedHeader): number {
  let at = 0
  let origin = ''
  if (text.startsWith('node=')) {
    const end = text.indexOf(' ', 5)
    if (end < 0 || end > HEAD_CHARACTERS_MAX) return -1
    origin = text.slice(5, end)
    at = end + 1
  } else if (text.startsWith('audit: ')) at = 7
  if (!text.startsWith('type=', at)) return -1
  const typeEnd = text.indexOf(' ', at + 5)
  if (typeEnd < 0 || typeEnd - at > HEAD_CHARACTERS_MAX) return -1
  let stamp = typeEnd + 1
  if (text.startsWith('msg=', stamp)) stamp += 4
  if (!text.startsWith(STAMP, stamp)) return -1
  const end = readStamp(text, stamp + STAMP.length, header)
  if (end < 0) return -1
  const type = typeOf(text.slice(at + 5, typeEnd))
  header.origin = origin
  header.type = type.name
  header.single = type.single
  header.marker = type.name === 'EOE'
  header.counted = type.counted
  return end
}

/** `SECONDS.FRACTION:SERIAL):`; returns where it ends. The kernel writes three digits of the fraction. */
function readStamp(text: string, from: number, header: JoinedHeader): number {
  let at = from
  let seconds = 0
  for (let digit = digitAt(text, at); digit >= 0; digit = digitAt(text, ++at)) seconds = seconds * 10 + digit
  if (at === from || at - from > 15) return -1
  let nanos = 0
  if (text.charCodeAt(at) === DOT) {
    at++
    let scale = 100_000_000
    for (let digit = digitAt(text, at); digit >= 0; digit = digitAt(text, ++at)) {
      nanos += digit * scale
      scale = Math.floor(scale / 10)
    }
  }
  if (text.charCodeAt(at) !== COLON) return -1
  const serialStart = ++at
  let serial = 0
  for (let digit = digitAt(text, at); digit >= 0; digit = digitAt(text, ++at)) serial = serial * 10 + digit
  if (at === serialStart || at - serialStart > 15 || text.charCodeAt(at) !== CLOSE) return -1
  header.seconds = seconds
  header.nanos = nanos
  header.serial = serial
  at++
  return text.charCodeAt(at) === COLON ? at + 1 : at
}

const DOT = 46
const COLON = 58
const CLOSE = 41

function digitAt(text: string, at: number): number {
  const value = text.charCodeAt(at) - 48
  return value >= 0 && value <= 9 ? value : -1
}
