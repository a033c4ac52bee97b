import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/core/document.ts'
import { EventFlag } from '../../src/core/event-batch.ts'
import type { MatchedRule, Tagger } from '../../src/core/tagging.ts'
import type { Redactor } from '../../src/stages/run.ts'
import { criLine, pipelineOf, TestStream } from './stream-of.ts'

const rules: Record<string, MatchedRule> = {
  curl: {
    id: 'r-curl',
    name: 'curl to shell',
    level: 'high',
    tags: ['decklog.x01', 'attack.t1059'],
    threat: { framework: 'MITRE ATT&CK', technique: { id: ['T1059'], name: ['Interpreter'] } },
  },
  root: {
    id: 'r-root',
    name: 'root "quoted"',
    level: 'medium',
    tags: ['decklog.x02', 'attack.t1059'],
    threat: { framework: 'MITRE ATT&CK', technique: { id: ['T1078'], name: ['Accounts'] } },
  },
  note: { id: 'r-note', name: 'noted', level: 'informational', tags: [], threat: undefined },
}

interface Seen {
  readonly sources: { class: string; dataset: string; format: string; constants: JsonObject }[]
  readonly matched: { document: JsonObject; text: string }[]
  readonly asked: [number, number][]
}

/** Matches a rule whose name the text has; lets through what holds one of the names. */
function taggerOf(seen: Seen): Tagger {
  return {
    forSource(source, constants) {
      seen.sources.push({ ...source, constants })
      return {
        prepare(raw) {
          const text = Buffer.from(raw).toString('latin1')
          const names = Object.keys(rules).filter((name) => text.includes(name))
          return {
            none: names.length === 0,
            may(start, end) {
              seen.asked.push([start, end])
              return names.some((name) => text.slice(start, end).includes(name))
            },
          }
        },
        match(document, text) {
          seen.matched.push({ document, text })
          return Object.keys(rules)
            .filter((name) => text.includes(name))
            .map((name) => rules[name]!)
        },
      }
    },
  }
}

function taggedStream(): { stream: TestStream; seen: Seen } {
  const seen: Seen = { sources: [], matched: [], asked: [] }
  return { stream: new TestStream(pipelineOf({ tagger: taggerOf(seen) })), seen }
}

describe('rules', () => {
  test('put their ids, names, tags and threat into the event, and into its index', () => {
    const { stream } = taggedStream()
    const [plain, tagged] = stream.feed([criLine('nothing'), criLine('curl as root')])
    expect(plain!.document.rule).toBeUndefined()
    expect(plain!.rules).toEqual([])
    expect(tagged!.document).toMatchObject({
      message: 'curl as root',
      rule: { id: ['r-curl', 'r-root'], name: ['curl to shell', 'root "quoted"'] },
      tags: ['decklog.x01', 'attack.t1059', 'decklog.x02', 'decklog.level.high'],
      threat: {
        framework: 'MITRE ATT&CK',
        technique: { id: ['T1059', 'T1078'], name: ['Interpreter', 'Accounts'] },
      },
    })
    expect(tagged!.rules).toEqual(['r-curl', 'r-root'])
    expect(tagged!.flags).toBe(EventFlag.signal)
  })

  test('of any level make a signal, which says its level', () => {
    const { stream } = taggedStream()
    const [event] = stream.feed([criLine('a note')])
    expect(event!.rules).toEqual(['r-note'])
    expect(event!.flags & EventFlag.signal).toBe(EventFlag.signal)
    expect(event!.document.tags).toEqual(['decklog.level.informational'])
  })

  test('see the document as it is stored, and only where they may match', () => {
    const { stream, seen } = taggedStream()
    stream.feed([criLine('one'), criLine('{"msg":"curl","level":"info"}'), criLine('two')])
    expect(seen.matched).toHaveLength(1)
    expect(seen.matched[0]!.text).toBe('{"msg":"curl","level":"info"}')
    expect(seen.matched[0]!.document).toMatchObject({
      message: 'curl',
      log: { level: 'info' },
      kubernetes: { namespace: 'shop' },
    })
    expect(seen.asked.map(([start]) => start)).toEqual(
      seen.asked.map(([start]) => start).sort((a, b) => a - b),
    )
  })

  test('are chosen once a stream, by what its documents share, times apart', () => {
    const { stream, seen } = taggedStream()
    stream.feed([criLine('a')])
    stream.feed([criLine('b')])
    expect(seen.sources).toHaveLength(1)
    expect(seen.sources[0]).toMatchObject({
      class: 'pod',
      dataset: 'kubernetes.container_logs',
      format: 'cri',
      constants: { event: { dataset: 'kubernetes.container_logs' }, kubernetes: { namespace: 'shop' } },
    })
    expect(seen.sources[0]!.constants.event).not.toHaveProperty('created')
  })

  test('see what is joined, whichever batches its records came in', () => {
    const { stream } = taggedStream()
    stream.feed([criLine('cu', { tag: 'P' })])
    const [event] = stream.feed([criLine('rl')])
    expect(event!.rules).toEqual(['r-curl'])
    expect(event!.ranges).toEqual([[0, 1]])
  })

  test('leave the ranges of an interleaved event alone', () => {
    const { stream } = taggedStream()
    const events = stream.feed([criLine('cu', { tag: 'P' }), criLine('x', { key: 'stderr' }), criLine('rl')])
    expect(events[1]!.ranges).toEqual([
      [0, 0],
      [2, 2],
    ])
    expect(events[1]!.rules).toEqual(['r-curl'])
  })

  test('work for formats that make an object', () => {
    const seen: Seen = { sources: [], matched: [], asked: [] }
    const text = {
      name: 'text',
      version: 1,
      kind: 'record' as const,
      title: '',
      definedBy: '',
      dataset: 'a.b',
      example: '',
      parse: (_: string, draft: { fields: JsonObject }) => {
        draft.fields.tags = ['own']
        return true
      },
    }
    const spec = { class: 'pod', match: [{ when: {}, parse: ['text'], dataset: 'a.b' }] }
    const stream = new TestStream(pipelineOf({ spec, formats: [text], tagger: taggerOf(seen) }))
    const [plain, tagged] = stream.feed(['nothing', 'curl'])
    expect(plain!.document.tags).toEqual(['own'])
    expect(tagged!.document).toMatchObject({
      rule: { id: ['r-curl'] },
      tags: ['own', 'decklog.x01', 'attack.t1059', 'decklog.level.high'],
    })
    expect(tagged!.flags & EventFlag.signal).toBe(EventFlag.signal)
    expect(seen.matched[0]!.document).toMatchObject({ message: 'curl', host: { name: 'worker-3' } })
  })
})

describe('a redactor', () => {
  const redactor: Redactor = {
    prepare: (raw) => ({
      none: !Buffer.from(raw).includes('hunter2'),
      may: (start, end) => Buffer.from(raw).subarray(start, end).includes('hunter2'),
    }),
    apply: (text) => text.replaceAll('hunter2', '***'),
  }
  const stream = (): TestStream => new TestStream(pipelineOf({ redactor }))

  test('takes secrets out of text, payload, joined text and raw bytes', () => {
    const made = stream()
    made.feed([
      criLine('pw hunter2'),
      criLine('{"msg":"hunter2","pw":"hunter2"}'),
      criLine(Buffer.concat([Buffer.from('hunter2'), Buffer.from([0xff])])),
      criLine('hun', { tag: 'P' }),
      criLine('ter2'),
      criLine('FooError: hunter2'),
      criLine('\tat hunter2'),
      criLine('harmless'),
    ])
    made.idle()
    expect(made.events).toHaveLength(6)
    for (const { bytes } of made.events) expect(bytes).not.toContain('hunter2')
    expect(Buffer.from(made.events[2]!.document.decklog.raw ?? '', 'base64').toString()).not.toContain(
      'hunter2',
    )
    expect(
      made.events.map(({ document }) => document.decklog.quality?.includes('redacted') ?? false),
    ).toEqual([true, true, true, true, true, false])
    expect(made.events[1]!.document.decklog.payload).toEqual({ msg: '***', pw: '***' })
  })
})
