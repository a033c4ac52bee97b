import * as chars from './char-set.ts'
import { RuleError } from './problem.ts'

/**
 * Grammar (what Sigma allows, and what its rules use besides; flags i, m, s):
 * ```
 * choice   = sequence { '|' sequence }
 * sequence = { atom [ '*' | '+' | '?' | '{n}' | '{n,}' | '{n,m}' ] [ '?' ] }
 * atom     = character | '.' | '[' class ']' | '(' [ '?:' | '?<name>' | '?P<name>' ] choice ')' | '^' | '$' | escape
 * escape   = '\' ( 'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'b' | 'B' | 't' | 'n' | 'r' | 'f' | 'v' | '0' | 'xHH' | 'uHHHH' | sign )
 * ```
 * Lookaround, back references, atomic and possessive groups are refused: none is in Sigma's subset, and without them a match
 * takes time in proportion to the text, whatever it holds (`regex-automaton.ts`).
 */
export type RegexNode =
  | { readonly kind: 'set'; readonly set: chars.CharSet }
  | { readonly kind: 'sequence' | 'choice'; readonly of: readonly RegexNode[] }
  | { readonly kind: 'repeat'; readonly of: RegexNode; readonly min: number; readonly max: number }
  | { readonly kind: 'assert'; readonly what: Assertion }

export type Assertion = 'text-start' | 'text-end' | 'line-start' | 'line-end' | 'word-edge' | 'no-word-edge'

export interface ParsedRegex {
  readonly root: RegexNode
  readonly ignoreCase: boolean
}

const NESTING_MAX = 200

export function parseRegex(source: string, flags: string): ParsedRegex {
  const inline = /^\(\?([ims]+)\)/.exec(source)
  const all = flags + (inline?.[1] ?? '')
  const reader = new Reader(inline === null ? source : source.slice(inline[0].length), all)
  return { root: reader.read(), ignoreCase: all.includes('i') }
}

/** Reads one pattern; used once. */
class Reader {
  #at = 0
  #depth = 0
  readonly #source: string
  readonly #flags: { readonly i: boolean; readonly m: boolean; readonly s: boolean }

  constructor(source: string, flags: string) {
    this.#source = source
    this.#flags = { i: flags.includes('i'), m: flags.includes('m'), s: flags.includes('s') }
  }

  read(): RegexNode {
    const root = this.#choice()
    if (this.#at < this.#source.length)
      this.#fail('")" without "("', String.raw`write \) where the character is meant`)
    return root
  }

  #fail(what: string, advice: string): never {
    throw new RuleError(`the regular expression cannot be used: ${what} at character ${this.#at + 1}`, advice)
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #choice(): RegexNode {
    if (++this.#depth > NESTING_MAX) this.#fail('it is nested too deeply', 'write it flatter')
    const of = [this.#sequence()]
    while (this.#take('|')) of.push(this.#sequence())
    this.#depth--
    return of.length === 1 ? of[0]! : { kind: 'choice', of }
  }

  #sequence(): RegexNode {
    const of: RegexNode[] = []
    while (this.#at < this.#source.length && !'|)'.includes(this.#source[this.#at]!))
      of.push(this.#repeated())
    return of.length === 1 ? of[0]! : { kind: 'sequence', of }
  }

  #repeated(): RegexNode {
    const atom = this.#atom()
    const range = this.#quantifier()
    if (range === undefined) return atom
    // Lazy or greedy is the same to a matcher that only says whether there is a match.
    if (this.#take('+')) this.#fail('a possessive quantifier', 'leave the second "+" out')
    this.#take('?')
    if (this.#quantifier() !== undefined) this.#fail('a quantifier after a quantifier', 'use a group (?:…)')
    return { kind: 'repeat', of: atom, ...range }
  }

  #quantifier(): { min: number; max: number } | undefined {
    if (this.#take('*')) return { min: 0, max: Infinity }
    if (this.#take('+')) return { min: 1, max: Infinity }
    if (this.#take('?')) return { min: 0, max: 1 }
    const braces = /^\{(\d{1,5})(?:(,)(\d{1,5})?)?\}/.exec(this.#source.slice(this.#at, this.#at + 16))
    if (braces === null) return undefined
    const min = Number(braces[1])
    const max = braces[2] === undefined ? min : braces[3] === undefined ? Infinity : Number(braces[3])
    if (max < min) this.#fail('a repetition with its bounds in the wrong order', `write {${max},${min}}`)
    this.#at += braces[0].length
    return { min, max }
  }

  #atom(): RegexNode {
    const char = this.#source[this.#at]!
    if ('*+?'.includes(char))
      this.#fail(`"${char}" with nothing to repeat`, `write \\${char} where the character is meant`)
    this.#at++
    switch (char) {
      case '(':
        return this.#group()
      case '[':
        return this.#class()
      case '.':
        return { kind: 'set', set: this.#flags.s ? chars.ANY : chars.invert(chars.LINE_ENDS) }
      case '^':
        return { kind: 'assert', what: this.#flags.m ? 'line-start' : 'text-start' }
      case '$':
        return { kind: 'assert', what: this.#flags.m ? 'line-end' : 'text-end' }
      case '\\':
        return this.#escape()
      default:
        return this.#unit(char.charCodeAt(0))
    }
  }

  #group(): RegexNode {
    if (this.#source[this.#at] === '?' && !this.#take('?:')) {
      const name = /^\?P?<[A-Za-z_]\w*>/.exec(this.#source.slice(this.#at, this.#at + 80))
      if (name === null) {
        const advice = 'Sigma allows plain groups (…) and (?:…); a flag such as (?i) stands at the very start'
        this.#fail('lookaround, an inner flag or an atomic group', advice)
      }
      this.#at += name[0].length
    }
    const inner = this.#choice()
    if (!this.#take(')')) this.#fail('"(" without ")"', String.raw`write \( where the character is meant`)
    return inner
  }

  #escape(): RegexNode {
    if (this.#take('b')) return { kind: 'assert', what: 'word-edge' }
    if (this.#take('B')) return { kind: 'assert', what: 'no-word-edge' }
    const escaped = this.#escapedSet()
    return typeof escaped === 'number' ? this.#unit(escaped) : { kind: 'set', set: escaped }
  }

  /** After `\`, in and outside of classes: a code unit, or a set of them. */
  #escapedSet(): number | chars.CharSet {
    const char = this.#source[this.#at]
    if (char === undefined) this.#fail('it ends with "\\"', String.raw`write \\ where the character is meant`)
    this.#at++
    const set = ESCAPED_SETS[char]
    if (set !== undefined) return set
    const unit = ESCAPED_UNITS[char]
    if (unit !== undefined) return unit
    const hex = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4}))/.exec(
      this.#source.slice(this.#at - 1, this.#at + 4),
    )
    if (hex !== null) {
      this.#at += hex[0].length - 1
      return Number.parseInt((hex[1] ?? hex[2])!, 16)
    }
    if (!/[A-Za-z0-9]/.test(char)) return char.charCodeAt(0)
    if (/[1-9]/.test(char)) this.#fail('a back reference', 'repeat the pattern itself')
    return this.#fail(
      `the escape \\${char}`,
      String.raw`write \d \w \s \b, \xHH, \uHHHH or the character itself`,
    )
  }

  #class(): RegexNode {
    const inverted = this.#take('^')
    const ranges: number[] = []
    if (this.#source[this.#at] === ']')
      this.#fail('an empty class', String.raw`write \] for the character "]"`)
    while (!this.#take(']')) this.#classItem(ranges)
    const set = this.#cased(chars.normalize(ranges))
    return { kind: 'set', set: inverted ? chars.invert(set) : set }
  }

  #classItem(ranges: number[]): void {
    if (this.#source.startsWith('[:', this.#at))
      this.#fail('a named class', String.raw`write \d, \w, \s or a range a-z`)
    const from = this.#classChar()
    if (typeof from !== 'number') {
      ranges.push(...from)
      return
    }
    const isRange = this.#source[this.#at] === '-' && this.#source[this.#at + 1] !== ']'
    if (!isRange) {
      ranges.push(from, from)
      return
    }
    this.#at++
    const to = this.#classChar()
    if (typeof to !== 'number' || to < from)
      this.#fail('a range that has no order', String.raw`write \- for the character "-"`)
    ranges.push(from, to)
  }

  #classChar(): number | chars.CharSet {
    const char = this.#source[this.#at]
    if (char === undefined) this.#fail('"[" without "]"', String.raw`write \[ where the character is meant`)
    this.#at++
    if (char !== '\\') return char.charCodeAt(0)
    return this.#take('b') ? 8 : this.#escapedSet()
  }

  #unit(unit: number): RegexNode {
    return { kind: 'set', set: this.#cased([unit, unit]) }
  }

  #cased(set: chars.CharSet): chars.CharSet {
    return this.#flags.i ? chars.ignoreCase(set) : set
  }
}

const ESCAPED_SETS: Readonly<Record<string, chars.CharSet>> = {
  d: chars.DIGITS,
  D: chars.invert(chars.DIGITS),
  w: chars.WORD,
  W: chars.invert(chars.WORD),
  s: chars.SPACE,
  S: chars.invert(chars.SPACE),
}

const ESCAPED_UNITS: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, '0': 0 }
