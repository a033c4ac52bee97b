import type { Quality } from '../core/document.ts'
import { QualityBit, qualitiesOf } from '../core/quality.ts'
import { unitClass } from '../core/text-class.ts'

const NONE: readonly Quality[] = []

// oxlint-disable-next-line no-control-regex -- it looks for them
const ODD = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/

// oxlint-disable-next-line no-control-regex -- it looks for them
const ODD_ASCII = /[\0-\x08\x0b-\x1f\x7f]/

/** Control and bidi characters of a text. A carriage return at its very end is none: it is how Windows ends a line. */
export function oddCharacters(text: string, isAscii = false): readonly Quality[] {
  if (!(isAscii ? ODD_ASCII : ODD).test(text)) return NONE
  let bits = 0
  for (let i = 0; i < text.length; i++) bits |= unitClass(text.charCodeAt(i))
  const carriageReturn = text.indexOf('\r')
  if (carriageReturn >= 0 && carriageReturn < text.length - 1) bits |= QualityBit.control
  return qualitiesOf(bits)
}
