import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formats } from '../../src/parsers/registry.ts'
import { batchOf, criLine, pipelineOf, type TestEvent, TestStream } from './stream-of.ts'

const TIME = '2026-11-24T08:00:00.123456789Z'
const SPEC = {
  class: 'pod',
  match: [{ when: {}, parse: ['cri', ['klog', 'json']], dataset: 'kubernetes.container_logs' }],
}
const pipeline = pipelineOf({ spec: SPEC, formats: [...formats.values()] })

/** A line as docker's json-file driver writes it: Go's escapes, `<`, `>` and `&` among them. */
function line(log: string, { stream = 'stdout', time = TIME, attrs = '' } = {}): string {
  const escaped = JSON.stringify(log).replace(
    /[<>&\u2028\u2029\u007f-\u009f]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  const text = log === '' ? '' : `"log":${escaped},`
  return `{${text}"stream":"${stream}"${attrs === '' ? '' : `,"attrs":${attrs}`},"time":"${time}"}`
}

function streamOf(format: string): TestStream {
  const { provenance } = batchOf()
  return new TestStream(pipeline, { provenance: { ...provenance, format } })
}

function events(lines: readonly (string | Buffer)[], format = 'docker-json'): readonly TestEvent[] {
  const stream = streamOf(format)
  stream.feed(lines)
  stream.idle()
  return stream.events
}

/** Documents, but for the name of the parser. */
function documents(all: readonly TestEvent[]): unknown[] {
  return all.map(({ document }) => ({
    ...document,
    decklog: { ...document.decklog, parser: undefined, parts: undefined },
  }))
}

describe('docker-json', () => {
  test('a line is read as the container line that containerd would have made of it', () => {
    const [event] = events([line('hello <world> & "you"\t\u00e9\u{1f600}\n', { stream: 'stderr' })])
    expect(event!.document).toMatchObject({
      '@timestamp': TIME,
      message: 'hello <world> & "you"\t\u00e9\u{1f600}',
      stream: 'stderr',
      kubernetes: { pod: { name: 'cart-0' } },
      decklog: { parser: { name: 'docker-json' } },
    })
    expect(event!.document.decklog.quality).toBeUndefined()
  })

  test('parts of 16 KiB are joined with the line that ends them, each stream for itself', () => {
    const part = 'x'.repeat(16 * 1024)
    const all = events([line(part), line('other\n', { stream: 'stderr' }), line(part), line('end\n')])
    expect(all.map(({ document }) => document.message)).toEqual(['other', `${part}${part}end`])
    expect(all[1]!.ranges).toEqual([
      [0, 0],
      [2, 3],
    ])
  })

  test('formats and JSON behind it are read as behind CRI', () => {
    const klog = 'I1124 08:00:00.123456       1 controller.go:10] "hello" pod="a/b"'
    const json = '{"level":"warn","msg":"careful","n":1}'
    const trace = ['java.lang.IllegalStateException: broken', '\tat a.B.c(B.java:1)', '\tat a.B.d(B.java:2)']
    const texts = [klog, json, ...trace, 'done']
    expect(documents(events(texts.map((text) => line(`${text}\n`))))).toEqual(
      documents(
        events(
          texts.map((text) => criLine(text)),
          'cri',
        ),
      ),
    )
  })

  test('labels of the daemon, another order of keys, other escapes and an empty text are read', () => {
    const all = events([
      line('one\n', { attrs: '{"tag":"a\\"}{","env":"x"}' }),
      `{"time":"${TIME}","stream":"stdout","log":"two\\u000a"}`,
      `{"log":"\\u0074hree\\/\\ud83d\\ude00\\ud800\\n","stream":"stdout","time":"${TIME}"}`,
      line('\n'),
      line(''),
      line('last\n'),
    ])
    expect(all.map(({ document }) => document.message)).toEqual([
      'one',
      'two',
      'three/\u{1f600}\ufffd',
      'last',
    ])
  })

  test('a text that holds newlines stays one event', () => {
    const all = events([line('a\n'), line('b\nc\n'), line('d\n')])
    expect(all.map(({ id, document }) => [id.split(':')[1], document.message])).toEqual([
      ['0', 'a'],
      ['1', 'b\nc'],
      ['2', 'd'],
    ])
  })

  test('what is no such line stays text, and its neighbours are whole', () => {
    const bad = [
      'garbage',
      '{"log":"cut off',
      '{"log":"x\\q\\n","stream":"stdout","time":"t"}',
      '{"log":5}',
      '[]',
      '\0\0\0',
    ]
    const all = events(bad.flatMap((text) => [line('before\n'), text]))
    expect(all.filter((_, i) => i % 2 === 0).every(({ document }) => document.message === 'before')).toBe(
      true,
    )
    expect(all.filter((_, i) => i % 2 === 1).map(({ document }) => document.message)).toEqual(bad)
    for (const event of all.filter((_, i) => i % 2 === 1))
      expect(event.document.decklog.quality).toContain('parse-failed')
  })

  test('any text comes out as it was written, however batches are cut', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom('\\', '"', '\\n', '\u2028', '<&>', '\u{1f600}', 'a\nb', '{"a":1}'),
    )
    const one = fc.record({ text, stream: fc.constantFrom('stdout', 'stderr'), isPart: fc.boolean() })
    fc.assert(
      fc.property(fc.array(one, { maxLength: 20 }), fc.nat(20), (records, cut) => {
        const usable = records.map((record) => ({ ...record, text: record.text.toWellFormed() }))
        const lines = usable.map(({ text: log, stream, isPart }) =>
          line(isPart ? log : `${log}\n`, { stream }),
        )
        const asCri = usable.map(({ text: log, stream, isPart }) => {
          const isOpen = isPart && log !== '' && !log.endsWith('\n')
          return criLine(isPart && log.endsWith('\n') ? log.slice(0, -1) : log, {
            key: stream,
            tag: isOpen ? 'P' : 'F',
          })
        })
        const whole = streamOf('docker-json')
        whole.feed(lines)
        whole.idle()
        const halves = streamOf('docker-json')
        halves.feed(lines.slice(0, cut))
        halves.feed(lines.slice(cut))
        halves.idle()
        expect(documents(halves.events)).toEqual(documents(whole.events))
        if (!asCri.some((record) => record.includes(0x0a))) {
          expect(documents(whole.events)).toEqual(documents(events(asCri, 'cri')))
        }
      }),
    )
  })

  test('any bytes are covered', () => {
    const piece = fc.oneof(
      fc
        .uint8Array({ maxLength: 30 })
        .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 10 ? 32 : byte)))),
      fc
        .constantFrom('{"log":"', '","stream":"stdout', '","time":"', `${TIME}"}`, '\\', '\\u12', '"', '}')
        .map((text) => Buffer.from(text)),
    )
    fc.assert(
      fc.property(fc.array(fc.array(piece, { maxLength: 8 }), { maxLength: 8 }), (records) => {
        const stream = streamOf('docker-json')
        stream.feed(records.map((pieces) => Buffer.concat(pieces)))
        stream.idle()
        const covered = stream.events
          .flatMap(({ ranges }) => ranges)
          .concat(stream.covers.map(({ first, last }) => [first, last]))
        const count = covered.reduce((sum, [first, last]) => sum + last - first + 1, 0)
        expect(count).toBe(records.length)
      }),
    )
  })
})
