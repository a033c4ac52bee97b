import { expect, test } from 'vitest'
import { release } from '../../src/core/release.ts'

const SHARED_BYTES_MAX = Buffer.poolSize >>> 1

test('memory of large bytes is given back, also when they are a part of it that is as long as a pool', () => {
  const whole = Buffer.alloc(SHARED_BYTES_MAX)
  const part = Buffer.allocUnsafeSlow(Buffer.poolSize).subarray(0, SHARED_BYTES_MAX)
  release(whole)
  release(part)
  expect([whole.byteLength, part.byteLength]).toEqual([0, 0])
})

test('what may lie in a pool with bytes of others is left alone', () => {
  // Whatever the pool has left, one of them begins a new one, and its neighbour lies in the same.
  const some = Array.from({ length: 8 }, (_, i) => Buffer.allocUnsafe(SHARED_BYTES_MAX - 1).fill(i))
  const shared = some.filter((one) => one.buffer.byteLength > one.byteLength)
  expect(shared.length).toBeGreaterThan(0)
  for (const one of shared) release(one)
  expect(some.map((one) => one[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
})
