import { expect, test } from 'vitest'
import type { Json } from '../../src/core/document.ts'
import { type FieldType, fieldType } from '../../src/core/fields.ts'
import { fixtureFiles, parseEvents } from '../parsers/support.ts'

/** A field compares as its catalogue type in every store, so what the parsers write must be of that type. */
test('what the parsers write has the types of the catalogue', () => {
  const wrong = new Set<string>()
  let looked = 0
  for (const { format, lines } of fixtureFiles()) {
    for (const line of lines) {
      for (const [name, value] of (parseEvents(format, line) ?? []).flatMap(({ fields }) => [
        ...leaves(fields, ''),
      ])) {
        looked++
        // A point on the map is no value that queries compare.
        if (/\.geo\.location\.l(?:at|on)$/.test(name)) continue
        const type = fieldType(name)
        if (!fits(type, value))
          wrong.add(`${format.name}: ${name} is ${typeof value}, the catalogue says ${type ?? 'nothing'}`)
      }
    }
  }
  expect(looked).toBeGreaterThan(500)
  expect([...wrong].sort()).toEqual([])
})

function* leaves(value: Json, path: string): Iterable<[string, Json]> {
  if (Array.isArray(value)) {
    for (const element of value) yield* leaves(element, path)
  } else if (value !== null && typeof value === 'object' && fieldType(path) !== 'flattened') {
    for (const [key, inner] of Object.entries(value))
      yield* leaves(inner, path === '' ? key : `${path}.${key}`)
  } else if (value !== null) yield [path, value]
}

/** A field that is not in the catalogue is a keyword: a text. */
function fits(type: FieldType | undefined, value: Json): boolean {
  if (type === 'flattened') return typeof value === 'object'
  if (type === 'long') return typeof value === 'number'
  if (type === 'boolean') return typeof value === 'boolean'
  return typeof value === 'string'
}
