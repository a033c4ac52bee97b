import { isAscii } from 'node:buffer'

/**
 * Finds what may hide a literal: a `\u` escape of a character that some literal has, `\/` where one has a slash, and the two
 * characters outside ASCII whose folding holds an ASCII letter (see `fold.ts`). Nothing else does: other escapes and other
 * bytes stand for characters that no literal has.
 */
export class HidingPlaces {
  /** By code of an ASCII character: does any literal have it, in either case? */
  readonly #used = new Uint8Array(128)

  constructor(literals: readonly string[]) {
    for (const literal of literals) {
      for (const char of literal + literal.toUpperCase()) this.#used[char.charCodeAt(0)] = 1
    }
  }

  /** Adds a position in each record that has such a place. */
  findAll(raw: Uint8Array, hits: number[]): void {
    const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    findEach(bytes, UNICODE_ESCAPE, hits, (at) => this.#hides(bytes.toString('latin1', at + 2, at + 6)))
    if (this.#used[SLASH] === 1) findEach(bytes, ESCAPED_SLASH, hits, () => true)
    if (isAscii(bytes)) return
    for (const folding of ASCII_BY_FOLDING) findEach(bytes, Buffer.from(folding), hits, () => true)
  }

  isIn(text: string): boolean {
    if (this.#used[SLASH] === 1 && text.includes('\\/')) return true
    if (ASCII_BY_FOLDING.some((folding) => text.includes(folding))) return true
    for (let at = text.indexOf('\\u'); at >= 0; at = text.indexOf('\\u', at + 2)) {
      if (this.#hides(text.slice(at + 2, at + 6))) return true
    }
    return false
  }

  /** Four hex digits behind `\u` that make a character of a literal, or one that folds to one. */
  #hides(hex: string): boolean {
    if (!/^[0-9a-fA-F]{4}$/.test(hex)) return false
    const unit = Number.parseInt(hex, 16)
    return unit < 128 ? this.#used[unit] === 1 : unit === 0x130 || unit === 0x212a
  }
}

const NEWLINE = 0x0a
const SLASH = 0x2f
const UNICODE_ESCAPE = Buffer.from('\\u')
const ESCAPED_SLASH = Buffer.from('\\/')
const ASCII_BY_FOLDING = ['\u0130', '\u212a']

/** Adds the first place in each record where `needle` stands and `counts`. */
function findEach(bytes: Buffer, needle: Buffer, hits: number[], counts: (at: number) => boolean): void {
  let at = bytes.indexOf(needle)
  while (at >= 0) {
    let next = at + needle.length
    if (counts(at)) {
      hits.push(at)
      next = bytes.indexOf(NEWLINE, next)
      if (next < 0) return
    }
    at = bytes.indexOf(needle, next)
  }
}
