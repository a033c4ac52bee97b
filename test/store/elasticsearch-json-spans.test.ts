import fc from 'fast-check'
import { expect, test } from 'vitest'
import { elementsOf, membersOf, valueAt } from '../../src/store/elasticsearch/read/json-spans.ts'
import { between, findHoles, missingOf, remaining } from '../../src/store/elasticsearch/read/holes.ts'

const blanks = fc.stringMatching(/^[ \t\n\r]{0,3}$/)
const string = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '"', '\\', '\\\\"', '}', '{', '],', '\u0000', '\u2028', 'x'.repeat(300), '\\"}', 'é😀'),
)

/** JSON as servers and programs write it: any blanks, any escapes. */
function written(value: unknown, blank: string): string {
  if (Array.isArray(value))
    return `[${blank}${value.map((one) => written(one, blank)).join(`${blank},${blank}`)}${blank}]`
  if (value === null || typeof value !== 'object')
    return typeof value === 'string' ? escaped(value) : JSON.stringify(value)
  const members = Object.entries(value).map(
    ([name, one]) => `${escaped(name)}${blank}:${blank}${written(one, blank)}`,
  )
  return `{${blank}${members.join(`${blank},${blank}`)}${blank}}`
}

/** Some characters by their number, which JSON.stringify would not do. */
function escaped(text: string): string {
  return JSON.stringify(text).replace(/a/g, '\\u0061').replace(/\//g, '\\/')
}

const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    string,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(string, tie('value'), { maxKeys: 4 }),
  ),
})).value

test('every value is found where it stands, byte for byte', () => {
  fc.assert(
    fc.property(fc.dictionary(string, json), blanks, (object, blank) => {
      const text = written(object, blank)
      const found = [...membersOf(text, 0)]
      expect(found.map(({ name }) => name)).toEqual(Object.keys(object))
      for (const { name, value } of found) {
        const own = text.slice(value.from, value.to)
        expect(own).toBe(written(object[name], blank))
        expect(valueAt(text, value.from)).toEqual(value)
      }
    }),
  )
})

test('every element of a list is found where it stands', () => {
  fc.assert(
    fc.property(fc.array(json), blanks, (list, blank) => {
      const text = `  ${written(list, blank)} `
      const found = [...elementsOf(text, 0)].map(({ from, to }) => text.slice(from, to))
      expect(found).toEqual(list.map((one) => written(one, blank)))
    }),
  )
})

test('a text that is cut or broken ends the search, without an exception or a loop', () => {
  const broken = fc
    .tuple(json, blanks, fc.nat(), fc.string({ maxLength: 2 }))
    .map(([value, blank, at, inserted]) => {
      const text = written({ hits: [value, value] }, blank)
      const place = at % (text.length + 1)
      return inserted === '' ? text.slice(0, place) : text.slice(0, place) + inserted + text.slice(place)
    })
  fc.assert(
    fc.property(broken, (text) => {
      let steps = 0
      try {
        for (const { value } of membersOf(text, 0)) for (const _ of elementsOf(text, value.from)) steps++
      } catch (error) {
        // A name is parsed, and a broken one is no name.
        expect(error).toBeInstanceOf(SyntaxError)
      }
      expect(steps).toBeLessThanOrEqual(text.length)
    }),
  )
})

const numbers = fc.uniqueArray(fc.nat({ max: 400 })).map((list) => list.sort((a, b) => a - b))

test('holes are just the numbers that are not there, whatever is there', async () => {
  await fc.assert(
    fc.asyncProperty(numbers, fc.nat({ max: 400 }), fc.nat({ max: 400 }), async (there, one, other) => {
      const range = { first: Math.min(one, other), last: Math.max(one, other) }
      const inside = (from: { first: number; last: number }): number[] =>
        there.filter((number) => number >= from.first && number <= from.last)
      const { holes, last } = await findHoles(range, {
        count: (from) => Promise.resolve(inside(from).length),
        list: (from) => Promise.resolve(inside(from)),
      })
      expect(last).toBe(range.last)
      const missing = holes.flatMap((hole) => numbersOf(hole))
      expect([...missing, ...inside(range)].sort((a, b) => a - b)).toEqual(numbersOf(range))
      expect(between(holes, range).flatMap(numbersOf)).toEqual(inside(range))
      expect(missingOf(range, inside(range)).flatMap(numbersOf)).toEqual(missing)
    }),
  )
})

test('a stretch with many holes is looked through step by step, and nothing of it is left out', async () => {
  const isThere = (number: number): boolean => number % 7 !== 0
  let first = 0
  const missing: number[] = []
  for (let scans = 0; first < 100_000 && scans < 1000; scans++) {
    const stretch = await findHoles(
      { first, last: 99_999 },
      {
        count: ({ first: from, last: to }) =>
          Promise.resolve(numbersOf({ first: from, last: to }).filter(isThere).length),
        list: (from) => Promise.resolve(numbersOf(from).filter(isThere)),
      },
    )
    expect(stretch.last).toBeGreaterThanOrEqual(first)
    missing.push(...stretch.holes.flatMap(numbersOf))
    first = stretch.last + 1
  }
  expect(missing).toEqual(numbersOf({ first: 0, last: 99_999 }).filter((number) => !isThere(number)))
})

test('a hole shrinks by what has come, and is given up after a while', () => {
  const hole = { first: 10, last: 20, sinceMs: 1_000 }
  expect(remaining([hole], [12, 13, 20], 2_000)).toEqual([
    { first: 10, last: 11, sinceMs: 1_000 },
    { first: 14, last: 19, sinceMs: 1_000 },
  ])
  expect(remaining([hole], [], 61_000)).toEqual([])
})

function numbersOf({ first, last }: { readonly first: number; readonly last: number }): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => first + at)
}
