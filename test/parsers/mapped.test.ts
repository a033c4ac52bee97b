import { expect, test } from 'vitest'
import { unmappedFields } from '../../scripts/unmapped-fields.ts'

test('every field that a parser makes can be searched in Elasticsearch: it is in schemas/elasticsearch', () => {
  expect(
    unmappedFields().map(({ name, kind, formats }) => `${name}: ${kind} (${[...formats].join()})`),
  ).toEqual([])
})
