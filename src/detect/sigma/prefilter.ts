import { isAscii } from 'node:buffer'
import type { LineFilter } from '../../core/tagging.ts'
import { type Scan, scansFor } from './block-scan.ts'

/**
 * Decides from the raw bytes which records can hold any of the literals, in any case. It may say yes for nothing, but never no
 * for a record that has one, be it hidden: an escape that may stand for a character of a literal counts as one.
 */
export class Prefilter {
  readonly #scans: readonly Scan[]
  /** By code of an ASCII character: does any literal have it, in either case? */
  readonly #used = new Uint8Array(128)

  /** `literals`: folded printable ASCII of LITERAL_LENGTH_MIN or more, without `"` and `\`. */
  constructor(literals: readonly string[]) {
    const all = [...new Set(literals)]
    this.#scans = scansFor(all)
    for (const literal of all) {
      for (const char of literal + literal.toUpperCase()) this.#used[char.charCodeAt(0)] = 1
    }
  }

  prepare(raw: Uint8Array): LineFilter {
    const hits: number[] = []
    for (const scan of this.#scans) scan(raw, hits)
    this.#findHidden(raw, hits)
    return hits.length === 0 ? NOTHING : new HitFilter(hits)
  }

  #findHidden(raw: Uint8Array, hits: number[]): void {
    const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    findAll(bytes, UNICODE_ESCAPE, hits, (at) => this.#hides(bytes, at))
    if (this.#used[SLASH] === 1) findAll(bytes, ESCAPED_SLASH, hits, () => true)
    if (isAscii(bytes)) return
    for (const folding of ASCII_BY_FOLDING) findAll(bytes, folding, hits, () => true)
  }

  /** Four hex digits behind `\u` that make a character of a literal, or one that folds to one. */
  #hides(bytes: Buffer, at: number): boolean {
    const hex = bytes.toString('latin1', at + 2, at + 6)
    if (!/^[0-9a-fA-F]{4}$/.test(hex)) return false
    const unit = Number.parseInt(hex, 16)
    return unit < 128 ? this.#used[unit] === 1 : unit === 0x130 || unit === 0x212a
  }
}

const NEWLINE = 0x0a
const SLASH = 0x2f
const UNICODE_ESCAPE = Buffer.from('\\u')
const ESCAPED_SLASH = Buffer.from('\\/')
/** The characters outside ASCII whose folding holds an ASCII letter, in UTF-8; see `fold.ts`. */
const ASCII_BY_FOLDING = [Buffer.from('\u0130'), Buffer.from('\u212a')]

/** Adds the first place in each record where `needle` stands and `counts`. */
function findAll(bytes: Buffer, needle: Buffer, hits: number[], counts: (at: number) => boolean): void {
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

const NOTHING: LineFilter = { none: true, may: () => false }

/** For sources with a rule that needs no literal. */
export const EVERYTHING: LineFilter = { none: false, may: () => true }

class HitFilter implements LineFilter {
  readonly none = false
  readonly #hits: Float64Array
  #next = 0

  constructor(hits: readonly number[]) {
    this.#hits = Float64Array.from(hits).sort()
  }

  may(start: number, end: number): boolean {
    const hits = this.#hits
    while (this.#next < hits.length && hits[this.#next]! < start) this.#next++
    return this.#next < hits.length && hits[this.#next]! < end
  }
}
