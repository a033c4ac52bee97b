import { describe, expect, test } from 'vitest'
import { decodeEventBatch } from '../../src/codec/event-batch.ts'
import { encodeRawBatch } from '../../src/codec/raw-batch.ts'
import type { RawBatch } from '../../src/core/batch.ts'
import { WorkerStreams } from '../../src/roles/process/worker-streams.ts'
import { batchOf, criLine, eventsOf, pipelineOf } from '../stages/stream-of.ts'

class Harness {
  readonly streams: WorkerStreams
  readonly #next = new Map<string, number>()
  #id = 1

  constructor(options: { carryBytesMax?: number; compress?: boolean } = {}) {
    const pipelines = new Map([['pod', pipelineOf()]])
    this.streams = new WorkerStreams({ pipelines, compress: false, carryBytesMax: 1 << 20, ...options })
  }

  run(
    lines: readonly Buffer[],
    options: Partial<RawBatch> = {},
    job: { reset?: boolean; kind?: 'batch' | 'close' | 'dead-letter' } = {},
  ) {
    const raw = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]))
    const stream = options.stream ?? 'a'.repeat(24)
    const firstSeq = options.firstSeq ?? this.#next.get(stream) ?? 0
    this.#next.set(stream, firstSeq + lines.length)
    const batch = batchOf({
      stream,
      firstSeq,
      count: lines.length,
      rawBytes: raw.length,
      payload: raw,
      ...options,
    })
    const result = this.streams.run({
      id: this.#id++,
      stream,
      class: 'pod',
      kind: job.kind ?? 'batch',
      reset: job.reset ?? false,
      receivedMs: 5,
      value: encodeRawBatch(batch),
    })
    const events = result.events === undefined ? undefined : decodeEventBatch(result.events)
    const readable = events?.codec === 'none' ? events : undefined
    return {
      ...result,
      batch: events,
      messages: eventsOf(readable).map(({ document }) => document.message as string),
    }
  }
}

describe('WorkerStreams', () => {
  test('reads a batch once', () => {
    const harness = new Harness()
    expect(harness.run([criLine('a')]).messages).toEqual(['a'])
    expect(harness.run([criLine('a')], { firstSeq: 0 })).toMatchObject({
      messages: [],
      isClean: true,
      records: 0,
    })
    expect(harness.run([criLine('b')], { firstSeq: 1 }).messages).toEqual(['b'])
  })

  test('a batch that was overtaken by a later one is no repetition; when it comes once more, it is', () => {
    const harness = new Harness()
    const late = (): string[] => harness.run([criLine('a'), criLine('b')], { firstSeq: 0 }).messages
    harness.run([], { firstSeq: 2, marks: ['idle'] })
    expect(late()).toEqual(['a', 'b'])
    expect(late()).toEqual([])
    harness.run([criLine('d')], { firstSeq: 3 })
    expect(harness.run([criLine('c')], { firstSeq: 2 }).messages).toEqual(['c'])
    expect(harness.run([criLine('c')], { firstSeq: 2 }).messages).toEqual([])
    expect(harness.run([criLine('e')], { firstSeq: 4 }).messages).toEqual(['e'])
  })

  test('a reader that began in the middle keeps what is begun open while what lies before comes again', () => {
    const harness = new Harness()
    const half = harness.run([criLine('c'), criLine('be', { tag: 'P' })], { firstSeq: 2 })
    expect(half).toMatchObject({ messages: ['c'], isClean: false })
    const again = harness.run([criLine('a'), criLine('b', { tag: 'P' })], { firstSeq: 0 })
    expect(again).toMatchObject({ messages: ['a', 'b'], isClean: false, carryBytes: half.carryBytes })
    expect(harness.run([criLine('a'), criLine('b')], { firstSeq: 0 }).messages).toEqual([])
    expect(harness.run([], { firstSeq: 1, marks: ['idle'] }).isClean).toBe(false)
    const rest = harness.run([criLine('gun')], { firstSeq: 4 })
    expect(rest).toMatchObject({ messages: ['begun'], isClean: true, carryBytes: 0 })
  })

  test('does not join over a batch that comes again in between', () => {
    const harness = new Harness()
    harness.run([criLine('x'), criLine('a', { tag: 'P' })])
    expect(harness.run([criLine('x'), criLine('a', { tag: 'P' })], { firstSeq: 0 })).toMatchObject({
      messages: [],
      isClean: false,
    })
    expect(harness.run([criLine('b')], { firstSeq: 2 }).messages).toEqual(['ab'])
  })

  test('takes a mark that comes again for what it is, and a new one for new', () => {
    const harness = new Harness()
    const loss = [{ firstSeq: 1, count: 0, bytes: 7, reason: 'truncated', detail: '' }]
    harness.run([criLine('a')])
    expect(harness.run([], { losses: loss }).batch!.losses).toHaveLength(1)
    expect(harness.run([], { losses: loss }).batch).toBeUndefined()
    expect(
      harness.run([], { losses: loss, previous: new Uint8Array(32).fill(7) }).batch!.losses,
    ).toHaveLength(1)
    harness.run([criLine('b', { tag: 'P' })])
    expect(harness.run([], { marks: ['idle'] }).messages).toEqual(['b'])
  })

  test('takes a fragment that comes again for what it is', () => {
    const harness = new Harness()
    const line = criLine('abcdef')
    const piece = (from: number, to: number, index: number, last: boolean) =>
      harness.run([], {
        payload: line.subarray(from, to),
        rawBytes: to - from,
        count: last ? 1 : 0,
        firstSeq: 0,
        fragment: { index, last },
      })
    piece(0, 20, 0, false)
    piece(0, 20, 0, false)
    expect(piece(20, line.length, 1, true).messages).toEqual(['abcdef'])
    expect(piece(20, line.length, 1, true).messages).toEqual([])
  })

  test('forgets a stream when it is told to, and after a failure', () => {
    const harness = new Harness()
    harness.run([criLine('a', { tag: 'P' })])
    expect(harness.run([criLine('a', { tag: 'P' })], { firstSeq: 0 }, { reset: true })).toMatchObject({
      isClean: false,
    })
    expect(() => harness.run([criLine('b')], { codec: 'zstd' })).toThrow()
    expect(harness.run([criLine('b')], { firstSeq: 1 }).messages).toEqual(['b'])
    expect(harness.run([], { marks: ['idle'] }).carryBytes).toBe(0)
  })

  test('covers the records of a dead letter, and closes what was open before it', () => {
    const harness = new Harness()
    harness.run([criLine('a', { tag: 'P' })])
    const dead = harness.run([criLine('b'), criLine('c')], {}, { kind: 'dead-letter' })
    expect(dead.messages).toEqual(['a'])
    expect(dead.batch!.covers).toEqual([
      { first: 1, last: 2, reason: 'dead-letter', detail: 'given up after three attempts' },
    ])
    expect(dead.isClean).toBe(true)
    expect(harness.run([criLine('d')]).messages).toEqual(['d'])
  })

  test('a dead letter in the middle of fragments leaves what there is of the record', () => {
    const harness = new Harness()
    const line = criLine('abc')
    const base = { firstSeq: 0, rawBytes: 40, payload: line }
    harness.run([], { ...base, count: 0, fragment: { index: 0, last: false } })
    const dead = harness.run(
      [],
      { ...base, count: 1, fragment: { index: 1, last: true } },
      { kind: 'dead-letter' },
    )
    expect(dead.messages).toEqual(['abc'])
    expect(dead.isClean).toBe(true)
    expect(harness.run([criLine('next')], { firstSeq: 1 }).messages).toEqual(['next'])
  })

  test('ends what is open on demand', () => {
    const harness = new Harness()
    harness.run([criLine('a', { tag: 'P' })])
    expect(harness.run([], {}, { kind: 'close' })).toMatchObject({
      messages: ['a'],
      isClean: true,
      carryBytes: 0,
    })
  })

  test('keeps no more of all streams than it may: texts are cut, events stay whole', () => {
    const harness = new Harness({ carryBytesMax: 50_000 })
    let most = 0
    for (let n = 0; n < 20; n++) {
      const stream = n.toString(16).padStart(24, '0')
      most = Math.max(most, harness.run([criLine('x'.repeat(20_000), { tag: 'P' })], { stream }).carryBytes)
    }
    expect(most).toBeLessThanOrEqual(50_000)
    const last = harness.run([criLine('end')], { stream: (19).toString(16).padStart(24, '0') })
    const [event] = eventsOf(last.batch)
    expect(event!.ranges).toEqual([[0, 1]])
    expect(event!.document.decklog.quality).toEqual(['truncated', 'carry-limit'])
  })

  test('packs documents when it is asked to', () => {
    const { batch } = new Harness({ compress: true }).run([criLine('a')])
    expect(batch!.codec).toBe('zstd')
    expect(batch!.documents.byteLength).toBeLessThan(batch!.documentBytes)
  })
})
