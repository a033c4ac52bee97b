import fc from 'fast-check'
import type { Json, JsonObject } from '../../src/core/document.ts'

/** Few fields, short texts of few characters: so that rules and events meet. */
const FIELDS = ['a', 'b', 'a.b', 'a.b.c', 'n.x']
const CHARACTERS = [
  'a',
  'A',
  'b',
  'B',
  'k',
  'K',
  '\u212a',
  'İ',
  'i',
  'σ',
  'ς',
  'Σ',
  'ß',
  '*',
  '?',
  '\\',
  '"',
  '/',
  '.',
  ' ',
  '\n',
  '😀',
  '1',
  '2',
  '-',
]

export const text = fc.string({ unit: fc.constantFrom(...CHARACTERS), maxLength: 6 })
const number = fc.oneof(fc.integer({ min: -3, max: 22 }), fc.constantFrom(1.5, 12, 0))
const scalar: fc.Arbitrary<Json> = fc.oneof(
  { weight: 6, arbitrary: text },
  { weight: 2, arbitrary: number },
  fc.boolean(),
  fc.constant(null),
)

const { value } = fc.letrec<{ value: Json; object: JsonObject }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'n', 'x', 'a.b', 'b.c'), tie('value'), { maxKeys: 4 }),
}))

export const document: fc.Arbitrary<JsonObject> = fc.dictionary(
  fc.constantFrom('a', 'b', 'n', 'a.b'),
  value,
  { maxKeys: 4 },
)

/** What is constant for a source: nested, no dots in keys. */
export const constants: fc.Arbitrary<JsonObject> = fc.record(
  {
    a: fc.record({ b: fc.oneof(scalar, fc.record({ c: scalar })) }, { requiredKeys: [] }),
    n: fc.record({ x: fc.oneof(scalar, fc.array(scalar, { maxLength: 2 })) }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
)

const SHAPES = ['', '|contains', '|startswith', '|endswith']
const textKey = fc
  .tuple(fc.constantFrom(...FIELDS), fc.constantFrom(...SHAPES), fc.subarray(['|cased', '|all', '|neq']))
  .map(([field, shape, more]) => field + shape + more.join(''))

const textItem = fc.tuple(textKey, fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 3 })))
const plainItem = fc.tuple(
  fc.constantFrom(...FIELDS),
  fc.oneof(scalar, fc.array(scalar, { minLength: 1, maxLength: 3 })),
)
const numberItem = fc.tuple(
  fc
    .tuple(fc.constantFrom(...FIELDS), fc.constantFrom('|lt', '|lte', '|gt', '|gte'))
    .map((parts) => parts.join('')),
  number,
)
const existsItem = fc.tuple(
  fc.constantFrom(...FIELDS).map((field) => `${field}|exists`),
  fc.boolean(),
)
const regexItem = fc.tuple(
  fc.constantFrom(...FIELDS).chain((field) => fc.constantFrom(`${field}|re`, `${field}|re|i`)),
  fc.constantFrom('a+b', '^a', 'k$', '[ab]{2}', 'a|2', '\\d', '(a|b)*1', '.', 'a.?b', '\\bA'),
)

const item: fc.Arbitrary<[string, Json]> = fc.oneof(
  { weight: 4, arbitrary: textItem },
  { weight: 3, arbitrary: plainItem },
  numberItem,
  existsItem,
  regexItem,
)

const map: fc.Arbitrary<JsonObject> = fc
  .array(item, { minLength: 1, maxLength: 3 })
  .map((items) => Object.fromEntries(items))
const keywords = fc.array(fc.string({ unit: fc.constantFrom(...CHARACTERS), minLength: 1, maxLength: 4 }), {
  minLength: 1,
  maxLength: 2,
})
const search: fc.Arbitrary<Json> = fc.oneof(
  { weight: 4, arbitrary: map },
  fc.array(map, { minLength: 1, maxLength: 2 }),
  keywords,
)

const NAMES = ['sel_a', 'sel_b', '_hidden', 'filter']
const { condition } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...NAMES),
    fc.constantFrom(
      '1 of them',
      'all of them',
      '1 of sel_*',
      'all of sel_*',
      '2 of them',
      '1 of _*',
      'any of *_a',
    ),
    tie('condition').map((inner) => `not (${inner})`),
    fc.constantFrom(...NAMES).map((name) => `not ${name}`),
    fc.tuple(tie('condition'), tie('condition')).map(([left, right]) => `${left} and ${right}`),
    fc.tuple(tie('condition'), tie('condition')).map(([left, right]) => `${left} or ${right}`),
    tie('condition').map((inner) => `(${inner})`),
  ),
}))

/** A whole `detection`. `condition` is a list. */
export const detection: fc.Arbitrary<JsonObject> = fc
  .tuple(search, search, search, search, fc.array(condition, { minLength: 1, maxLength: 2 }))
  .map(([first, second, hidden, filter, conditions]) => ({
    sel_a: first,
    sel_b: second,
    _hidden: hidden,
    filter,
    condition: conditions,
  }))
