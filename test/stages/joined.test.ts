import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CARRY_SPAN_BYTES_MAX, CARRY_STREAM_BYTES_MAX } from '../../src/core/limits.ts'
import { auditd } from '../../src/parsers/auditd.ts'
import { auditEvent, auditRecord, type AuditShape, shuffled } from './audit-records.ts'
import { pipelineOf, type TestEvent, TestStream } from './stream-of.ts'

const spec = { class: 'node', match: [{ when: {}, parse: ['auditd'], dataset: 'auditd.log' }] }
const pipeline = pipelineOf({ spec, formats: [auditd] })

function newStream(): TestStream {
  return new TestStream(pipeline, { class: 'node' })
}

function fed(lines: readonly string[]): TestStream {
  const stream = newStream()
  stream.feed(lines)
  stream.idle()
  return stream
}

function serials(events: readonly TestEvent[]): number[] {
  return events.map(({ document }) => document.event.sequence)
}

function missing({ document }: TestEvent): string[] {
  return document.decklog.audit?.missing ?? []
}

describe('records of one event', () => {
  test('are one document, with all of them in the message and in the ranges', () => {
    const lines = auditEvent({ serial: 7 })
    const stream = newStream()
    const [event, ...others] = stream.feed(lines)
    expect(others).toEqual([])
    expect(event!.document.message).toBe(lines.join('\n'))
    expect(event!.ranges).toEqual([[0, lines.length - 1]])
    expect(event!.document.decklog.ranges).toEqual([[0, lines.length - 1]])
    expect(event!.document.decklog.quality).toBeUndefined()
    expect(stream.openSince).toBe(Number.POSITIVE_INFINITY)
  })

  test('are joined when two events are interleaved, with ranges that are no neighbours', () => {
    const a = auditEvent({ serial: 1 })
    const b = auditEvent({ serial: 2 })
    const stream = newStream()
    stream.feed(a.flatMap((line, at) => [line, b[at]!]))
    expect(stream.events.map(({ document }) => document.message)).toEqual([a.join('\n'), b.join('\n')])
    expect(stream.events[0]!.ranges).toEqual(a.map((_, at) => [at * 2, at * 2]))
  })

  test('of different nodes are different events, whatever their serial and time', () => {
    const stream = newStream()
    const a = auditEvent({ serial: 1, node: 'a' })
    const b = auditEvent({ serial: 1, node: 'b' })
    stream.feed(a.flatMap((line, at) => [line, b[at]!]))
    expect(stream.events.map(({ document }) => document.auditd.log.node)).toEqual(['a', 'b'])
  })

  test('are joined in any order', () => {
    const lines = auditEvent({ serial: 9, paths: 2 })
    fc.assert(
      fc.property(fc.shuffledSubarray(lines, { minLength: lines.length }), (order) => {
        const { events } = fed(order)
        expect(events).toHaveLength(1)
        expect(missing(events[0]!)).toEqual([])
        expect(events[0]!.document.process.args).toEqual(['ls', '-l'])
      }),
      { numRuns: 200 },
    )
  })

  test('end with EOE, which belongs to its event also when that has left', () => {
    const lines = [...auditEvent({ serial: 3 }), auditRecord('EOE', { serial: 3 })]
    const stream = newStream()
    stream.feed(lines)
    expect(stream.events).toHaveLength(1)
    expect(stream.covers).toEqual([
      {
        first: lines.length - 1,
        last: lines.length - 1,
        reason: 'skipped',
        detail: 'end of an event that has left',
      },
    ])
  })

  test('wait for what was announced until a record is more than two seconds later', () => {
    const [call, , , ...rest] = auditEvent({ serial: 4, millis: 1000 })
    const stream = newStream()
    expect(
      stream.feed([call!, ...rest, auditRecord('CWD', { serial: 5, millis: 3000, body: 'cwd="/"' })]),
    ).toEqual([])
    const [event] = stream.feed([auditRecord('USER_END', { serial: 6, millis: 3001 })])
    expect(event!.document.event.sequence).toBe(4)
    expect(event!.document.decklog.quality).toEqual(['incomplete'])
    expect(missing(event!)).toEqual(['EXECVE', 'CWD'])
  })

  test('do not end by the time of another node', () => {
    const [call, ...rest] = auditEvent({ serial: 4, node: 'a' })
    const stream = newStream()
    expect(
      serials(stream.feed([call!, auditRecord('USER_END', { serial: 1, node: 'b', millis: 9000 })])),
    ).toEqual([1])
    expect(serials(stream.feed(rest))).toEqual([4])
  })

  test('end at a mark, and say what is missing', () => {
    const lines = auditEvent({ serial: 8, paths: 3 })
    const lost = [
      [0, 'SYSCALL'],
      [1, 'EXECVE'],
      [2, 'CWD'],
      [3, 'PATH'],
      [lines.length - 1, 'PROCTITLE'],
    ] as const
    for (const [at, type] of lost) {
      const { events } = fed(lines.filter((_, index) => index !== at))
      expect(events).toHaveLength(1)
      expect(missing(events[0]!)).toEqual([type])
      expect(events[0]!.document.decklog.quality).toEqual(['incomplete'])
    }
  })

  test('that are no system call at all are not incomplete', () => {
    const { events } = fed([
      auditRecord('AVC', { serial: 1, body: 'avc:  denied  { read } for  pid=1 comm="x"' }),
    ])
    expect(missing(events[0]!)).toEqual([])
    expect(events[0]!.document.decklog.quality).toBeUndefined()
  })
})

describe('limits', () => {
  test('an event ends when none of the next 2,048 records is its own', () => {
    const [call, ...rest] = auditEvent({ serial: 1 })
    const others = Array.from({ length: 2113 }, (_, n) => auditRecord('USER_END', { serial: 2 + n }))
    const stream = newStream()
    stream.feed([call!, ...others])
    expect(serials(stream.events.filter(({ document }) => document.event.action === 'executed'))).toEqual([1])
    expect(stream.openBytes).toBe(0)
    stream.feed(rest)
    stream.idle()
    expect(missing(stream.events.at(-1)!)).toEqual(['SYSCALL'])
  })

  test('what is open stays below a megabyte: texts are left out, records never', () => {
    const stream = newStream()
    const body = `item=0 name="${'x'.repeat(4000)}"`
    const lines = Array.from({ length: 500 }, () => auditRecord('PATH', { serial: 1, body }))
    stream.feed(lines)
    expect(stream.openBytes).toBeLessThanOrEqual(CARRY_STREAM_BYTES_MAX)
    stream.idle()
    expect(stream.events).toHaveLength(1)
    expect(stream.events[0]!.ranges).toEqual([[0, 499]])
    expect(stream.events[0]!.document.decklog.quality).toEqual(['incomplete', 'truncated', 'carry-limit'])
  })

  test('events end where the stream crosses a multiple of the span', () => {
    const stream = newStream()
    const [call] = auditEvent({ serial: 1 })
    stream.feed([call!], { streamOffset: CARRY_SPAN_BYTES_MAX - 10, rawBytes: 100 })
    expect(stream.events).toHaveLength(1)
    expect(stream.events[0]!.document.decklog.quality).toContain('carry-limit')
    expect(stream.openSince).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('serials that never come', () => {
  const gapsOf = (stream: TestStream): string[] =>
    stream.losses.filter(({ reason }) => reason === 'source-gap').map(({ detail }) => detail)
  const record = (serial: number, shape: AuditShape = {}): string =>
    auditRecord('USER_END', { serial, ...shape })

  test('are declared once they are two seconds late, at the record that showed it', () => {
    const stream = newStream()
    stream.feed([record(5, { millis: 0 }), record(9, { millis: 0 }), record(10, { millis: 2000 })])
    expect(gapsOf(stream)).toEqual([])
    stream.feed([record(11, { millis: 2001 })])
    expect(stream.losses).toEqual([
      { atSeq: 1, bytes: -1, reason: 'source-gap', detail: 'serials 6 to 8 never came' },
    ])
    stream.idle()
    expect(stream.losses).toHaveLength(1)
  })

  test('are not those that come late, before the first one, or again', () => {
    const stream = newStream()
    stream.feed([record(100), record(102), record(101), record(99), record(102), record(103)])
    stream.idle()
    expect(gapsOf(stream)).toEqual([])
  })

  test('are followed by node, and over the end of their 32 bits', () => {
    const last = 2 ** 32 - 1
    const stream = newStream()
    stream.feed([
      record(last - 1, { node: 'a' }),
      record(1, { node: 'b' }),
      record(last, { node: 'a' }),
      record(3, { node: 'b' }),
      record(0, { node: 'a' }),
      record(2, { node: 'a' }),
    ])
    stream.idle()
    expect(gapsOf(stream)).toEqual(['serial 1 of a never came', 'serial 2 of b never came'])
  })

  test('begin anew with a boot', () => {
    const stream = newStream()
    stream.feed([record(5000), record(5001), record(1, { millis: 60_000 }), record(2, { millis: 60_001 })])
    stream.idle()
    expect(gapsOf(stream)).toEqual([])
  })

  test('are not the daemon’s own numbers', () => {
    const stream = newStream()
    stream.feed([record(5), auditRecord('DAEMON_ROTATE', { serial: 9000 }), record(6)])
    stream.idle()
    expect(gapsOf(stream)).toEqual([])
  })

  test('are not declared twice where the shipper has declared the loss', () => {
    const stream = newStream()
    stream.feed([record(5)])
    const loss = { firstSeq: 1, count: 3, bytes: 99, reason: 'deleted', detail: 'rotated away' }
    stream.feed([record(9)], { firstSeq: 4, losses: [loss] })
    stream.idle()
    expect(gapsOf(stream)).toEqual([])
  })
})

describe('bad input', () => {
  test('that names no event is an event of its own, and its neighbours never know', () => {
    const lines = auditEvent({ serial: 1 })
    const odd = [
      '',
      'garbage',
      'type=SYSCALL',
      'type=PATH msg=audit(',
      'type=PATH msg=audit(x:1): a=b',
      '\u0000\u001b[31m',
    ]
    const stream = newStream()
    stream.feed(lines.flatMap((line, at) => [odd[at % odd.length]!, line]))
    stream.idle()
    const whole = stream.events.filter(({ document }) => document.event.action === 'executed')
    expect(whole).toHaveLength(1)
    expect(missing(whole[0]!)).toEqual([])
    accounted(stream, lines.length * 2)
  })

  test('that is no UTF-8 is kept in exact bytes, those of all records of the event', () => {
    const [call, ...rest] = auditEvent({ serial: 1 })
    const odd = Buffer.concat([Buffer.from(rest[0]!), Buffer.from([0x20, 0xff, 0xfe])])
    const stream = newStream()
    const [event] = stream.feed([call!, odd, ...rest.slice(1)])
    expect(event!.document.decklog.quality).toEqual(['invalid-utf8'])
    const lines = [Buffer.from(call!), odd, ...rest.slice(1).map((line) => Buffer.from(line))]
    const exact = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]).slice(0, -1))
    expect(Buffer.from(event!.document.decklog.raw, 'base64').equals(exact)).toBe(true)
  })

  test('gives each record once, however it is cut, and the same documents', () => {
    const lines = shuffled(
      Array.from({ length: 30 }, (_, n) =>
        auditEvent({ serial: n + 1, millis: n * 90, paths: n % 3 }),
      ).flat(),
      { window: 12, seed: 3 },
    )
    const whole = fed(lines)
    accounted(whole, lines.length)
    fc.assert(
      fc.property(fc.array(fc.nat(lines.length), { maxLength: 12 }), (cuts) => {
        const stream = newStream()
        let from = 0
        for (const cut of [...new Set(cuts)].sort((a, b) => a - b)) {
          stream.feed(lines.slice(from, cut))
          from = cut
        }
        stream.feed(lines.slice(from))
        stream.idle()
        expect(stream.events.map(({ bytes }) => bytes)).toEqual(whole.events.map(({ bytes }) => bytes))
        expect(stream.losses).toEqual(whole.losses)
      }),
      { numRuns: 100 },
    )
  })

  test('started anywhere, an orderly log gives only parts of its events', () => {
    const lines = Array.from({ length: 12 }, (_, n) => auditEvent({ serial: n + 1, paths: n % 3 })).flat()
    const whole = fed(lines)
    for (let skip = 1; skip < lines.length; skip++) {
      const late = newStream()
      late.nextSeq = skip
      late.feed(lines.slice(skip))
      late.idle()
      for (const { ranges } of late.events) {
        const first = ranges[0]![0]
        const last = ranges.at(-1)![1]
        const holder = whole.events.find(({ ranges: [range] }) => range![0] <= first && range![1] >= last)
        expect(holder).toBeDefined()
      }
    }
  })
})

describe('100,000 shuffled, interleaved, partly lost records', () => {
  test('every event is whole or tagged, memory is bounded, every lost serial is declared', () => {
    const { lines, events, lostSerials } = lossyLog(100_000)
    const stream = newStream()
    let open = 0
    for (let from = 0; from < lines.length; from += 500) {
      stream.feed(lines.slice(from, from + 500))
      open = Math.max(open, stream.openBytes)
    }
    stream.idle()
    expect(open).toBeLessThanOrEqual(CARRY_STREAM_BYTES_MAX)
    accounted(stream, lines.length)
    const found = new Map(stream.events.map((event) => [event.document.event.sequence as number, event]))
    expect(found.size).toBe(stream.events.length)
    let whole = 0
    for (const [serial, { written, came }] of events) {
      if (came === 0) continue
      const event = found.get(serial)!
      expect(event.document.decklog.audit?.records?.length ?? 1).toBe(came)
      expect(event.document.decklog.quality ?? []).toEqual(came === written ? [] : ['incomplete'])
      if (came === written) whole++
    }
    expect(whole).toBeGreaterThan(events.size / 2)
    expect(declared(stream)).toEqual(lostSerials)
  }, 120_000)
})

interface LossyLog {
  readonly lines: string[]
  readonly events: ReadonlyMap<number, { readonly written: number; came: number }>
  readonly lostSerials: number[]
}

/** Events of 3 to 8 records, a tenth of a millisecond apart; one record in 25 is lost, and now and then a whole event. */
function lossyLog(count: number): LossyLog {
  const random = randomOf(42)
  const events = new Map<number, { written: number; came: number }>()
  const all: { serial: number; line: string }[] = []
  for (let serial = 1; all.length < count; serial++) {
    const isLost = serial > 1 && random() < 0.01
    const records = auditEvent({ serial, millis: Math.floor(serial / 10), paths: Math.floor(random() * 5) })
    const kept = records.filter(() => !isLost && random() >= 0.04)
    events.set(serial, { written: records.length, came: kept.length })
    for (const line of kept) all.push({ serial, line })
  }
  const lines = shuffled(
    all.map(({ line }) => line),
    { window: 100, seed: 7 },
  )
  const last = all.at(-1)!.serial
  const first = Math.min(...lines.slice(0, 1).map((line) => Number(/:(\d+)\)/.exec(line)![1])))
  const lostSerials = [...events].filter(
    ([serial, { came }]) => came === 0 && serial > first && serial < last,
  )
  return { lines, events, lostSerials: lostSerials.map(([serial]) => serial) }
}

function declared(stream: TestStream): number[] {
  return stream.losses
    .flatMap(({ detail }) => {
      const [from, to] = (detail.match(/\d+/g) ?? []).map(Number)
      return Array.from({ length: (to ?? from!) - from! + 1 }, (_, n) => from! + n)
    })
    .sort((a, b) => a - b)
}

function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

/** Each record is in one event or one cover. */
function accounted(stream: TestStream, count: number): void {
  const seen = new Uint8Array(count)
  const ranges = [
    ...stream.events.flatMap((event) => [...event.ranges]),
    ...stream.covers.map(({ first, last }) => [first, last] as const),
  ]
  for (const [first, last] of ranges) for (let seq = first; seq <= last; seq++) seen[seq]!++
  expect(seen.findIndex((times) => times !== 1)).toBe(-1)
}
