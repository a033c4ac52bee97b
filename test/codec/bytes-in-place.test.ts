import { expect, test } from 'vitest'
import { coderOf } from '../../src/codec/avro.ts'

const schema = JSON.stringify({
  type: 'record',
  name: 'Two',
  fields: [
    { name: 'stream', type: 'string' },
    { name: 'small', type: 'bytes' },
    { name: 'large', type: 'bytes' },
  ],
})
const coder = coderOf<{ stream: string; small: Uint8Array; large: Uint8Array }>(schema)
const value = {
  stream: '0123456789abcdef01234567',
  small: Buffer.alloc(32, 1),
  large: Buffer.alloc(100_000, 2),
}

test('a large field is a view into the message, a small one has its own bytes', () => {
  const bytes = coder.encode(value)
  const back = coder.decode(bytes)
  expect(back.large.buffer).toBe(bytes.buffer)
  expect(back.small.buffer).not.toBe(bytes.buffer)
  expect(Buffer.compare(back.large, value.large)).toBe(0)
  expect(Buffer.compare(back.small, value.small)).toBe(0)
})

test('a message of any size comes back as it was', () => {
  for (const length of [0, 1, 4_000, 4_050, 4_095, 4_096, 4_097, 5_000, 300_000]) {
    const large = Buffer.alloc(length, length % 251)
    const back = coder.decode(coder.encode({ ...value, large }))
    expect(Buffer.compare(back.large, large)).toBe(0)
  }
})

test('a message that is cut off anywhere is refused', () => {
  const bytes = coder.encode({ ...value, large: Buffer.alloc(5_000, 2) })
  for (let length = 0; length < bytes.length; length += length < 100 ? 1 : 97)
    expect(() => coder.decode(bytes.subarray(0, length))).toThrow()
})

test('a field with a negative length is refused', () => {
  const bytes = Buffer.from(coder.encode({ ...value, large: Buffer.alloc(0) }))
  // Zigzag of -1, in the place of the last length.
  bytes[bytes.length - 1] = 1
  expect(() => coder.decode(bytes)).toThrow()
})
