import { describe, expect, it } from 'vitest'
import { matches } from './building.ts'

/** Searches s1, s2, x.y and _h hold when the event has a field of that name. */
function holds(condition: string, ...present: string[]): boolean {
  const detection = [
    '  s1: { a|exists: true }',
    '  s2: { b|exists: true }',
    "  'x.y|z': { c|exists: true }",
    '  _h: { h|exists: true }',
    `  condition: ${condition}`,
  ].join('\n')
  return matches(detection, Object.fromEntries(present.map((name) => [name, 1])))
}

describe('conditions', () => {
  it('bind "and" more than "or", and "not" most', () => {
    expect(holds('s1 or s2 and x.y|z', 'a')).toBe(true)
    expect(holds('(s1 or s2) and x.y|z', 'a')).toBe(false)
    expect(holds('not s1 and s2', 'b')).toBe(true)
    expect(holds('not s1 or s2', 'a')).toBe(false)
    expect(holds('not not s1', 'a')).toBe(true)
  })

  it('count searches by pattern', () => {
    expect(holds('1 of s*', 'b')).toBe(true)
    expect(holds('all of s*', 'b')).toBe(false)
    expect(holds('2 of them', 'a', 'c')).toBe(true)
    expect(holds('2 of them', 'a')).toBe(false)
    expect(holds('not 1 of s*', 'c')).toBe(true)
    expect(holds('not all of s*', 'a')).toBe(true)
    expect(holds('s1 and 1 of *y*', 'a', 'c')).toBe(true)
  })

  it('leave names with _ out of "them", and not where they are asked for', () => {
    expect(holds('1 of them', 'h')).toBe(false)
    expect(holds('1 of _*', 'h')).toBe(true)
    expect(holds('all of them', 'a', 'b', 'c')).toBe(true)
  })

  it('write their words in any case', () => {
    expect(holds('s1 AND NOT s2', 'a')).toBe(true)
    expect(holds('1 OF s*', 'a')).toBe(true)
  })

  it('are alternatives when there are several', () => {
    expect(holds('[s1, s2]', 'b')).toBe(true)
    expect(holds('[s1, s2]', 'c')).toBe(false)
  })
})

describe('searches', () => {
  it('are all lines of a map, and any map of a list', () => {
    const detection = '  s:\n    - a: 1\n      b: 2\n    - c: 3\n  condition: s'
    expect(matches(detection, { a: 1, b: 2 })).toBe(true)
    expect(matches(detection, { a: 1 })).toBe(false)
    expect(matches(detection, { c: 3 })).toBe(true)
  })

  it('are keywords when they are texts: anywhere in the record or in what it holds', () => {
    const detection = '  s: [mimikatz, "a*z"]\n  condition: s'
    expect(matches(detection, {}, 'run MimiKatz now')).toBe(true)
    expect(matches(detection, {}, 'x abcz y')).toBe(true)
    expect(
      matches(detection, { decklog: { payload: { deep: [{ er: 'mimikatz' }] } } }, 'm\\u0069mikatz'),
    ).toBe(true)
    expect(matches(detection, {}, 'nothing')).toBe(false)
  })

  it('look for keywords only in what the source wrote, never in what decklog knows about it', () => {
    const detection = '  s: [mimikatz]\n  condition: s'
    expect(
      matches(detection, { kubernetes: { pod: { name: 'mimikatz-0' } }, event: { action: 'mimikatz' } }, 'x'),
    ).toBe(false)
  })

  it('want every keyword with |all, numbers too', () => {
    const detection = "  s: { '|all': [GET, 200] }\n  condition: s"
    expect(matches(detection, {}, 'get / 200')).toBe(true)
    expect(matches(detection, {}, 'get / 404')).toBe(false)
    expect(matches("  s: { '|re': 'G.T' }\n  condition: s", {}, 'a GET')).toBe(true)
  })

  it('mix maps and keywords in one list', () => {
    const detection = '  s: [word, { f: x }]\n  condition: s'
    expect(matches(detection, { f: 'x' }, '')).toBe(true)
    expect(matches(detection, {}, 'a word')).toBe(true)
  })
})
