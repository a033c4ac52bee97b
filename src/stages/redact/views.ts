import type { View } from './rule.ts'

/**
 * The ways in which a record may be written: as it is, or in JSON (escaped any number of times), URL-encoded once on top of that, and
 * in the hexadecimal digits of the audit system. Rules see the plain text; where it stands in the record is kept by character.
 */
export function viewsOf(text: string): View[] {
  const plain: View = looksEscaped(text) ? unescaped(text) : { text, places: undefined }
  const views = [plain]
  if (/%[2-7][0-9A-Fa-f]/.test(plain.text)) views.push(percentDecoded(plain))
  if (HEX_FIELD.test(text)) views.push(hexDecoded(text))
  return views
}

/** A lone backslash in prose or in a password is none of JSON's. */
function looksEscaped(text: string): boolean {
  if (!text.includes('\\')) return false
  const first = text.charCodeAt(0)
  return first === 0x7b || first === 0x5b || text.includes('\\"') || text.includes('\\u00')
}

class ViewBuilder {
  readonly #places: Int32Array
  readonly #codes: Uint16Array
  #length = 0

  constructor(size: number) {
    this.#places = new Int32Array(size + 1)
    this.#codes = new Uint16Array(size)
  }

  add(code: number, place: number): void {
    this.#codes[this.#length] = code
    this.#places[this.#length++] = place
  }

  end(place: number): View {
    this.#places[this.#length] = place
    const codes = this.#codes.subarray(0, this.#length)
    const text = Buffer.from(codes.buffer, 0, codes.byteLength).toString('utf16le')
    return { text, places: this.#places.subarray(0, this.#length + 1) }
  }
}

const SHORT: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, b: 8, f: 12 }

/** Undoes JSON's escapes at every depth: whatever number of backslashes stands before a quote, it is a quote. */
function unescaped(text: string): View {
  const view = new ViewBuilder(text.length)
  let at = 0
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code !== 0x5c) {
      view.add(code, at++)
      continue
    }
    let next = at + 1
    while (text.charCodeAt(next) === 0x5c) next++
    const kind = text[next]
    const unit = kind === 'u' ? hexAt(text, next + 1, 4) : -1
    if (unit >= 0) {
      view.add(unit, at)
      at = next + 5
    } else if (kind === '"' || kind === '/') {
      view.add(kind.charCodeAt(0), at)
      at = next + 1
    } else if (kind !== undefined && SHORT[kind] !== undefined) {
      view.add(SHORT[kind], at)
      at = next + 1
    } else {
      view.add(0x5c, at)
      at = next
    }
  }
  return view.end(text.length)
}

function percentDecoded(plain: View): View {
  const { text, places } = plain
  const view = new ViewBuilder(text.length)
  const placeAt = (at: number): number => (places === undefined ? at : places[at]!)
  for (let at = 0; at < text.length; ) {
    const unit = text.charCodeAt(at) === 0x25 ? hexAt(text, at + 1, 2) : -1
    const isAscii = unit >= 0x20 && unit < 0x7f
    view.add(isAscii ? unit : text.charCodeAt(at), placeAt(at))
    at += isAscii ? 3 : 1
  }
  return view.end(placeAt(text.length))
}

/** Values that the audit system writes in hexadecimal digits: arguments of a command, separated by zero bytes. */
const HEX_FIELD = /\b(?:proctitle|cmd|data|a\d{1,3}(?:\[\d{1,4}\])?)=[0-9A-F]{8}/
const HEX_FIELDS = /\b(?:proctitle|cmd|data|a\d{1,3}(?:\[\d{1,4}\])?)=([0-9A-F]{8,16384})(?![0-9A-Za-z])/g

function hexDecoded(text: string): View {
  const view = new ViewBuilder(text.length)
  for (const match of text.matchAll(HEX_FIELDS)) {
    const from = match.index + match[0].length - match[1]!.length
    const end = from + (match[1]!.length & ~1)
    for (let at = from; at < end; at += 2) {
      const unit = hexAt(text, at, 2)
      view.add(unit === 0 ? 0x20 : unit, at)
    }
    view.add(0x0a, end)
  }
  return view.end(text.length)
}

/** The value of so many hexadecimal digits, -1 when they are none. */
function hexAt(text: string, at: number, count: number): number {
  if (at + count > text.length) return -1
  let value = 0
  for (let i = at; i < at + count; i++) {
    const code = text.charCodeAt(i)
    const digit = code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57
    if (digit < 0 || digit > 15 || (code > 0x39 && digit < 10)) return -1
    value = value * 16 + digit
  }
  return value
}
