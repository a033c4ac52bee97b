import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EventBatch, SeqRange } from '../../src/core/event-batch.ts'
import { formats } from '../../src/parsers/registry.ts'
import { processBatch } from '../../src/stages/process-batch.ts'
import { newStreamState } from '../../src/stages/stream-state.ts'
import { batchOf, criLine, pipelineOf, RECEIVED_MS, type TestEvent, TestStream } from './stream-of.ts'

/** Records that joining depends on: parts, traces, blanks, times that jump, lines of no format, any bytes. */
const texts = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      '',
      '',
      'plain',
      'FooException: x',
      '\tat a.b(C.java:1)',
      'Caused by: BarException: y',
      'Traceback (most recent call last):',
      '  File "a.py", line 1',
      'ValueError: x',
      'During handling of the above exception, another exception occurred:',
      'panic: x',
      'goroutine 1 [running]:',
      'main.main()',
      '    raise FooError',
      '{"msg":"m","level":"warn"}',
      '{"a":1,"a":2}',
      '}',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.replaceAll('\n', ' ')),
  },
)

const records = fc.array(
  fc.oneof(
    {
      weight: 19,
      arbitrary: fc
        .record({
          text: texts,
          tag: fc.constantFrom('F', 'F', 'F', 'F', 'F', 'F', 'F', 'P', 'P:x', 'F:y'),
          key: fc.constantFrom('stdout', 'stdout', 'stdout', 'stdout', 'stderr'),
          seconds: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 40),
        })
        .map(({ text, tag, key, seconds }) => ({ text, tag, key, seconds })),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  ),
  { maxLength: 40, size: 'max' },
)

type RecordShape = { text: string; tag: string; key: string; seconds: number } | Uint8Array

function linesOf(shapes: readonly RecordShape[]): Buffer[] {
  let seconds = Date.UTC(2026, 10, 24, 7) / 1000
  return shapes.map((shape) => {
    if (shape instanceof Uint8Array) return Buffer.from(shape.map((byte) => (byte === 10 ? 32 : byte)))
    seconds += shape.seconds
    const time = new Date(seconds * 1000).toISOString()
    return criLine(shape.text, { tag: shape.tag, key: shape.key, time })
  })
}

/** Cuts a list into runs whose lengths follow `sizes`. */
function cuts<Item>(items: readonly Item[], sizes: readonly number[]): Item[][] {
  const runs: Item[][] = []
  for (let at = 0, i = 0; at < items.length; i++) {
    const size = 1 + (sizes[i % Math.max(1, sizes.length)] ?? 0)
    runs.push(items.slice(at, at + size))
    at += size
  }
  return runs
}

function fed(runs: readonly Buffer[][]): TestStream {
  const stream = new TestStream()
  for (const run of runs) stream.feed(run)
  stream.idle()
  return stream
}

function essence({ id, ranges, timeNs, flags, document }: TestEvent): unknown {
  return { id, ranges, timeNs, flags, document }
}

/** Each record in exactly one event's ranges or one cover. */
function accountedOnce(stream: TestStream, count: number): void {
  const times = new Uint8Array(count)
  const mark = ([first, last]: SeqRange): void => {
    for (let seq = first; seq <= last; seq++) times[seq]!++
  }
  for (const { ranges } of stream.events) for (const range of ranges) mark(range)
  for (const { first, last } of stream.covers) mark([first, last])
  expect([...times]).toEqual(Array.from({ length: count }, () => 1))
}

describe('processBatch', () => {
  test('never throws, and accounts for every record once, whatever the bytes are', () => {
    fc.assert(
      fc.property(records, fc.array(fc.nat(7), { minLength: 1 }), (shapes, sizes) => {
        const lines = linesOf(shapes)
        const stream = fed(cuts(lines, sizes))
        accountedOnce(stream, lines.length)
        expect(stream.openSince).toBe(Number.POSITIVE_INFINITY)
        expect(stream.openBytes).toBe(0)
      }),
      { numRuns: 400 },
    )
  })

  test('gives the same events however the same records are cut into batches', () => {
    fc.assert(
      fc.property(records, fc.array(fc.nat(7), { minLength: 1 }), (shapes, sizes) => {
        const lines = linesOf(shapes)
        const whole = fed([lines])
        const cut = fed(cuts(lines, sizes))
        expect(cut.events.map(essence)).toEqual(whole.events.map(essence))
      }),
      { numRuns: 400 },
    )
  })

  test('gives the same bytes when it is run again from any batch that left nothing open', () => {
    fc.assert(
      fc.property(records, fc.array(fc.nat(7), { minLength: 1 }), (shapes, sizes) => {
        const runs = cuts(linesOf(shapes), sizes)
        const clean: { batch: number; seq: number; events: number }[] = []
        const first = new TestStream()
        for (const [i, run] of runs.entries()) {
          first.feed(run)
          if (first.openSince === Number.POSITIVE_INFINITY) {
            clean.push({ batch: i + 1, seq: first.nextSeq, events: first.events.length })
          }
        }
        first.idle()
        for (const { batch, seq, events } of clean) {
          const again = new TestStream()
          again.nextSeq = seq
          for (const run of runs.slice(batch)) again.feed(run)
          again.idle()
          expect(again.events.map(({ bytes }) => bytes)).toEqual(
            first.events.slice(events).map(({ bytes }) => bytes),
          )
        }
      }),
      { numRuns: 200 },
    )
  })

  test('started anywhere, gives only parts of the events of a run from the beginning', () => {
    fc.assert(
      fc.property(records, (shapes) => {
        const lines = linesOf(shapes)
        const whole = fed([lines])
        for (let skip = 1; skip < lines.length; skip++) {
          const late = new TestStream()
          late.nextSeq = skip
          late.feed(lines.slice(skip))
          late.idle()
          for (const { ranges } of late.events) expect(isPartOfOne(ranges, whole)).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('gives valid, single-line JSON whose index says where it is', () => {
    fc.assert(
      fc.property(records, (shapes) => {
        const lines = linesOf(shapes)
        const raw = Buffer.concat(lines.map((line) => Buffer.concat([line, Buffer.from('\n')])))
        const batch = batchOf({ count: lines.length, rawBytes: raw.length, marks: ['idle'] })
        const { events } = processBatch(newStreamState(), batch, {
          raw,
          receivedMs: RECEIVED_MS,
          pipeline: pipelineOf(),
        })
        if (events !== undefined) expect(documentLines(events)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  test('never throws on records of any format', () => {
    for (const format of formats.values()) {
      if (format.kind !== 'record') continue
      const spec = { class: 'node', match: [{ when: {}, parse: [format.name], dataset: 'a.b' }] }
      const pipeline = pipelineOf({ spec, formats: [format] })
      fc.assert(
        fc.property(
          fc.array(fc.oneof(fc.uint8Array({ maxLength: 60 }), mutated(format.example))),
          (lines) => {
            const stream = new TestStream(pipeline)
            const clean = lines.map((line) => Buffer.from(line.map((byte) => (byte === 10 ? 32 : byte))))
            stream.feed(clean)
            stream.idle()
            accountedOnce(stream, clean.length)
          },
        ),
        { numRuns: 60 },
      )
    }
  })
})

function mutated(example: string): fc.Arbitrary<Uint8Array> {
  const bytes = Buffer.from(example)
  return fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 4 }).map((changes) => {
    const copy = new Uint8Array(bytes)
    for (const [at, byte] of changes) copy[at] = byte
    return copy
  })
}

function isPartOfOne(ranges: readonly SeqRange[], whole: TestStream): boolean {
  const holders = new Set<unknown>()
  for (const [first, last] of ranges) {
    for (let seq = first; seq <= last; seq++) {
      const isHolder = (others: readonly SeqRange[]): boolean => others.some(([a, b]) => a <= seq && seq <= b)
      holders.add(whole.events.find((event) => isHolder(event.ranges))?.id)
    }
  }
  return holders.size === 1
}

function documentLines(events: EventBatch): boolean {
  const text = Buffer.from(events.documents).toString()
  const lines = text.split('\n')
  expect(lines.pop()).toBe('')
  let offset = 0
  const view = new DataView(events.index.buffer, events.index.byteOffset)
  for (const [row, line] of lines.entries()) {
    const length = Buffer.byteLength(line)
    expect(view.getUint32(row * 48 + 24, true)).toBe(offset)
    expect(view.getUint32(row * 48 + 28, true)).toBe(length)
    JSON.parse(line)
    offset += length + 1
  }
  return true
}
