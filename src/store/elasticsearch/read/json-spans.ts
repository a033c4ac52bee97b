/**
 * Finds values in JSON text by where they stand, so that a document comes back as the very bytes that were written: parsing and
 * writing again would change numbers, escapes and blanks. The text is the answer of an Elasticsearch server, so it is valid JSON;
 * what is not ends in `undefined`, never in a loop or in an exception.
 */
export interface Span {
  readonly from: number
  readonly to: number
}

/** The value that begins at `at`, blanks before it left out; undefined where none does, or it does not end. */
export function valueAt(text: string, at: number): Span | undefined {
  const from = afterBlanks(text, at)
  const to = endOfValue(text, from)
  return to === undefined ? undefined : { from, to }
}

/** Members of the object that begins at `at`, in order; stops where the text is no object. */
export function* membersOf(
  text: string,
  at: number,
): Generator<{ readonly name: string; readonly value: Span }> {
  let next = afterBlanks(text, at)
  if (text[next] !== '{') return
  next = afterBlanks(text, next + 1)
  while (text[next] === '"') {
    const name = valueAt(text, next)
    if (name === undefined) return
    const colon = afterBlanks(text, name.to)
    const value = text[colon] === ':' ? valueAt(text, colon + 1) : undefined
    if (value === undefined) return
    yield { name: JSON.parse(text.slice(name.from, name.to)) as string, value }
    next = afterBlanks(text, value.to)
    if (text[next] !== ',') return
    next = afterBlanks(text, next + 1)
  }
}

/** Elements of the array that begins at `at`. */
export function* elementsOf(text: string, at: number): Generator<Span> {
  let next = afterBlanks(text, at)
  if (text[next] !== '[') return
  next = afterBlanks(text, next + 1)
  while (text[next] !== ']') {
    const value = valueAt(text, next)
    if (value === undefined) return
    yield value
    next = afterBlanks(text, value.to)
    if (text[next] !== ',') return
    next++
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

function afterBlanks(text: string, at: number): number {
  let next = at
  while (next < text.length && text.charCodeAt(next) <= 0x20) next++
  return next
}

function endOfValue(text: string, from: number): number | undefined {
  const first = text[from]
  if (first === '"') return endOfString(text, from)
  if (first === '{' || first === '[') return endOfNested(text, from)
  let at = from
  while (at < text.length && /[-+.0-9a-zA-Z]/.test(text[at]!)) at++
  return at === from ? undefined : at
}

/** Strings are passed over by the search for their quotation mark: most of an answer is inside of them. */
function endOfNested(text: string, from: number): number | undefined {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      const end = endOfString(text, at)
      if (end === undefined) return undefined
      at = end - 1
    } else if (code === 0x7b || code === 0x5b) depth++
    else if (code === 0x7d || code === 0x5d) {
      depth--
      if (depth === 0) return at + 1
    }
  }
  return undefined
}

function endOfString(text: string, from: number): number | undefined {
  for (let quote = text.indexOf('"', from + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let before = quote - 1
    while (text.charCodeAt(before) === BACKSLASH) before--
    if ((quote - before) % 2 === 1) return quote + 1
  }
  return undefined
}
