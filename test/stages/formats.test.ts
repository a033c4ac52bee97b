import { describe, expect, test } from 'vitest'
import type { Draft, JsonObject } from '../../src/core/document.ts'
import { EventFlag } from '../../src/core/event-batch.ts'
import { type FormatDefinition, OTHERS_MAX } from '../../src/ports/format.ts'
import { parsersOnly } from '../../src/roles/process/parts.ts'
import { compilePipeline, type PipelineSpec } from '../../src/stages/pipeline.ts'
import { pipelineOf, podSpec, TestStream, WALL_TIME_MS } from './stream-of.ts'

function format(
  name: string,
  parse: (text: string, draft: Draft) => boolean,
  kind: FormatDefinition['kind'] = 'record',
): FormatDefinition {
  return { name, version: 3, kind, title: name, definedBy: 'this test', dataset: 'a.b', example: 'x', parse }
}

function specOf(parse: PipelineSpec['match'][number]['parse'], dataset = 'system.auth'): PipelineSpec {
  return { class: 'ssh', match: [{ when: {}, parse, dataset }] }
}

const provenance = {
  cluster: 'c',
  node: 'n',
  kind: 'file',
  format: 'syslog',
  names: { path: '/var/log/auth.log' },
}

function streamOf(
  formats: readonly FormatDefinition[],
  parse: PipelineSpec['match'][number]['parse'],
): TestStream {
  const pipeline = pipelineOf({ spec: specOf(parse), formats })
  return new TestStream(pipeline, { class: 'ssh', tenant: 'c', provenance })
}

const timeNs = BigInt(WALL_TIME_MS) * 1_000_000n + 5n

const header = format('header', (text, draft) => {
  if (!text.startsWith('H ')) return false
  draft.timeNs = timeNs
  draft.message = text.slice(2)
  draft.fields.process = { name: text.split(' ')[1]! }
  draft.fields.event = { action: 'read', dataset: 'forged', kind: 'state' }
  return true
})
const login = format(
  'login',
  (text, draft) => {
    if (!text.includes('login')) return false
    draft.fields.user = { name: 'root' }
    return true
  },
  'payload',
)
const logout = format(
  'logout',
  (text, draft) => {
    if (!text.includes('log')) return false
    draft.fields.user = { name: 'nobody' }
    return true
  },
  'payload',
)

describe('formats that make an object', () => {
  test('read a record, then its message with the first payload format that takes it', () => {
    const [event] = streamOf([header, login, logout], ['header', ['login', 'logout']]).feed(['H login now'])
    expect(event!.document).toMatchObject({
      '@timestamp': '2026-11-24T08:00:10.000000005Z',
      message: 'login now',
      user: { name: 'root' },
      process: { name: 'login' },
      event: { action: 'read', kind: 'state', dataset: 'system.auth', module: 'system' },
      data_stream: { type: 'logs', dataset: 'system.auth', namespace: 'c.ssh' },
      host: { name: 'n' },
      log: { file: { path: '/var/log/auth.log' } },
      decklog: { seq: 0, ranges: [[0, 0]], parser: { name: 'login', version: 3 }, class: 'ssh' },
    })
    expect(event!.timeNs).toBe(timeNs)
    expect(event!.flags).toBe(0)
  })

  test('keep a record that they cannot read as text, with the time of the batch', () => {
    const stream = streamOf([header], ['header'])
    const [bad, good] = stream.feed(['nonsense', 'H fine'])
    expect(bad!.document).toMatchObject({
      message: 'nonsense',
      decklog: { quality: ['parse-failed', 'time-missing'] },
    })
    expect(bad!.flags).toBe(EventFlag.parseFailed | EventFlag.timeFromBatch | EventFlag.quality)
    expect(good!.document.message).toBe('fine')
  })

  test('that throw harm their own record only', () => {
    const thrower = format('thrower', (text, draft) => {
      draft.fields.half = 'done'
      if (text.includes('bad')) throw new Error('broken')
      return true
    })
    const events = streamOf([thrower], ['thrower']).feed(['a', 'bad', 'b'])
    expect(events.map(({ document }) => document.message)).toEqual(['a', 'bad', 'b'])
    expect(events[1]!.document.decklog.quality).toContain('parser-threw')
    expect(events[1]!.document.half).toBeUndefined()
  })

  test('cannot set what the shipper says', () => {
    const forger = format('forger', (_, draft) => {
      draft.fields = {
        host: { name: 'evil', os: 'x' },
        decklog: { class: 'pod', stream: 'x', session: 's' },
        orchestrator: 'text',
        data_stream: { namespace: 'other' },
        event: { ingested: 'x' },
      }
      return true
    })
    const [event] = streamOf([forger], ['forger']).feed(['x'])
    expect(event!.document).toMatchObject({
      host: { name: 'n', os: 'x' },
      decklog: { class: 'ssh', stream: 'aaaaaaaaaaaaaaaaaaaaaaaa', session: 's' },
      orchestrator: { cluster: { name: 'c' } },
      data_stream: { namespace: 'c.ssh' },
    })
    expect(event!.document.event.ingested).not.toBe('x')
  })

  test('keep foreign keys as data, prototypes untouched', () => {
    const proto = format('proto', (text, draft) => {
      draft.fields.kubernetes = JSON.parse(text) as JsonObject
      return true
    })
    const [event] = streamOf([proto], ['proto']).feed([
      '{"__proto__":{"polluted":1},"a":{"constructor":{"x":1}}}',
    ])
    expect(event!.bytes).toContain('"__proto__":{"polluted":1}')
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test('never let half a surrogate pair into a document', () => {
    const json = format('json', (text, draft) => {
      draft.message = JSON.parse(text) as string
      return true
    })
    const [event] = streamOf([json], ['json']).feed(['"a\\ud800b \\\\ud800 \\ud83d\\ude00"'])
    expect(event!.document.message).toBe('a\ufffdb \\ud800 😀')
    expect(event!.bytes).not.toMatch(/[^\\]\\ud800/)
  })

  test('say what is odd about text and time', () => {
    const late = format('late', (_, draft) => {
      draft.timeNs = 10n ** 20n
      return true
    })
    const [far] = streamOf([late], ['late']).feed(['a\u001b'])
    expect(far!.document.decklog.quality).toEqual(['time-invalid', 'control-characters'])
    const future = format('future', (_, draft) => {
      draft.timeNs = timeNs + 2n * 86_400_000_000_000n
      return true
    })
    expect(streamOf([future], ['future']).feed(['x'])[0]!.document.decklog.quality).toEqual(['time-future'])
  })

  test('keep the original where the parser asks for it, and the bytes where they are no text', () => {
    const keeper = format('keeper', (text, draft) => {
      draft.original = text
      return true
    })
    const events = streamOf([keeper], ['keeper']).feed(['as it was', Buffer.from([0x61, 0xff])])
    expect(events[0]!.document.event.original).toBe('as it was')
    expect(events[1]!.document.event.original).toBeUndefined()
    expect(Buffer.from(events[1]!.document.decklog.raw, 'base64')).toEqual(Buffer.from([0x61, 0xff]))
  })

  test('make documents of any length, the first of a batch too', () => {
    const long = `H ${'\u0001"é'.repeat(200_000)}`
    const events = streamOf([header], ['header']).feed([long, 'H short', long])
    // Told by booleans: a difference of a megabyte helps nobody.
    expect(events.map(({ document }) => document.message === long.slice(2))).toEqual([true, false, true])
    expect(events[1]!.document.message).toBe('short')
  })

  test('read a record that came in fragments', () => {
    const stream = streamOf([header], ['header'])
    stream.feedRaw(Buffer.from('H on'), { count: 0, fragment: { index: 0, last: false } })
    expect(stream.openSince).toBe(0)
    const [event] = stream.feedRaw(Buffer.from('e\n'), { count: 1, fragment: { index: 1, last: true } })
    expect(event!.document.message).toBe('one')
    expect(stream.openSince).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('a record that holds several events', () => {
  const many: FormatDefinition = {
    ...header,
    name: 'many',
    parse(text, draft, _context, others) {
      const [first, ...rest] = text.split(',')
      draft.message = first!
      draft.timeNs = timeNs
      draft.original = text
      for (const message of rest)
        others?.push({ ...draft, fields: {}, message, original: undefined, quality: [] })
      if (text.includes('bad')) throw new Error('broken')
      return true
    },
  }

  test('gives each its own document and number, and covers the record once', () => {
    const stream = streamOf([many], ['many'])
    const events = stream.feed(['a,b,c', 'd'])
    expect(events.map(({ id, ranges, document }) => [id.slice(25), ranges, document.message])).toEqual([
      ['0', [[0, 0]], 'a'],
      ['0.1', [[0, 0]], 'b'],
      ['0.2', [[0, 0]], 'c'],
      ['1', [[1, 1]], 'd'],
    ])
    expect(events.map(({ document }) => document.event.original)).toEqual([
      'a,b,c',
      undefined,
      undefined,
      'd',
    ])
    expect(events[2]!.timeNs).toBe(timeNs)
    expect(events[2]!.document.decklog).toMatchObject({ seq: 0, parser: { name: 'many' } })
  })

  test('is text, once, when its parser throws half-way', () => {
    const events = streamOf([many], ['many']).feed(['a,bad,c'])
    expect(events.map(({ id, document }) => [id.slice(25), document.message])).toEqual([['0', 'a,bad,c']])
  })

  test('gives no more than an id can number', () => {
    const events = streamOf([many], ['many']).feed([','.repeat(20_000)])
    expect(events).toHaveLength(OTHERS_MAX + 1)
  })
})

describe('fragments', () => {
  test('whose rest never comes leave what there is', () => {
    const stream = streamOf([header], ['header'])
    stream.feedRaw(Buffer.from('H on'), { count: 0, fragment: { index: 0, last: false } })
    const events = stream.feed(['H next'], { firstSeq: 1 })
    expect(events.map(({ id, document }) => [id.split(':')[1], document.message])).toEqual([
      ['0', 'on'],
      ['1', 'next'],
    ])
    expect(events[0]!.document.decklog.quality).toEqual(['truncated'])
  })

  test('whose beginning was read in an earlier run belong to its event', () => {
    const stream = streamOf([header], ['header'])
    stream.feedRaw(Buffer.from('rest'), { firstSeq: 5, count: 0, fragment: { index: 7, last: false } })
    stream.feedRaw(Buffer.from('end\n'), { firstSeq: 5, count: 1, fragment: { index: 8, last: true } })
    expect(stream.events).toEqual([])
    expect(stream.covers).toMatchObject([{ first: 5, last: 5, reason: 'joined-into' }])
  })

  test('of which one is missing are said to be cut', () => {
    const stream = streamOf([header], ['header'])
    stream.feedRaw(Buffer.from('H a'), { count: 0, fragment: { index: 0, last: false } })
    stream.feedRaw(Buffer.from('c\n'), { count: 1, fragment: { index: 2, last: true } })
    expect(stream.events[0]!.document).toMatchObject({ message: 'ac', decklog: { quality: ['truncated'] } })
  })
})

describe('a pipeline', () => {
  test('chooses by provenance only, the first that fits', () => {
    const spec: PipelineSpec = {
      class: 'node',
      match: [
        { when: { kind: 'file', path: '/b' }, parse: ['header'], dataset: 'a.path' },
        { when: { format: 'syslog', class: 'node' }, parse: ['header'], dataset: 'a.format' },
      ],
    }
    const pipeline = pipelineOf({ spec, formats: [header] })
    const datasetOf = (names: Record<string, string>, formatName: string): string => {
      const stream = new TestStream(pipeline, {
        class: 'node',
        provenance: { ...provenance, format: formatName, names },
      })
      return stream.feed(['H x'])[0]!.document.event.dataset as string
    }
    expect(datasetOf({ path: '/b' }, 'syslog')).toBe('a.path')
    expect(datasetOf({ path: '/c' }, 'syslog')).toBe('a.format')
    expect(datasetOf({ path: '/c' }, 'other')).toBe('decklog.unrouted')
    expect(datasetOf({ format: 'syslog' }, 'other')).toBe('decklog.unrouted')
  })

  test.each([
    [['nothing'], /"nothing", which is no format; formats: cri, docker-json, header, login/],
    [['header', ['header']], /header, a record format, behind another/],
    [['cri', ['login'], ['json']], /"json", which is no format/],
    [[['header']], /no format/],
  ])('that says %j is refused with what is wrong', (parse, message) => {
    const formats = new Map([header, login].map((one) => [one.name, one]))
    expect(() => compilePipeline(specOf(parse), { ...parsersOnly, formats })).toThrow(message)
  })

  test.each([
    [{ container: 'etcd' }, true],
    [{ container: 'etcd*' }, true],
    [{ container: ['kube-apiserver', 'et*'] }, true],
    [{ container: ['kube-apiserver'] }, false],
    [{ container: '*c*d' }, true],
    [{ container: 'e*d*d' }, false],
    [{ container: 'etcd*d' }, false],
    [{ container: 'ETCD' }, false],
    [{ container: 'e.cd' }, false],
    [{ image: '*' }, false],
    [{ 'label.app': 'x*', container: '*' }, true],
    [{ 'label.app': 'x*', container: 'y' }, false],
    [{ constructor: '*' }, false],
  ])('with when: %j fits a source of an etcd: %j', (when, fits) => {
    const match = [
      { when: when as PipelineSpec['match'][number]['when'], parse: ['header'], dataset: 'a.fits' },
    ]
    const pipeline = pipelineOf({ spec: { class: 'node', match }, formats: [header] })
    const names = { container: 'etcd', 'label.app': 'x1' }
    const stream = new TestStream(pipeline, { class: 'node', provenance: { ...provenance, names } })
    expect(stream.feed(['H x'])[0]!.document.event.dataset).toBe(fits ? 'a.fits' : 'decklog.unrouted')
  })

  test('may have a payload format alone, which then reads whole records', () => {
    const [taken, windows, failed] = streamOf([login], ['login']).feed([
      'login now',
      'login then\r',
      'other\r',
    ])
    expect(taken!.document).toMatchObject({ message: 'login now', decklog: { parser: { name: 'login' } } })
    expect(taken!.document.event.original).toBeUndefined()
    expect(windows!.document).toMatchObject({ message: 'login then', event: { original: 'login then\r' } })
    expect(failed!.document).toMatchObject({
      message: 'other\r',
      decklog: { parser: { name: 'login' }, quality: ['parse-failed', 'time-missing'] },
    })
  })

  test('reads JSON of container lines only where it says so', () => {
    const spec = { ...podSpec, match: [{ ...podSpec.match[0]!, parse: ['cri'] }] }
    const [event] = new TestStream(pipelineOf({ spec })).feed(['2026-11-24T08:00:00Z stdout F {"msg":"x"}'])
    expect(event!.document.message).toBe('{"msg":"x"}')
    expect(event!.document.decklog.payload).toBeUndefined()
  })
})
