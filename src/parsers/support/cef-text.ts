/**
 * The text of one event in the Common Event Format:
 *
 *     CEF:VERSION|vendor|product|version|class id|name|severity|key=value key=value …
 *
 * In the header `\|` and `\\` are escapes, in values `\=`, `\\`, `\n` and `\r`. A value goes on to the space before the next key:
 * a word of letters, digits and `_.,[]-` that an `=` follows. An `=` that stands elsewhere, without its backslash, is taken as the
 * value's own.
 */
export interface CefText {
  readonly version: string
  /** Vendor, product, version, class id, name, severity. */
  readonly header: readonly string[]
  /** Where the extension begins. */
  readonly end: number
}

const HEADER_PARTS = 6

/** `at` is where `CEF:` stands. Undefined when there is no such header; one that is cut off has fewer parts. */
export function readCefHeader(text: string, at: number): CefText | undefined {
  const first = text.indexOf('|', at)
  const version = first < 0 ? '' : text.slice(at + 4, first).trim()
  if (version === '' || version.length > 6 || !/^\d+(?:\.\d+)?$/.test(version)) return undefined
  const header: string[] = []
  let from = first + 1
  while (header.length < HEADER_PARTS) {
    const end = partEnd(text, from)
    header.push(unescapedHeader(text.slice(from, end)))
    from = end + 1
    if (end >= text.length) break
  }
  return { version, header, end: Math.min(from, text.length) }
}

/** The next `|` without a backslash, or the end. */
function partEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 92) at++
    else if (code === 124) return at
  }
  return text.length
}

function unescapedHeader(text: string): string {
  return text.includes('\\') ? text.replace(/\\([|\\])/g, '$1') : text
}

const PAIRS_MAX = 512

/** Every key and its value, in order. */
export function readCefExtension(
  text: string,
  from: number,
  take: (key: string, value: string) => void,
): void {
  let key = ''
  let valueStart = -1
  let count = 0
  for (let at = from; at < text.length && count < PAIRS_MAX; at++) {
    const code = text.charCodeAt(at)
    if (code === 92) {
      at++
      continue
    }
    if (code !== 61) continue
    const start = keyStart(text, at, Math.max(from, valueStart))
    if (start < 0) continue
    if (valueStart >= 0) {
      take(key, unescapedValue(text.slice(valueStart, Math.max(valueStart, start - 1))))
      count++
    }
    key = text.slice(start, at)
    valueStart = at + 1
  }
  if (valueStart >= 0) take(key, unescapedValue(text.slice(valueStart).trimEnd()))
}

const KEY_LENGTH_MAX = 255

/** Where the word before the `=` at `end` begins, if it is a key that a space, or the extension's start, stands before. */
function keyStart(text: string, end: number, from: number): number {
  let start = end
  while (start > from && end - start <= KEY_LENGTH_MAX && isKeyCharacter(text.charCodeAt(start - 1))) start--
  if (start === end) return -1
  return start === from || text.charCodeAt(start - 1) === 32 ? start : -1
}

function isKeyCharacter(code: number): boolean {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    (code >= 48 && code <= 57) ||
    code === 95 ||
    code === 46 ||
    code === 44 ||
    code === 45 ||
    code === 91 ||
    code === 93
  )
}

const ESCAPES: Readonly<Record<string, string>> = { '=': '=', '\\': '\\', n: '\n', r: '\r', '|': '|' }

function unescapedValue(text: string): string {
  return text.includes('\\')
    ? text.replace(/\\(.)/g, (whole, letter: string) => ESCAPES[letter] ?? whole)
    : text
}
