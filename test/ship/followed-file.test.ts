import { expect, test } from 'vitest'
import { TAIL_BYTES_MAX, UNREAD } from '../../src/sources/fingerprint.ts'
import { keepTail, newFile } from '../../src/roles/ship/followed-file.ts'

test('the bytes before the offset are copied, and keep nothing else in memory', () => {
  const position = { ...UNREAD, id: '1:2', path: '/var/log/pods/a/b/0.log' }
  const file = newFile(position, { size: 0, packed: undefined }, undefined)
  const read = Buffer.allocUnsafe(TAIL_BYTES_MAX)
  for (const length of [3, TAIL_BYTES_MAX, TAIL_BYTES_MAX, 0]) {
    const bytes = read.subarray(0, length).fill(length)
    keepTail(file, bytes)
    read.fill(0xff)
    expect(file.tail).toEqual(Buffer.alloc(length, length))
    expect(file.tail!.buffer.byteLength).toBe(length)
  }
})
