import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileAutomaton } from '../../src/detect/sigma/regex-automaton.ts'
import { parseRegex } from '../../src/detect/sigma/regex-parse.ts'
import { regexTest } from '../../src/detect/sigma/regex.ts'
import { fold } from '../../src/detect/sigma/fold.ts'
import { RuleError } from '../../src/detect/sigma/problem.ts'

function matches(source: string, flags: string, text: string): boolean {
  return regexTest(source, flags).matches(text, fold(text), text)
}

const ATOMS = [
  'a',
  'b',
  'A',
  'k',
  '\\u212a',
  'İ',
  'ſ',
  's',
  'é',
  'É',
  '.',
  '\\d',
  '\\w',
  '\\s',
  '\\S',
  '\\W',
  '[ab]',
  '[^a]',
  '[a-k]',
  '[\\d_]',
  '\\b',
  '\\B',
  '^',
  '$',
  '1',
  '_',
  '\\n',
  '\\.',
  'ab',
  '\\x61',
]
const CHARACTERS = [
  'a',
  'b',
  'A',
  'B',
  'k',
  'K',
  '\u212a',
  'İ',
  'ſ',
  's',
  'é',
  'É',
  '\n',
  '\r',
  '\u2028',
  '1',
  '_',
  ' ',
  '.',
  '😀',
]

const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...ATOMS),
    fc.tuple(tie('expression'), tie('expression')).map((parts) => parts.join('')),
    fc.tuple(tie('expression'), tie('expression')).map((parts) => `(?:${parts.join('|')})`),
    fc
      .tuple(tie('expression'), fc.constantFrom('*', '+', '?', '{2}', '{1,2}', '{0,1}', '{1,}', '*?', '+?'))
      .map(([inner, times]) => `(${inner})${times}`),
  ),
}))

describe('regular expressions', () => {
  it('match what those of JavaScript match', () => {
    let hits = 0
    fc.assert(
      fc.property(
        expression,
        fc.subarray(['i', 'm', 's']).map((flags) => flags.join('')),
        fc.string({ unit: fc.constantFrom(...CHARACTERS), maxLength: 8 }),
        (source, flags, text) => {
          const expected = new RegExp(source, flags).test(text)
          if (expected) hits++
          expect(matches(source, flags, text)).toBe(expected)
        },
      ),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 5000) },
    )
    expect(hits).toBeGreaterThan(100)
  })

  it('need only literals that every match holds', () => {
    fc.assert(
      fc.property(
        expression,
        fc.string({ unit: fc.constantFrom(...CHARACTERS), maxLength: 12 }),
        (source, text) => {
          const test = regexTest(`abc${source}|${source}bcd`, 'i')
          if (test.needs === undefined || !test.matches(text, fold(text), text)) return
          expect(test.needs.some((literal) => fold(text).includes(literal))).toBe(true)
        },
      ),
    )
  })

  it('take their flags from modifiers and from the front of the pattern', () => {
    expect(matches('abc', '', 'ABC')).toBe(false)
    expect(matches('(?i)abc', '', 'ABC')).toBe(true)
    expect(matches('abc', 'i', 'ABC')).toBe(true)
    expect(matches('(?is)a.c', '', 'A\nC')).toBe(true)
    expect(matches('^b', 'm', 'a\nb')).toBe(true)
  })

  // Each needs exponential or polynomial time of a backtracking engine: minutes to centuries at this length.
  it.each([
    '(a+)+$',
    '^(a|a)*$',
    '(.*a){20}$',
    '(a|aa)+$',
    '(.*)(.*)(.*)(.*)x$',
    '^(([a-z])+.)+[A-Z]([a-z])+$',
  ])('take time in proportion to the text: %s', (source) => {
    const { root } = parseRegex(source, '')
    const test = compileAutomaton(root)
    expect(test(`${'a'.repeat(100_000)}!`)).toBe(false)
  })

  it('forget their states when there are too many, and still match', () => {
    // 2^12 states: which of the last 12 characters were an a.
    const test = compileAutomaton(parseRegex('a[ab]{12}c', '').root)
    const random = (index: number): string =>
      (index * 2_654_435_761) % 4294967296 > 2_147_483_648 ? 'a' : 'b'
    const text = Array.from({ length: 60_000 }, (_, index) => random(index ^ (index >> 3))).join('')
    expect(test(text)).toBe(false)
    expect(test(`${text}aabababababababc`.replace(/.{3}c$/, 'bbbc'))).toBe(
      /a[ab]{12}c/.test(`${text}aabababababababc`.replace(/.{3}c$/, 'bbbc')),
    )
    expect(test(`${text}a${'b'.repeat(12)}c`)).toBe(true)
  })

  it.each([
    ['(?=a)b', 'lookaround'],
    ['(?<!a)b', 'lookaround'],
    ['(a)\\1', 'back reference'],
    ['a++', 'possessive'],
    ['(?>a)', 'atomic'],
    ['\\pL', 'escape'],
    ['[[:alpha:]]', 'named class'],
    ['(a', '"(" without ")"'],
    ['a)', '")" without "("'],
    ['[a', '"[" without "]"'],
    ['*a', 'nothing to repeat'],
    ['a{2,1}', 'wrong order'],
    ['a\\', 'ends with'],
    ['(a{1000}){1000}', 'too large'],
    ['((){99999}){99999}a{3000}', 'too large'],
    [`${'('.repeat(10_000)}a`, 'nested too deeply'],
  ])('refuse %s and say why', (source, why) => {
    expect(() => regexTest(source, '')).toThrow(RuleError)
    expect(() => regexTest(source, '')).toThrow(why)
  })
})
