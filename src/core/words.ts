/**
 * Words of a text, as Elasticsearch's `standard` analyzer cuts them: the Unicode word break (UAX #29), then lower case by
 * code point. Every store and the live tail use this one definition, so a query means the same everywhere.
 *
 * - Letters, digits and `_` stick together. `.` and `'` join letter to letter and digit to digit, `:` and `·` letter to
 *   letter, `,` and `;` digit to digit: `user:name`, `10.0.0.1`, `1,000` and `can't` are one word, `a.1` is two.
 * - Ideographs, Hiragana and emoji are one word each; Katakana, Hangul and the scripts without blanks stay in runs.
 * - A word longer than 255 UTF-16 units is cut there.
 *
 * The class of a character follows the general categories that JavaScript knows; rare signs whose Word_Break property is
 * an exception may differ from Lucene's table.
 */
export function cutWords(text: string): string[] {
  const words: string[] = []
  if (isAscii(text)) {
    const bytes = Buffer.from(text, 'latin1')
    cutAsciiWords(bytes, 0, bytes.length, (from, to) => words.push(text.slice(from, to).toLowerCase()))
  } else {
    cutUnicodeWords(text, words)
  }
  return words
}

/** UTF-16 units; Elasticsearch's `max_token_length`. */
export const WORD_LENGTH_MAX = 255

const OTHER = 0
const LETTER = 1
const DIGIT = 2
const JOINER = 3 // _ and its like: part of any word, but no word alone
const MID_LETTER = 4 // joins letters
const MID_DIGIT = 5 // joins digits
const MID_BOTH = 6 // joins either
const KATAKANA = 7
const SINGLE = 8 // ideographs, Hiragana: a word each
const COMPLEX = 9 // Thai, Lao, Khmer, Myanmar: runs
const EMOJI = 10
const EXTEND = 11 // marks and format characters: belong to what stands before
const REGIONAL = 12

const ASCII_CLASS = new Uint8Array(128)
for (let code = 0; code < 128; code++) {
  const char = String.fromCharCode(code)
  if (/[A-Za-z]/.test(char)) ASCII_CLASS[code] = LETTER
  else if (/[0-9]/.test(char)) ASCII_CLASS[code] = DIGIT
  else if (char === '_') ASCII_CLASS[code] = JOINER
  else if (char === ':') ASCII_CLASS[code] = MID_LETTER
  else if (char === ',' || char === ';') ASCII_CLASS[code] = MID_DIGIT
  else if (char === '.' || char === "'") ASCII_CLASS[code] = MID_BOTH
}

/**
 * Calls `word(from, to)` for each word of the ASCII bytes from..to. Invariant: all of these bytes are below 128.
 * Every event passes here once, so nothing is allocated; lower case is left to the caller.
 */
export function cutAsciiWords(
  bytes: Uint8Array,
  from: number,
  to: number,
  word: (from: number, to: number) => void,
): void {
  let at = from
  while (at < to) {
    const kind = ASCII_CLASS[bytes[at]!]!
    if (kind === OTHER || kind > JOINER) {
      at++
      continue
    }
    const limit = at + WORD_LENGTH_MAX < to ? at + WORD_LENGTH_MAX : to
    const start = at
    let last = kind
    let solid = kind !== JOINER
    at++
    while (at < limit) {
      const next = ASCII_CLASS[bytes[at]!]!
      if (next === LETTER || next === DIGIT) {
        solid = true
      } else if (next >= MID_LETTER) {
        const after = at + 1 < limit ? ASCII_CLASS[bytes[at + 1]!]! : OTHER
        if (after !== last || !joins(next, last)) break
      } else if (next !== JOINER) break
      last = next >= MID_LETTER ? last : next
      at++
    }
    if (solid) word(start, at)
  }
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false
  return true
}

/** Does a mid character join two characters of the class `kind`? */
function joins(middle: number, kind: number): boolean {
  if (kind === LETTER) return middle === MID_LETTER || middle === MID_BOTH
  if (kind === DIGIT) return middle === MID_DIGIT || middle === MID_BOTH
  return false
}

function cutUnicodeWords(text: string, words: string[]): void {
  let at = 0
  while (at < text.length) {
    const end = wordEnd(text, at)
    if (end > at) {
      words.push(lowerCase(text.slice(at, end)))
      at = end
    } else {
      at += sizeAt(text, at)
    }
  }
}

/** Where the word that starts at `start` ends; `start` when none starts there. */
function wordEnd(text: string, start: number): number {
  const kind = classAt(text, start)
  const limit = Math.min(text.length, start + WORD_LENGTH_MAX)
  if (kind === SINGLE) return skipExtend(text, start + sizeAt(text, start), limit)
  if (kind === COMPLEX) return runEnd(text, start, limit)
  if (kind === EMOJI) return emojiEnd(text, start, limit)
  if (kind === REGIONAL) return flagEnd(text, start, limit)
  if (kind === LETTER || kind === DIGIT || kind === KATAKANA || kind === JOINER)
    return lettersEnd(text, start, limit)
  return start
}

/** The one rule with letters, digits, joiners, Katakana and what may stand between them. */
function lettersEnd(text: string, start: number, limit: number): number {
  let last = classAt(text, start)
  let solid = last !== JOINER
  let end = skipExtend(text, start + sizeAt(text, start), limit)
  while (end < limit) {
    const next = classAt(text, end)
    if (next === MID_LETTER || next === MID_DIGIT || next === MID_BOTH) {
      const after = skipExtend(text, end + sizeAt(text, end), limit)
      if (after >= limit || classAt(text, after) !== last || !joins(next, last)) break
      end = after
      continue
    }
    const sticks =
      next === JOINER ||
      ((next === LETTER || next === DIGIT) && last !== KATAKANA) ||
      (next === KATAKANA && (last === KATAKANA || last === JOINER))
    if (!sticks || end + sizeAt(text, end) > limit) break
    solid ||= next !== JOINER
    last = next
    end = skipExtend(text, end + sizeAt(text, end), limit)
  }
  return solid ? end : start
}

function runEnd(text: string, start: number, limit: number): number {
  let end = start
  while (end < limit && classAt(text, end) === COMPLEX) end = skipExtend(text, end + sizeAt(text, end), limit)
  return end
}

/** An emoji with its modifiers, and what zero-width joiners (U+200D) tie to it. */
function emojiEnd(text: string, start: number, limit: number): number {
  let end = skipExtend(text, start + sizeAt(text, start), limit)
  while (end < limit && text.charCodeAt(end - 1) === 0x200d && classAt(text, end) === EMOJI) {
    end = skipExtend(text, end + sizeAt(text, end), limit)
  }
  return end
}

function flagEnd(text: string, start: number, limit: number): number {
  const end = start + sizeAt(text, start)
  return end < limit && classAt(text, end) === REGIONAL ? end + sizeAt(text, end) : start
}

function skipExtend(text: string, from: number, limit: number): number {
  let at = from
  while (at < limit && classAt(text, at) === EXTEND) at += sizeAt(text, at)
  return at
}

function sizeAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1
}

const KATAKANA_SIGN =
  /[\u3031-\u3035\u309B\u309C\u30A0-\u30FA\u30FC-\u30FF\u31F0-\u31FF\u32D0-\u32FE\u3300-\u3357\uFF66-\uFF9D]/
const COMPLEX_SIGN = /[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u
const HAS_CLASS: readonly (readonly [RegExp, number])[] = [
  [/[:\u00B7\u0387\u055F\u05F4\u2027\uFE13\uFE55\uFF1A]/, MID_LETTER],
  [/[,;\u037E\u0589\u060C\u060D\u066C\u07F8\u2044\uFE10\uFE14\uFE50\uFE54\uFF0C\uFF1B]/, MID_DIGIT],
  [/[.'\u2018\u2019\u2024\uFE52\uFF07\uFF0E]/, MID_BOTH],
  [/[\p{Pc}\u202F]/u, JOINER],
  [/\p{Nd}|\u066B/u, DIGIT],
  [/\p{Regional_Indicator}/u, REGIONAL],
  [/[\p{M}\u200C\u200D\p{Emoji_Modifier}]/u, EXTEND],
  [/(?!\u200B)\p{Cf}/u, EXTEND],
  [KATAKANA_SIGN, KATAKANA],
  [/[\p{Script=Han}\p{Script=Hiragana}\p{Ideographic}]/u, SINGLE],
  [/\p{Alphabetic}/u, LETTER],
  [/\p{Extended_Pictographic}/u, EMOJI],
]

/** Marks inside a complex run stay in it; a mark elsewhere belongs to what stands before it. */
function classOf(char: string): number {
  if (COMPLEX_SIGN.test(char) && /[\p{L}\p{M}]/u.test(char)) return COMPLEX
  for (const [pattern, kind] of HAS_CLASS) if (pattern.test(char)) return kind
  return OTHER
}

/** 0 unknown, else 1 + class; the basic plane only, filled as characters are met. */
const CLASS_CACHE = new Uint8Array(0x10000)

function classAt(text: string, at: number): number {
  const code = text.codePointAt(at)!
  if (code < 128) return ASCII_CLASS[code]!
  if (code > 0xffff) return classOf(String.fromCodePoint(code))
  const known = CLASS_CACHE[code]!
  if (known !== 0) return known - 1
  const kind = classOf(String.fromCharCode(code))
  CLASS_CACHE[code] = kind + 1
  return kind
}

/** By code point, without context: no final sigma, and `İ` gives `i`, as Lucene's lower-case filter has it. */
function lowerCase(word: string): string {
  if (!/[\u0130\u03A3]/.test(word)) return word.toLowerCase()
  let lowered = ''
  for (const char of word) lowered += char === '\u0130' ? 'i' : char.toLowerCase()
  return lowered
}
