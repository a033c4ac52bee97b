import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/core/document.ts'
import { EventIndex } from '../../src/core/event-batch.ts'
import { withoutOwnMembers } from '../../src/store/elasticsearch/own-members.ts'
import { isAllStored, readItems } from '../../src/store/elasticsearch/write/answer.ts'
import { Body } from '../../src/store/elasticsearch/write/frame.ts'
import { OpenBatch } from '../../src/store/elasticsearch/write/open-batch.ts'
import { Pacer } from '../../src/store/elasticsearch/write/pacer.ts'
import { repair, refusedField, truncate } from '../../src/store/elasticsearch/write/repair.ts'
import { Targets } from '../../src/store/elasticsearch/write/target.ts'
import { eventBatch, streamName } from '../support/event-batches.ts'

const INDEX = '.ds-logs-system.auth-test.ssh-2026.11.24-000001'

interface Event {
  readonly seq: number
  readonly n: number
  readonly text: string
}

const events = fc.array(
  fc.record({
    seq: fc.oneof(
      fc.nat(20),
      fc.nat(2 ** 40),
      fc.constantFrom(9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 53 - 1),
    ),
    n: fc.oneof(fc.constant(0), fc.constantFrom(1, 9, 10, 65_535)),
    text: fc.string({ unit: 'grapheme', maxLength: 200 }),
  }),
  { minLength: 1, maxLength: 30 },
)

function openBatch(
  given: readonly Event[],
  options: { codec: 'none' | 'zstd'; ours: boolean; at?: number },
): OpenBatch {
  const place: JsonObject = options.ours
    ? { decklog: { stream: 'x', seq: 1 }, orchestrator: { cluster: { name: 'c' } } }
    : {}
  const batch = eventBatch({
    stream: streamName(options.at ?? 1),
    codec: options.codec,
    dataStream: `logs-system.auth-${options.at ?? 1}.ssh`,
    events: given.map(({ seq, n, text }) => ({ seq, n, timeNs: 0n, document: { ...place, message: text } })),
  })
  const target = new Targets().of(batch.dataStream)
  const open = new OpenBatch(batch, { target, ticket: { isOver: false, unreachable: undefined } })
  open.judgedAt = INDEX
  return open
}

/** Puts all rows of batches into bodies of at most so many bytes. */
function bodiesOf(opens: readonly OpenBatch[], bytesMax: number, withIndex: boolean): Body[] {
  const bodies = [new Body(Buffer.alloc(64))]
  for (const open of opens) {
    const rows = open.open()
    for (let from = 0; from < rows.length; ) {
      const at = bodies.at(-1)!.add(open, rows, {
        from,
        rowsMax: Number.POSITIVE_INFINITY,
        bytesMax,
        withIndex,
        attempts: 0,
      })
      if (at === from) bodies.push(new Body(Buffer.alloc(64)))
      from = at
    }
  }
  return bodies
}

describe('a body of the bulk API', () => {
  test('holds each document once, as it was, under its id, within its bound', () => {
    const property = fc.property(
      fc.array(events, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 100, max: 20_000 }),
      fc.boolean(),
      fc.boolean(),
      fc.constantFrom('none', 'zstd'),
      (given, bytesMax, withIndex, ours, codec) => {
        const opens = given.map((one, at) => openBatch(one, { codec, ours, at }))
        const expected = opens.flatMap((open, at) => {
          const index = new EventIndex(open.batch)
          return given[at]!.map(({ text }, row) => [open.target.name, index.id(row), text])
        })
        const found: string[][] = []
        for (const body of bodiesOf(opens, bytesMax, withIndex)) {
          const lines = body.content().toString().split('\n')
          expect(lines.pop()).toBe('')
          expect(body.at <= bytesMax || body.rows === 1).toBe(true)
          const names = body.runs.flatMap(({ open, rows }) => rows.map(() => open.target.name))
          for (let at = 0; at < lines.length; at += 2) {
            const { create } = JSON.parse(lines[at]!) as { create: { _id: string; _index?: string } }
            if (withIndex) expect(create._index).toBe(names[at / 2])
            const document = JSON.parse(withoutOwnMembers(lines[at + 1]!)) as { message: string }
            found.push([names[at / 2]!, create._id, document.message])
          }
        }
        expect(found).toEqual(expected)
      },
    )
    fc.assert(property, { numRuns: 200 })
  })

  test('leaves out what has its outcome, and takes repaired documents instead', () => {
    const open = openBatch(
      [0, 1, 2, 3].map((seq) => ({ seq, n: 0, text: `t${seq}` })),
      { codec: 'zstd', ours: true },
    )
    open.settle(1, 0)
    open.replaced.set(2, Buffer.from('{"message":"other"}\n'))
    const [body] = bodiesOf([open], 10_000, false)
    expect(body!.runs[0]!.rows).toEqual([0, 2, 3])
    expect(body!.content().toString()).toMatch(/"t0"[\s\S]*"other"[\s\S]*"t3"/)
    expect(body!.content().toString()).not.toMatch(/"t1"|"t2"/)
  })
})

describe('an answer', () => {
  const answerOf = (bodies: readonly Body[], change: (item: object, at: number) => object): string => {
    const items = bodies.flatMap(({ runs }) => runs.flatMap(({ rows }) => rows))
    const stored = items.map((_, at) => change({ create: { _index: INDEX, status: 201 } }, at))
    return JSON.stringify({ errors: false, items: stored })
  }
  const cut = (text: string, sizes: readonly number[]): Buffer[] => {
    const bytes = Buffer.from(text)
    const chunks: Buffer[] = []
    for (let from = 0, at = 0; from < bytes.length; at++) {
      const size = sizes[at % sizes.length]!
      chunks.push(bytes.subarray(from, from + size))
      from += size
    }
    return chunks
  }

  test('that says that all is stored is known without being parsed, however it arrives', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 1_500 }),
      fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 }),
      fc.nat(),
      (count, sizes, odd) => {
        const given = Array.from({ length: count }, (_, seq) => ({ seq, n: 0, text: '' }))
        const half = given.length >> 1
        const parts = [given.slice(0, half), given.slice(half)].filter((part) => part.length > 0)
        const bodies = bodiesOf(
          parts.map((part, at) => openBatch(part, { codec: 'none', ours: true, at })),
          Number.POSITIVE_INFINITY,
          true,
        )
        const { runs } = bodies[0]!
        const good = answerOf(bodies, (item) => item)
        expect(isAllStored(cut(good, sizes), runs)).toBe(true)
        const elsewhere = { create: { _index: INDEX.replace('-000001', '-000002'), status: 201 } }
        const duplicate = { create: { _index: INDEX, status: 409 } }
        for (const other of [elsewhere, duplicate]) {
          const bad = answerOf(bodies, (item, at) => (at === odd % count ? other : item))
          expect(isAllStored(cut(bad, sizes), runs)).toBe(false)
        }
        expect(isAllStored(cut(good.slice(0, -1), sizes), runs)).toBe(false)
        expect(isAllStored(cut(`${good} `, sizes), runs)).toBe(false)
        expect(readItems(good, count)?.every(({ verdict }) => verdict === 'stored')).toBe(true)
        expect(readItems(good, count + 1)).toBeUndefined()
      },
    )
    fc.assert(property, { numRuns: 60 })
  })
})

describe('what a batch is about', () => {
  test('has the same name for the same events, and another for others', () => {
    const property = fc.property(events, events, (one, other) => {
      const name = (given: readonly Event[]): string =>
        openBatch(given, { codec: 'none', ours: true }).outline.id
      expect(name(one)).toBe(name(one.map((event) => ({ ...event, text: 'x' }))))
      const key = (given: readonly Event[]): string => JSON.stringify(given.map(({ seq, n }) => [seq, n]))
      if (key(one) !== key(other)) expect(name(one)).not.toBe(name(other))
    })
    fc.assert(property, { numRuns: 300 })
  })
})

describe('a repair', () => {
  test('keeps every value of the document, in the form it had, and numbers to the last digit', () => {
    const document = Buffer.from(
      '{"@timestamp":"2026-11-24T09:00:00Z","message":"m","id":12345678901234567890.10,"a.b":{"c":[1e400,2]},"decklog":{"stream":"s","seq":7}}\n',
    )
    const reason =
      "document_parsing_exception: [1:9] failed to parse field [a.b.c] of type [long] in document with id 'x'. Preview of field's value: '1e400'"
    const text = repair(document, { reason, repairs: 0, timeMs: 0 })!.toString()
    expect(text).toContain('"id":12345678901234567890.10')
    expect(text).toContain('"value":"[1e400,2]"')
    expect(text).not.toContain('Preview')
    expect(JSON.parse(text)).toMatchObject({ 'a.b': {}, decklog: { seq: 7, rejected: [{ field: 'a.b.c' }] } })
  })

  test('never throws, ends, and keeps what decklog says of the record', () => {
    const json = fc.dictionary(
      fc.oneof(fc.constantFrom('a', 'a.b', '__proto__', 'message', 'event'), fc.string()),
      fc.jsonValue(),
    )
    const fields = fc.oneof(
      fc.constantFrom('a', 'a.b', 'a.b.c', 'message', '@timestamp', 'decklog.seq', '__proto__'),
      fc.string(),
    )
    const property = fc.property(
      json,
      fc.array(fields, { minLength: 1, maxLength: 8 }),
      (fieldsOf, refused) => {
        const value = {
          ...fieldsOf,
          '@timestamp': '2026-11-24T09:00:00Z',
          decklog: { stream: 's', seq: 7, class: 'ssh' },
        }
        let document: Buffer | undefined = Buffer.from(`${JSON.stringify(value)}\n`)
        for (let repairs = 0; document !== undefined; repairs++) {
          expect(repairs).toBeLessThan(8)
          const field = refused[repairs % refused.length]!
          document = repair(document, {
            reason: `x: failed to parse field [${field}] of type [long]`,
            repairs,
            timeMs: 0,
          })
          if (document === undefined) continue
          expect(document.indexOf('\n')).toBe(document.length - 1)
          expect(JSON.parse(document.toString())).toMatchObject({
            decklog: { stream: 's', seq: 7, class: 'ssh' },
          })
          expect(truncate(document, 100)!.length).toBeLessThan(4_000)
        }
      },
    )
    fc.assert(property, { numRuns: 300 })
  })

  test('finds the field in what Elasticsearch says', () => {
    for (const [reason, field] of [
      ["[1:42] failed to parse field [o.k] of type [keyword] in document with id 'a:5'", 'o.k'],
      ['object mapping for [o] tried to parse field [o] as object, but found a concrete value', 'o'],
      ['Document contains at least one immense term in field="f._keyed" (whose UTF8 …', 'f'],
      ['[1:7] failed to parse: data stream timestamp field [@timestamp] is missing', '@timestamp'],
      ["Duplicate field 'x'", undefined],
      ['Limit of total fields [1000] has been exceeded', undefined],
    ] as const) {
      expect(refusedField(reason)).toBe(field)
    }
  })
})

describe('how many requests are in flight', () => {
  const MB = 1024 * 1024

  test('grows while answers are as fast as before, up to its bound', () => {
    const pacer = new Pacer({ start: 2, max: 4 })
    for (let at = 0; at < 20; at++) pacer.answered({ bytes: 5 * MB, tookMs: 200, nowMs: at * 100 })
    expect(pacer.limit).toBe(4)
  })

  test('is halved when the cluster refuses or slows down, once for all answers of one overload, and never below one', () => {
    const pacer = new Pacer({ start: 4, max: 4 })
    pacer.answered({ bytes: 5 * MB, tookMs: 100, nowMs: 0 })
    pacer.answered({ bytes: 5 * MB, tookMs: 900, nowMs: 5_000 })
    pacer.refused(5_100)
    expect(pacer.limit).toBe(2)
    pacer.refused(7_000)
    pacer.refused(9_000)
    pacer.refused(11_000)
    expect(pacer.limit).toBe(1)
  })

  test('says nothing by small bodies', () => {
    const pacer = new Pacer({ start: 2, max: 4 })
    for (let at = 0; at < 50; at++) pacer.answered({ bytes: 1_000, tookMs: 500, nowMs: at * 2_000 })
    expect(pacer.limit).toBe(2)
  })
})
