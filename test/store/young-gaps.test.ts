import { expect, test } from 'vitest'
import { applyBatch, gapsOf, newStream, packStream, unpackStream } from '../../src/store/duckdb/coverage.ts'
import { eventBatch } from '../support/event-batches.ts'

const MINUTE = 60_000

test('a hole counts as a gap when it has been there for a minute, and others below it are filled', () => {
  const first = eventBatch({ events: [{ seq: 0 }, { seq: 3 }], receivedMs: 0 })
  const state = newStream(first)
  applyBatch(state, first)
  expect(gapsOf(state, MINUTE - 1)).toBe(0)
  expect(gapsOf(state, MINUTE)).toBe(2)

  // More arrives above it: the hole is as old as before.
  applyBatch(state, eventBatch({ events: [{ seq: 6 }], receivedMs: MINUTE }))
  expect(gapsOf(state, MINUTE)).toBe(4)

  // The held lines come: what is now the lowest hole is young.
  applyBatch(state, eventBatch({ events: [{ ranges: [[1, 2]] }], receivedMs: MINUTE }))
  expect(gapsOf(state, MINUTE + 1)).toBe(0)
  expect(gapsOf(unpackStream(packStream(state)), 2 * MINUTE)).toBe(2)
})

test('a hole that opens long after the stream began is young', () => {
  const first = eventBatch({ events: [{ seq: 0 }], receivedMs: 0 })
  const state = newStream(first)
  applyBatch(state, first)
  applyBatch(state, eventBatch({ events: [{ seq: 2 }], receivedMs: 10 * MINUTE }))
  expect(gapsOf(state, 10 * MINUTE + 1)).toBe(0)
})
