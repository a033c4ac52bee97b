import { describe, expect, test } from 'vitest'
import { CARRY_SPAN_BYTES_MAX, CARRY_STREAM_BYTES_MAX } from '../../src/core/limits.ts'
import { criLine, eventsOfLines, type TestEvent, TestStream } from './stream-of.ts'

function messages(events: readonly TestEvent[]): string[] {
  return events.map(({ document }) => document.message as string)
}

/** The exact bytes of an event's records, from the document alone. */
function rebuilt({ document }: TestEvent): string[] {
  const text = Buffer.from(document.message)
  const lines: string[] = []
  let at = 0
  for (const part of document.decklog.parts as string[]) {
    const space = part.lastIndexOf(' ')
    const length = Number(part.slice(space + 1))
    const header = part.slice(0, space)
    lines.push(`${header} ${text.subarray(at, at + length).toString()}`)
    at += length + (/ P(:|$)/.test(header) ? 0 : 1)
  }
  return lines
}

describe('parts of long lines', () => {
  test('are joined per stdout and stderr, also when interleaved', () => {
    const lines = [
      criLine('o1', { tag: 'P' }),
      criLine('e1', { tag: 'P', key: 'stderr' }),
      criLine('o2', { tag: 'P' }),
      criLine('e2', { key: 'stderr' }),
      criLine('o3'),
    ]
    const events = eventsOfLines(lines)
    expect(messages(events)).toEqual(['e1e2', 'o1o2o3'])
    expect(events.map(({ ranges }) => ranges)).toEqual([
      [
        [1, 1],
        [3, 3],
      ],
      [
        [0, 0],
        [2, 2],
        [4, 4],
      ],
    ])
    expect(events[1]!.document.decklog.ranges).toEqual([
      [0, 0],
      [2, 2],
      [4, 4],
    ])
    expect(rebuilt(events[1]!)).toEqual([lines[0], lines[2], lines[4]].map(String))
  })

  test('are recognised with more tags behind the first', () => {
    expect(messages(eventsOfLines([criLine('a', { tag: 'P:x:y' }), criLine('b', { tag: 'F:z' })]))).toEqual([
      'ab',
    ])
  })

  test('join across batches, and keep the batch open until then', () => {
    const stream = new TestStream()
    stream.feed([criLine('x'), criLine('a', { tag: 'P' })])
    expect(stream.openSince).toBe(1)
    expect(messages(stream.feed([criLine('b')]))).toEqual(['ab'])
    expect(stream.openSince).toBe(Number.POSITIVE_INFINITY)
  })

  test('are given up when the next line of the file is half a minute later, by the records’ own times', () => {
    const lines = [
      criLine('a', { tag: 'P', time: '2026-11-24T08:00:00Z' }),
      criLine('other', { key: 'stderr', time: '2026-11-24T08:00:31Z' }),
    ]
    const stream = new TestStream()
    const events = stream.feed(lines)
    expect(messages(events)).toEqual(['a', 'other'])
    expect(events[0]!.document.decklog.quality).toEqual(['partial'])
  })

  test('never become more than one event: beyond a megabyte the text is cut', () => {
    const stream = new TestStream()
    const part = criLine('p'.repeat(16_000), { tag: 'P' })
    for (let n = 0; n < 100; n++) stream.feed([part])
    expect(stream.openBytes).toBeLessThanOrEqual(CARRY_STREAM_BYTES_MAX)
    const [event] = stream.feed([criLine('end')])
    expect(stream.events).toHaveLength(1)
    expect(event!.ranges).toEqual([[0, 100]])
    expect(event!.document.decklog.quality).toEqual(['truncated', 'carry-limit'])
    expect(event!.document.decklog.parts).toBeUndefined()
  })

  test('end where the stream crosses a multiple of the span', () => {
    const stream = new TestStream()
    stream.feed([criLine('open', { tag: 'P', key: 'stderr' })], {
      streamOffset: CARRY_SPAN_BYTES_MAX - 1000,
      rawBytes: 100,
    })
    expect(stream.events).toEqual([])
    stream.feed([criLine('x')], { streamOffset: CARRY_SPAN_BYTES_MAX - 50, rawBytes: 100 })
    expect(messages(stream.events)).toEqual(['x', 'open'])
    expect(stream.openSince).toBe(Number.POSITIVE_INFINITY)
    expect(stream.events[1]!.document.decklog.quality).toEqual(['partial', 'carry-limit'])
  })

  test('do not join over a declared loss', () => {
    const stream = new TestStream()
    stream.feed([criLine('a', { tag: 'P' })])
    const loss = { firstSeq: 1, count: 3, bytes: 99, reason: 'deleted', detail: 'rotated away' }
    stream.feed([criLine('b')], { firstSeq: 4, losses: [loss] })
    expect(messages(stream.events)).toEqual(['a', 'b'])
    expect(stream.covers).toEqual([{ first: 1, last: 3, reason: 'lost', detail: 'deleted: rotated away' }])
  })

  test('do not join over records that never came', () => {
    const stream = new TestStream()
    stream.feed([criLine('a', { tag: 'P' })])
    stream.feed([criLine('b')], { firstSeq: 7 })
    expect(messages(stream.events)).toEqual(['a', 'b'])
  })
})

describe('a declared loss', () => {
  test('without numbers is carried on', () => {
    const stream = new TestStream()
    stream.feed([], {
      losses: [{ firstSeq: 0, count: 0, bytes: -1, reason: 'truncated', detail: 'copytruncate' }],
    })
    expect(stream.losses).toEqual([{ atSeq: 0, bytes: -1, reason: 'truncated', detail: 'copytruncate' }])
  })
})

describe('an envelope that lies about its payload', () => {
  test('says more records than there are: the rest is declared lost', () => {
    const stream = new TestStream()
    stream.feed([criLine('a')], { count: 3 })
    expect(messages(stream.events)).toEqual(['a'])
    expect(stream.covers).toMatchObject([{ first: 1, last: 2, reason: 'lost' }])
  })

  test('says fewer records than there are: the bytes are declared', () => {
    const stream = new TestStream()
    stream.feed([criLine('a'), criLine('b')], { count: 1 })
    expect(messages(stream.events)).toEqual(['a'])
    expect(stream.losses).toMatchObject([{ atSeq: 1, reason: 'envelope-mismatch' }])
  })
})

describe('stack traces', () => {
  const traces: readonly (readonly [name: string, type: string, message: string, lines: string[]])[] = [
    [
      'Java',
      'java.lang.IllegalStateException',
      'no cart',
      [
        'Exception in thread "main" java.lang.IllegalStateException: no cart',
        '\tat shop.Cart.get(Cart.java:10)',
        '\tat shop.Main.main(Main.java:3)',
        'Caused by: java.io.IOException: disk',
        '\t... 2 more',
      ],
    ],
    [
      'Python',
      'ValueError',
      "invalid literal: 'x'",
      [
        'Traceback (most recent call last):',
        '  File "a.py", line 1, in <module>',
        '    int("x")',
        "ValueError: invalid literal: 'x'",
      ],
    ],
    [
      'chained Python',
      'RuntimeError',
      'second',
      [
        'Traceback (most recent call last):',
        '  File "a.py", line 1',
        'KeyError: 1',
        '',
        'During handling of the above exception, another exception occurred:',
        '',
        'Traceback (most recent call last):',
        '  File "a.py", line 3',
        'RuntimeError: second',
      ],
    ],
    [
      'Go',
      'panic',
      'runtime error: index out of range [5] with length 3',
      [
        'panic: runtime error: index out of range [5] with length 3',
        '',
        'goroutine 1 [running]:',
        'main.(*server).serve(0xc0000b2000, {0x1, 0x2})',
        '\t/app/main.go:12 +0x1d',
        'created by main.main in goroutine 1',
        '\t/app/main.go:5 +0x2a',
        'exit status 2',
      ],
    ],
    [
      'JavaScript',
      'TypeError',
      "Cannot read properties of undefined (reading 'x')",
      [
        "TypeError: Cannot read properties of undefined (reading 'x')",
        '    at get (/app/cart.js:3:9)',
        '    at Object.<anonymous> (/app/main.js:1:1) {',
        "  code: 'E'",
        '}',
      ],
    ],
    [
      '.NET',
      'System.InvalidOperationException',
      'bad',
      [
        'Unhandled exception. System.InvalidOperationException: bad',
        ' ---> System.Exception: inner',
        '   at Shop.Cart.Get() in /src/Cart.cs:line 4',
        '   --- End of inner exception stack trace ---',
      ],
    ],
    [
      'Ruby',
      'ZeroDivisionError',
      'divided by 0',
      ["a.rb:2:in `divide': divided by 0 (ZeroDivisionError)", "\tfrom a.rb:5:in `<main>'"],
    ],
  ]

  test.each(traces)('of %s are one event', (_, type, message, lines) => {
    const stream = new TestStream()
    stream.feed([...lines.map((line) => criLine(line)), criLine('next line')])
    stream.idle()
    expect(messages(stream.events)).toEqual([lines.join('\n'), 'next line'])
    const [event] = stream.events
    expect(event!.ranges).toEqual([[0, lines.length - 1]])
    expect(event!.document.error).toMatchObject({ type, message })
    expect(rebuilt(event!)).toEqual(lines.map((line) => criLine(line).toString()))
    expect(stream.covers).toEqual([])
  })

  test('hold back no ordinary line', () => {
    const stream = new TestStream()
    const lines = [
      'an error: of sorts',
      'GET /errors 200',
      'gossip',
      'Traffic: 5',
      'pandas',
      'errors=0 Errors 3',
      '  indented',
    ]
    expect(messages(stream.feed(lines.map((line) => criLine(line))))).toEqual(lines)
    expect(stream.openSince).toBe(Number.POSITIVE_INFINITY)
  })

  test('of one line only wait for the next line, and are then as if they had not waited', () => {
    const stream = new TestStream()
    expect(stream.feed([criLine('FooException: bar')])).toEqual([])
    const [event] = stream.feed([criLine('ordinary')])
    expect(event!.document.message).toBe('FooException: bar')
    expect(event!.document.error).toBeUndefined()
    expect(event!.document.decklog.parts).toBeUndefined()
  })

  test('do not mix stdout and stderr', () => {
    const events = eventsOfLines([
      criLine('FooException: x', { key: 'stderr' }),
      criLine('\tout'),
      criLine('\tat y', { key: 'stderr' }),
    ])
    expect(messages(events)).toEqual(['\tout', 'FooException: x\n\tat y'])
  })

  test('end after two seconds by the records’ own times', () => {
    const events = eventsOfLines([
      criLine('FooException: x', { time: '2026-11-24T08:00:00Z' }),
      criLine('\tat y', { time: '2026-11-24T08:00:02Z' }),
      criLine('\tat z', { time: '2026-11-24T08:00:04.5Z' }),
    ])
    expect(messages(events)).toEqual(['FooException: x\n\tat y', '\tat z'])
  })

  test('leave empty lines behind them to be skipped', () => {
    const stream = new TestStream()
    stream.feed([criLine('panic: x'), criLine(''), criLine('plain')])
    expect(messages(stream.events)).toEqual(['panic: x', 'plain'])
    expect(stream.covers).toEqual([{ first: 1, last: 1, reason: 'skipped', detail: 'empty' }])
  })

  test('that are read from their middle give only parts of the event that they are', () => {
    for (const [, , , lines] of traces) {
      const whole = eventsOfLines([...lines, 'after'].map((line) => criLine(line)))
      for (let skip = 1; skip < lines.length; skip++) {
        const stream = new TestStream()
        stream.nextSeq = skip
        stream.feed([...lines.slice(skip), 'after'].map((line) => criLine(line)))
        stream.idle()
        for (const { ranges } of stream.events) {
          const [first, last] = ranges[0]!
          const around = whole.find(({ ranges: [range] }) => range![0] <= first && range![1] >= last)
          expect(around).toBeDefined()
        }
      }
    }
  })
})
