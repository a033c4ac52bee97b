import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeSpooled, encodeHeader, encodeSpooled, headerOf } from '../../src/core/spooled-record.ts'
import type { BatchRun, RecordReader, WholeRecord } from '../../src/stages/run.ts'
import { SpooledReader } from '../../src/stages/spooled-reader.ts'
import { rawBatch } from '../support/raw-batches.ts'

/** Keeps what it is given: `seq` and bytes. */
class Recorder implements RecordReader {
  readonly openSince = Number.POSITIVE_INFINITY
  readonly openBytes = 0
  readonly records: [number, string][] = []

  readAll(run: BatchRun, raw: Buffer): { count: number; end: number } {
    let at = 0
    let read = 0
    while (read < run.batch.count && at < raw.length) {
      const newline = raw.indexOf(10, at)
      const end = newline === -1 ? raw.length : newline
      this.records.push([run.batch.firstSeq + read++, raw.toString('latin1', at, end)])
      at = Math.min(end + 1, raw.length)
    }
    return { count: read, end: at }
  }

  readOne(_run: BatchRun, { bytes, seq }: WholeRecord): void {
    const end = bytes.at(-1) === 10 ? bytes.length - 1 : bytes.length
    this.records.push([seq, bytes.toString('latin1', 0, end)])
  }

  close(): void {}
}

const HEADER = encodeHeader({ file: 'x', names: { sender: 'a' } })
const byte = fc.oneof(
  fc.constantFrom(10, 0x1e, 0x1b, 0x1f, 0x68, 0x65, 0x6e, 0x7b, 0),
  fc.integer({ min: 0, max: 255 }),
)
const record = fc.array(byte, { maxLength: 12 }).map((bytes) => Buffer.from(bytes))

test('whatever records hold, a reader of a spool gets them as they were, each with its seq', () => {
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      fc.integer({ min: 0, max: 99 }),
      (records, withHeader, firstSeq) => {
        const payload = Buffer.concat([...(withHeader ? [HEADER] : []), encodeSpooled(records)])
        const inner = new Recorder()
        const batch = rawBatch({ payload, firstSeq })
        expect(batch.count).toBe(records.length)
        const { count, end } = new SpooledReader(inner).readAll({ batch } as unknown as BatchRun, payload)
        expect({ count, end }).toEqual({ count: records.length, end: payload.length })
        expect(inner.records).toEqual(records.map((one, i) => [firstSeq + i, one.toString('latin1')]))
      },
    ),
    { numRuns: 3_000 },
  )
})

test('any bytes at all are read without an exception, all of them', () => {
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 60 }), (bytes) => {
      const payload = Buffer.from(bytes)
      const batch = { ...rawBatch({ payload }), count: 100 }
      const { end } = new SpooledReader(new Recorder()).readAll({ batch } as unknown as BatchRun, payload)
      expect(end).toBe(payload.length)
      decodeSpooled(payload)
      headerOf(payload)
    }),
    { numRuns: 3_000 },
  )
})

test('a header says whose the file is; half of one says nothing', () => {
  const line = Buffer.concat([HEADER, Buffer.from('first')])
  expect(headerOf(line)).toEqual({ file: 'x', names: { sender: 'a' } })
  expect(decodeSpooled(line).toString()).toBe('first')
  expect(headerOf(line.subarray(0, 12))).toBeUndefined()
  expect(headerOf(Buffer.from('plain'))).toBeUndefined()
  expect(headerOf(Buffer.from('\x1eh{"file":1}\x1f'))).toBeUndefined()
})
