import { expect, test } from 'vitest'
import { EventIndex } from '../../src/core/event-batch.ts'
import { extraOf, foreignIdsOf, withoutRows } from '../../src/core/foreign-ids.ts'
import { batchOf, eventBatch } from '../support/event-batches.ts'

test('ids travel with their batch, and what is no list of texts is none', () => {
  const batch = batchOf([{ message: 'a' }, { message: 'b' }])
  expect(foreignIdsOf(batch)).toBeUndefined()
  expect(foreignIdsOf({ ...batch, extra: extraOf(['', 'x']) })).toEqual(['', 'x'])
  for (const ids of ['', '{', '{}', '[1]', 'null'])
    expect(foreignIdsOf({ ...batch, extra: { ids } })).toBeUndefined()
})

test('what is taken out is covered as duplicate, and the rest keeps its documents and ids', () => {
  const batch = {
    ...batchOf(['a', 'b', 'c', 'd', 'e'].map((message) => ({ message }))),
    extra: extraOf(['i', 'j', 'k', 'l', 'm']),
  }
  const left = withoutRows(batch, new Set([3, 1, 2]))
  const index = new EventIndex(left)
  expect([0, 1].map((row) => index.id(row))).toEqual([`${batch.stream}:0`, `${batch.stream}:4`])
  expect(index.count).toBe(2)
  expect(left.covers).toMatchObject([{ first: 1, last: 3, reason: 'duplicate' }])
  expect(foreignIdsOf(left)).toEqual(['i', 'm'])
  const at = index.offset(1)
  expect(JSON.parse(Buffer.from(left.documents).toString('utf8', at, at + index.length(1)))).toMatchObject({
    message: 'e',
  })
})

test('a record of which an event stays is not covered', () => {
  const batch = eventBatch({ events: [{ seq: 0 }, { seq: 0, n: 1 }, { ranges: [[1, 2], [5, 6]] }] }) // biome-ignore format: ranges
  expect(withoutRows(batch, new Set([1])).covers).toEqual([])
  expect(withoutRows(batch, new Set([0, 1, 2])).covers).toMatchObject([
    { first: 0, last: 2 },
    { first: 5, last: 6 },
  ])
})
