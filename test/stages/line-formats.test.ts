import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EventFlag } from '../../src/core/event-batch.ts'
import type { FormatDefinition } from '../../src/ports/format.ts'
import { parsersOnly } from '../../src/roles/process/parts.ts'
import { compilePipeline, type PipelineSpec } from '../../src/stages/pipeline.ts'
import { criLine, pipelineOf, podSpec, type TestEvent, TestStream } from './stream-of.ts'

const TIME_NS = BigInt(Date.UTC(2026, 10, 24, 8)) * 1_000_000n

function format(
  name: string,
  parse: FormatDefinition['parse'],
  kind: FormatDefinition['kind'] = 'payload',
): FormatDefinition {
  return { name, version: 3, kind, title: name, definedBy: 'this test', dataset: 'a.b', example: 'x', parse }
}

/** `W <text>`: a message without a time. */
const word = format('word', (text, draft) => {
  if (!text.startsWith('W ')) return false
  draft.message = text.slice(2)
  draft.original = text
  draft.fields.event = { action: 'said' }
  draft.fields.stream = 'forged'
  return true
})

/** `T<seconds> <text>`: so many seconds after eight. */
const timed = format('timed', (text, draft) => {
  const match = /^T(-?\d{1,9}) /.exec(text)
  if (match === null) return false
  draft.timeNs = TIME_NS + BigInt(match[1]!) * 1_000_000_000n
  draft.fields.process = { name: 'timed' }
  return true
})

/** Takes any object of JSON, and any text with `Exception` at its very beginning. */
const greedy = format('greedy', (text, draft) => {
  if (!text.startsWith('{') && !text.startsWith('Exception')) return false
  draft.fields.labels = { greedy: 'yes' }
  return true
})

const second = format('second', (text, draft) => {
  if (!text.includes('inner')) return false
  draft.fields.user = { name: 'inner' }
  return true
})

const thrower = format('thrower', (text, draft) => {
  draft.fields.half = 'done'
  if (text.startsWith('W boom')) throw new Error('broken')
  draft.fields = {}
  return false
})

const all = [word, timed, greedy, second, thrower]

function specOf(...parse: (string | string[])[]): PipelineSpec {
  return { ...podSpec, match: [{ ...podSpec.match[0]!, parse: ['cri', ...parse] }] }
}

function streamOf(...parse: (string | string[])[]): TestStream {
  return new TestStream(pipelineOf({ spec: specOf(...parse), formats: all }))
}

function only(events: readonly TestEvent[]): TestEvent {
  expect(events).toHaveLength(1)
  return events[0]!
}

/** The exact bytes of an event's records, from the document alone. */
function rebuilt({ document }: TestEvent): string[] {
  const text = Buffer.from(document.event.original ?? document.message)
  const parts: string[] = document.decklog.parts ?? [
    `${document['@timestamp']} ${document.stream} F ${text.length}`,
  ]
  let at = 0
  return parts.map((part) => {
    const space = part.lastIndexOf(' ')
    const length = Number(part.slice(space + 1))
    const line = `${part.slice(0, space)} ${text.subarray(at, at + length).toString()}`
    at += length
    return line
  })
}

describe('formats behind container lines', () => {
  test('read the text; what the line says stays as its fast path has it', () => {
    const line = criLine('W hello', { time: '2026-11-24T08:00:00.1234Z', key: 'stderr' })
    const taken = only(streamOf(['word']).feed([line]))
    const fast = only(streamOf(['json']).feed([line]))
    expect(taken.document).toMatchObject({
      '@timestamp': '2026-11-24T08:00:00.1234Z',
      message: 'hello',
      stream: 'stderr',
      event: { action: 'said', original: 'W hello', dataset: 'kubernetes.container_logs' },
      decklog: { parser: { name: 'word', version: 3 }, seq: 0, ranges: [[0, 0]] },
    })
    for (const name of ['@timestamp', 'stream', 'log', 'kubernetes', 'orchestrator', 'data_stream', 'input'])
      expect(taken.document[name]).toEqual(fast.document[name])
    expect(taken.document.decklog.parts).toBeUndefined()
    expect(taken.document.decklog.quality).toBeUndefined()
    expect([taken.timeNs, taken.flags, taken.ranges]).toEqual([fast.timeNs, 0, fast.ranges])
    expect(rebuilt(taken)).toEqual([line.toString()])
  })

  test('leave to the fast path what they do not take: JSON, then text', () => {
    const lines = [
      criLine('{"msg":"m","level":"warn"}'),
      criLine('other'),
      criLine('W x'),
      Buffer.from('no line'),
    ]
    const events = streamOf(['word']).feed(lines)
    const fast = streamOf(['json']).feed(lines)
    for (const at of [0, 1, 3]) expect(events[at]!.bytes).toBe(fast[at]!.bytes)
    expect(events[0]!.document.log.level).toBe('warn')
    expect(events[2]!.document.message).toBe('x')
  })

  test('are asked in the order of the list, `json` in its place among them', () => {
    const line = criLine('{"a":1}')
    const parserOf = (...list: string[]): string =>
      only(streamOf(list).feed([line])).document.decklog.parser.name as string
    expect(parserOf('greedy', 'json')).toBe('greedy')
    expect(parserOf('json', 'greedy')).toBe('cri')
    expect(parserOf('greedy')).toBe('greedy')
  })

  test('read what a format before them has left', () => {
    const [both, none] = streamOf(['word', 'json'], ['second']).feed([
      criLine('W inner'),
      criLine('{"inner":1}'),
    ])
    expect(both!.document).toMatchObject({ user: { name: 'inner' }, decklog: { parser: { name: 'second' } } })
    expect(none!.document.user).toBeUndefined()
  })

  test('have the runtime’s time, whatever theirs says', () => {
    const line = criLine('T5 x', { time: '2026-11-24T08:00:06Z' })
    const event = only(streamOf(['timed']).feed([line]))
    expect(event.document['@timestamp']).toBe('2026-11-24T08:00:06Z')
    expect(event.document.decklog.quality).toBeUndefined()
    expect(event.timeNs).toBe(BigInt(Date.parse('2026-11-24T08:00:06Z')) * 1_000_000n)
    expect(rebuilt(event)).toEqual([line.toString()])
  })

  test('say so when their time is more than a day from the runtime’s', () => {
    for (const seconds of ['90000', '-90000']) {
      const event = only(
        streamOf(['timed']).feed([criLine(`T${seconds} x`, { time: '2026-11-24T08:00:06.5Z' })]),
      )
      expect(event.document['@timestamp']).toBe('2026-11-24T08:00:06.5Z')
      expect(event.document.decklog.quality).toEqual(['time-differs'])
    }
  })

  test('have it for every event of a record that holds several', () => {
    const list = (...times: string[]): string =>
      JSON.stringify({
        items: times.map((lastTimestamp) => ({
          involvedObject: { kind: 'Pod', name: 'a' },
          reason: 'Started',
          lastTimestamp,
        })),
      })
    const spec = { ...podSpec, match: [{ ...podSpec.match[0]!, parse: ['cri', ['kubernetes-event']] }] }
    const events = new TestStream(compilePipeline(spec, parsersOnly)).feed([
      criLine(list('2026-11-24T08:00:05Z', '2026-11-24T08:00:07Z', '2024-01-01T00:00:00Z'), {
        time: '2026-11-24T08:00:06.5Z',
      }),
    ])
    expect(
      events.map(({ id, document }) => [id.slice(25), document['@timestamp'], document.decklog.quality]),
    ).toEqual([
      ['0', '2026-11-24T08:00:06.5Z', undefined],
      ['0.1', '2026-11-24T08:00:06.5Z', undefined],
      ['0.2', '2026-11-24T08:00:06.5Z', ['time-differs']],
    ])
  })

  test('keep the zone and odd headers', () => {
    const zoned = criLine('W x', { time: '2026-11-24T09:00:00.5+01:00' })
    const odd = criLine('W y', { tag: 'F:more' })
    const impossible = criLine('W z', { time: '2026-02-30T08:00:00Z' })
    const [first, next, last] = streamOf(['word']).feed([zoned, odd, impossible])
    expect(first!.document).toMatchObject({
      '@timestamp': '2026-11-24T08:00:00.5Z',
      event: { timezone: '+01:00' },
    })
    expect(rebuilt(next!)).toEqual([odd.toString()])
    expect(rebuilt(last!)).toEqual([impossible.toString()])
    expect(last!.document.decklog.quality).toEqual(['time-invalid'])
    expect(last!.flags & EventFlag.timeFromBatch).toBe(EventFlag.timeFromBatch)
  })

  test('read long lines once their parts are joined', () => {
    const lines = [criLine('W inn', { tag: 'P' }), criLine('er', { tag: 'P' }), criLine(' end')]
    const event = only(streamOf(['word'], ['second']).feed(lines))
    expect(event.document).toMatchObject({ message: 'inner end', user: { name: 'inner' } })
    expect(event.document.decklog.ranges).toEqual([[0, 2]])
    expect(rebuilt(event)).toEqual(lines.map(String))
  })

  test('take the head of a stack trace, which is then none', () => {
    const trace = [criLine('Exception: x'), criLine('\tat a.b(C.java:1)'), criLine('done')]
    const joined = streamOf(['word'])
    joined.feed(trace)
    joined.idle()
    const fast = streamOf(['json'])
    fast.feed(trace)
    fast.idle()
    expect(joined.events.map(({ bytes }) => bytes)).toEqual(fast.events.map(({ bytes }) => bytes))
    expect(joined.events).toHaveLength(2)
    const taken = streamOf(['greedy'])
    taken.feed(trace)
    taken.idle()
    expect(taken.events.map(({ document }) => document.decklog.parser.name)).toEqual(['greedy', 'cri', 'cri'])
  })

  test('that throw take nothing, and leave nothing behind', () => {
    const lines = [criLine('W boom'), criLine('W fine')]
    const events = streamOf(['thrower', 'word']).feed(lines)
    expect(events[0]!.bytes).toBe(streamOf(['json']).feed([lines[0]!])[0]!.bytes)
    expect(events[1]!.document.message).toBe('fine')
  })

  test('are read without the CR of a line that ends as on Windows', () => {
    const event = only(streamOf(['timed']).feed([criLine('T0 x\r', { time: '2026-11-24T08:00:00Z' })]))
    expect(event.document).toMatchObject({ message: 'T0 x', event: { original: 'T0 x\r' } })
    expect(event.document.decklog.quality).toBeUndefined()
  })

  test('keep the bytes of what is no text', () => {
    const text = Buffer.concat([Buffer.from('T0 '), Buffer.from([0xff, 0x41])])
    const event = only(streamOf(['timed']).feed([criLine(text)]))
    expect(event.document.message).toBe('T0 \ufffdA')
    expect(Buffer.from(event.document.decklog.raw, 'base64')).toEqual(text)
    expect(event.document.decklog.quality).toEqual(['invalid-utf8'])
  })

  test('read the redacted text', () => {
    const redactor = {
      prepare: () => ({ none: false, may: () => true }),
      apply: (text: string) => text.replaceAll('secret', '[redacted]'),
    }
    const pipeline = pipelineOf({ spec: specOf(['word']), formats: all, redactor })
    const event = only(new TestStream(pipeline).feed([criLine('W secret')]))
    expect(event.document).toMatchObject({ message: '[redacted]', event: { original: 'W [redacted]' } })
    expect(event.document.decklog.quality).toEqual(['redacted'])
  })
})

const lines = fc.array(
  fc
    .record({
      text: fc.oneof(
        fc.constantFrom(
          '',
          'W a',
          'W inner',
          'T1 x',
          'T999999 x',
          'Exception: y',
          'FooException: x',
          '\tat a.b(C.java:1)',
          'Caused by: BarException: y',
          '{"msg":"m"}',
          'W boom',
          'plain',
        ),
        fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.replaceAll('\n', ' ')),
      ),
      tag: fc.constantFrom('F', 'F', 'F', 'F', 'P', 'F:x'),
      key: fc.constantFrom('stdout', 'stdout', 'stderr'),
      seconds: fc.constantFrom(0, 0, 0, 1, 3, 40),
    })
    .map((shape) => shape),
  { maxLength: 30, size: 'max' },
)
const lists = fc.constantFrom<(string | string[])[]>(
  [['word', 'timed']],
  [['greedy', 'json', 'word']],
  [['json', 'greedy', 'timed']],
  [['thrower', 'word', 'timed'], ['second']],
)

describe('formats behind container lines, whatever the lines are', () => {
  test('account for each record once, and give the same bytes however they are cut and wherever they are read again', () => {
    fc.assert(
      fc.property(lines, lists, fc.array(fc.nat(6), { minLength: 1 }), (shapes, parse, sizes) => {
        let seconds = Date.UTC(2026, 10, 24, 7) / 1000
        const raw = shapes.map((shape) => {
          seconds += shape.seconds
          return criLine(shape.text, { ...shape, time: new Date(seconds * 1000).toISOString() })
        })
        const whole = streamOf(...parse)
        whole.feed(raw)
        whole.idle()
        const cut = streamOf(...parse)
        const clean: { seq: number; events: number }[] = []
        for (let at = 0, i = 0; at < raw.length; i++) {
          const size = 1 + sizes[i % sizes.length]!
          cut.feed(raw.slice(at, at + size))
          at += size
          if (cut.openSince === Number.POSITIVE_INFINITY)
            clean.push({ seq: cut.nextSeq, events: cut.events.length })
        }
        cut.idle()
        const bytes = cut.events.map((event) => event.bytes)
        expect(bytes).toEqual(whole.events.map((event) => event.bytes))
        for (const { seq, events } of clean) {
          const again = streamOf(...parse)
          again.nextSeq = seq
          again.feed(raw.slice(seq))
          again.idle()
          expect(again.events.map((event) => event.bytes)).toEqual(bytes.slice(events))
        }
        const times = new Uint8Array(raw.length)
        const ranges = [
          ...cut.events.flatMap((event) => event.ranges),
          ...cut.covers.map(({ first, last }) => [first, last] as const),
        ]
        for (const [first, last] of ranges) for (let seq = first; seq <= last; seq++) times[seq]!++
        expect(times.every((count) => count === 1)).toBe(true)
      }),
      { numRuns: 400 },
    )
  })
})
