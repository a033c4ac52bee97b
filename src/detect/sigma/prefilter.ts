import { isAscii } from 'node:buffer'
import type { LineFilter } from '../../core/tagging.ts'
import { compileScan, type Scan } from '../../core/literal-scan/block-scan.ts'
import { HitFilter } from '../../core/literal-scan/hit-filter.ts'
import { spellings } from './spellings.ts'
import { hexUnit, unescapeInto } from './unescape.ts'

/** For each rule, literals of which its events hold one (see `literals.ts`), or undefined when that cannot be said. */
export type RuleNeeds = readonly (readonly string[] | undefined)[]

/**
 * Says from the raw bytes which records may match a rule at all, and from one record's text which rules those are. It may say
 * yes for nothing, but never no for a record or a rule that matches.
 *
 * Only three things can hide a literal, which is printable ASCII without `"` and `\`: `\/` for a slash (searched for as another
 * spelling), a `\u` escape (the record is searched once more without its escapes), and the two characters outside ASCII whose
 * folding holds an ASCII letter (the record is let through).
 */
export class Prefilter {
  /** Some rule needs no literal: it must see every record. */
  readonly isOpen: boolean
  readonly #scan: Scan
  /** By what is searched for: the rules that need it. Escapes stand behind, with none. */
  readonly #rulesOf: readonly (readonly number[])[]
  readonly #always: readonly number[]
  readonly #ruleCount: number
  /** Which character of a literal is followed by which: 1 at `code * 256 + next`, `next` ANY at its end; in every case. */
  readonly #pairs = new Uint8Array(128 * 256)
  #record = Buffer.alloc(16 * 1024)
  #plain = Buffer.alloc(16 * 1024)

  constructor(needs: RuleNeeds) {
    const rules = new Map<string, Set<number>>()
    for (const [rule, literals] of needs.entries()) {
      for (const spelling of (literals ?? []).flatMap(spellings)) {
        rules.set(spelling, (rules.get(spelling) ?? new Set()).add(rule))
      }
    }
    for (const spelling of rules.keys()) this.#addPairs(spelling)
    this.isOpen = needs.includes(undefined)
    this.#always = [...needs.keys()].filter((rule) => needs[rule] === undefined)
    this.#ruleCount = needs.length
    this.#rulesOf = [...rules.values()].map((set) => [...set])
    this.#scan = compileScan(rules.size === 0 ? [] : [...rules.keys(), ...ESCAPES])
  }

  /** Which records of a batch may match? Its newlines end its records. */
  prepare(raw: Uint8Array): LineFilter {
    if (this.isOpen) return EVERYTHING
    const hits: number[] = []
    let searchedTo = 0
    const report = (start: number, id: number): boolean => {
      if (id >= this.#rulesOf.length) {
        if (start < searchedTo || !this.#hides(raw, start)) return false
        const newline = raw.indexOf(NEWLINE, start)
        searchedTo = newline < 0 ? raw.length : newline
        if (!this.#isHidden(raw, raw.lastIndexOf(NEWLINE, start) + 1, searchedTo)) return false
      }
      hits.push(start)
      return true
    }
    this.#scan(raw, { oncePerRecord: true, report })
    if (!isAscii(raw)) findFoldings(raw, hits)
    return hits.length === 0 ? NOTHING : new HitFilter(hits)
  }

  /** Numbers of the rules that may match a record, rising; undefined when it may be any. */
  rulesFor(text: string): readonly number[] | undefined {
    if (this.#rulesOf.length === 0 || text.length > TEXT_LENGTH_MAX) return undefined
    if (FOLDINGS.some((folding) => text.includes(folding))) return undefined
    this.#reserve(text.length)
    // Each character above U+00FF leaves a byte that may be anything: at worst a rule too many is asked.
    this.#record.write(text, 0, text.length, 'latin1')
    const record = this.#record.subarray(0, text.length)
    const found = new Set(this.#always)
    let hides = false
    const report = (start: number, id: number): boolean => {
      for (const rule of this.#rulesOf[id] ?? []) found.add(rule)
      hides ||= id >= this.#rulesOf.length && this.#hides(record, start)
      return true
    }
    this.#scan(record, { oncePerRecord: false, report })
    if (hides) {
      const length = unescapeInto(this.#plain, record, 0, record.length)
      this.#scan(this.#plain.subarray(0, length), { oncePerRecord: false, report })
    }
    if (found.size === this.#ruleCount) return undefined
    return found.size < 2 ? [...found] : [...found].sort((left, right) => left - right)
  }

  /** Is there a literal in the record once its escapes are undone? */
  #isHidden(raw: Uint8Array, start: number, end: number): boolean {
    this.#reserve(end - start)
    const length = unescapeInto(this.#plain, raw, start, end)
    let found = false
    const report = (_: number, id: number): boolean => {
      found ||= id < this.#rulesOf.length
      return found
    }
    this.#scan(this.#plain.subarray(0, length), { oncePerRecord: true, report })
    return found
  }

  #addPairs(literal: string): void {
    const cases = (char: string): number[] => [char.charCodeAt(0), char.toUpperCase().charCodeAt(0)]
    for (let at = 0; at < literal.length; at++) {
      const next = at + 1 < literal.length ? cases(literal[at + 1]!) : [ANY]
      for (const code of cases(literal[at]!)) for (const byte of next) this.#pairs[code * 256 + byte] = 1
    }
  }

  /**
   * Can the escape at `start` be the last one in a literal? Then what follows it goes on with the literal, or is the backslash
   * of `\/`.
   */
  #hides(bytes: Uint8Array, start: number): boolean {
    const unit = hexUnit(bytes, start + 2, bytes.length)
    if (unit < 0 || unit >= 128) return unit === 0x130 || unit === 0x212a
    if (this.#pairs[unit * 256 + ANY] === 1) return true
    const next = bytes[start + 6]
    if (next === undefined) return false
    return this.#pairs[unit * 256 + (next === BACKSLASH ? SLASH : next)] === 1
  }

  #reserve(length: number): void {
    if (length <= this.#record.length) return
    this.#record = Buffer.alloc(length * 2)
    this.#plain = Buffer.alloc(length * 2)
  }
}

const NEWLINE = 0x0a
const BACKSLASH = 0x5c
const SLASH = 0x2f
/** In place of what follows a character at the end of a literal. */
const ANY = 0xff
/** Longer records are rare, and worth asking every rule. */
const TEXT_LENGTH_MAX = 256 * 1024
/** What a `\u` escape begins with that stands for ASCII, and those of the two characters that fold into it. */
const ESCAPES = ['\\u00', '\\u0130', '\\u212a']
const FOLDINGS = ['\u0130', '\u212a']

/** Adds the first place in each record that has one of the two characters. */
function findFoldings(raw: Uint8Array, hits: number[]): void {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
  for (const folding of FOLDINGS) {
    let at = bytes.indexOf(folding, 0, 'utf8')
    while (at >= 0) {
      hits.push(at)
      const newline = bytes.indexOf(NEWLINE, at)
      at = newline < 0 ? -1 : bytes.indexOf(folding, newline, 'utf8')
    }
  }
}

const NOTHING: LineFilter = { none: true, may: () => false }
const EVERYTHING: LineFilter = { none: false, may: () => true }
