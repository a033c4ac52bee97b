import type { LineFilter } from '../../core/tagging.ts'
import { compileScan, type ScanOptions } from './block-scan.ts'
import { HidingPlaces } from './hidden.ts'

/** For each rule, literals of which its events hold one (see `literals.ts`), or undefined when that cannot be said. */
export type RuleNeeds = readonly (readonly string[] | undefined)[]

/**
 * Says from the raw bytes which records may match a rule at all, and from one record's text which rules those are. It may say
 * yes for nothing, but never no for a record or a rule that matches.
 */
export class Prefilter {
  /** Some rule needs no literal: it must see every record. */
  readonly isOpen: boolean
  readonly #scan: (raw: Uint8Array, options: ScanOptions) => void
  readonly #hiding: HidingPlaces
  /** By literal: the rules that need it. */
  readonly #rulesOf: readonly (readonly number[])[]
  readonly #always: readonly number[]
  readonly #ruleCount: number
  #scratch = Buffer.alloc(16 * 1024)

  constructor(needs: RuleNeeds) {
    const literals = [...new Set(needs.flatMap((all) => all ?? []))]
    const ids = needs.map((_, rule) => rule)
    this.isOpen = needs.includes(undefined)
    this.#always = ids.filter((rule) => needs[rule] === undefined)
    this.#rulesOf = literals.map((literal) => ids.filter((rule) => needs[rule]?.includes(literal)))
    this.#ruleCount = needs.length
    this.#scan = compileScan(literals)
    this.#hiding = new HidingPlaces(literals)
  }

  /** Which records of a batch may match? Its newlines end its records. */
  prepare(raw: Uint8Array): LineFilter {
    if (this.isOpen) return EVERYTHING
    const hits: number[] = []
    this.#scan(raw, { oncePerRecord: true, report: (start) => hits.push(start) })
    this.#hiding.findAll(raw, hits)
    return hits.length === 0 ? NOTHING : new HitFilter(hits)
  }

  /** Numbers of the rules that may match a record, rising; undefined when it may be any. */
  rulesFor(text: string): readonly number[] | undefined {
    if (text.length > SCRATCH_BYTES_MAX || this.#hiding.isIn(text)) return undefined
    if (text.length > this.#scratch.length) this.#scratch = Buffer.alloc(text.length * 2)
    // Each character above U+00FF leaves a byte that may be anything: at worst a rule too many is asked.
    this.#scratch.write(text, 0, text.length, 'latin1')
    const found = new Set(this.#always)
    const report = (_: number, literal: number): void => {
      for (const rule of this.#rulesOf[literal]!) found.add(rule)
    }
    this.#scan(this.#scratch.subarray(0, text.length), { oncePerRecord: false, report })
    if (found.size === this.#ruleCount) return undefined
    return found.size < 2 ? [...found] : [...found].sort((left, right) => left - right)
  }
}

/** Longer records are rare, and worth asking every rule. */
const SCRATCH_BYTES_MAX = 256 * 1024

const NOTHING: LineFilter = { none: true, may: () => false }
const EVERYTHING: LineFilter = { none: false, may: () => true }

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
