import { expect, test } from 'vitest'
import { FIELDS, fieldType } from '../../src/core/fields.ts'

test('the catalogue is sorted, has each field once, and describes it', () => {
  const names = FIELDS.map(({ name }) => name)
  expect(names).toEqual([...new Set(names)].sort())
  for (const { description } of FIELDS) expect(description).toMatch(/^[A-Za-z]/)
})

test.each([
  ['message', 'text'],
  ['@timestamp', 'date'],
  ['source.ip', 'ip'],
  ['source.port', 'long'],
  ['user.name', 'keyword'],
  ['kubernetes.labels', 'flattened'],
  ['kubernetes.labels.app.kubernetes.io/name', 'keyword'],
  ['kubernetes.labelsx', undefined],
  ['constructor', undefined],
  ['', undefined],
])('%s is %s', (name, type) => {
  expect(fieldType(name)).toBe(type)
})
