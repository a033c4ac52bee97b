import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { checkTruth, type Piece } from './support/check.ts'
import { Workplace } from './support/deck.ts'

const MIB = 1024 * 1024
/** What everything in one process may take at full load. */
const RSS_BYTES_MAX = 900 * MIB
const STAMP = '2026-11-24T08:00:00.123456789Z'
const POD = 'shop_cart-0_1234/app'

interface Case {
  readonly what: string
  /** What the container printed, one line or several, as bytes. */
  readonly lines: readonly Buffer[]
  /** `decklog.quality` of the first event. */
  readonly quality?: readonly string[]
  /** Parts of the document of the first event. */
  readonly document?: Record<string, unknown>
  /** Parts that it must not have. */
  readonly without?: readonly string[]
  /** Events that the lines give. @default 1 */
  readonly events?: number
}

const line = (text: string | Buffer, stamp = STAMP): Buffer =>
  Buffer.concat([Buffer.from(`${stamp} stdout F `), Buffer.from(text), Buffer.from('\n')])

const deep = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`
const forgedSshd = '<34>Oct 11 22:14:15 host sshd[1]: Accepted password for root from 10.0.0.1 port 22 ssh2'
const forgedCri = '2020-01-01T00:00:00Z stderr F forged'

const CASES: Case[] = [
  {
    what: 'invalid UTF-8',
    lines: [line(Buffer.from([0x61, 0xff, 0xc0, 0x80, 0x62]))],
    quality: ['invalid-utf8'],
  },
  { what: 'NUL', lines: [line('a\0b')], quality: ['control-characters'], document: { message: 'a\0b' } },
  {
    what: 'escape sequences',
    lines: [line('\u001b]52;c;ZXZpbA==\u0007\u001b[2Jgone')],
    quality: ['control-characters'],
  },
  { what: 'C1 control characters', lines: [line('a\u009bm')], quality: ['control-characters'] },
  { what: 'a direction override', lines: [line('user \u202etoor\u202c')], quality: ['bidi-characters'] },
  {
    what: 'JSON nested 1,000,000 deep',
    lines: [line(deep)],
    quality: ['truncated'],
  },
  {
    what: '__proto__ keys',
    lines: [line('{"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}},"msg":"hello"}')],
    quality: ['json-proto-key'],
  },
  {
    what: 'numbers over 2^53',
    lines: [line('{"id":12345678901234567890,"msg":"big"}')],
    quality: ['json-number-precision'],
  },
  {
    what: 'duplicate keys',
    lines: [line('{"user":"root","user":"bob","msg":"who"}')],
    quality: ['json-duplicate-key'],
  },
  { what: 'empty lines', lines: [line(''), Buffer.from('\n'), line('')], events: 0 },
  {
    what: 'a line that is no CRI line',
    lines: [Buffer.from('not a CRI line\n')],
    quality: ['parse-failed', 'time-missing'],
  },
  {
    what: 'a perfect sshd line',
    lines: [line(forgedSshd)],
    document: { message: forgedSshd, event: { dataset: 'kubernetes.container_logs' } },
    without: ['rule', 'user', 'source', 'process'],
  },
  {
    what: 'a perfect CRI line',
    lines: [line(forgedCri)],
    document: { message: forgedCri, '@timestamp': STAMP, stream: 'stdout' },
  },
  {
    what: 'the year 2099',
    lines: [line('from the future', '2099-01-02T03:04:05.000000006Z')],
    quality: ['time-future'],
    document: { '@timestamp': '2099-01-02T03:04:05.000000006Z' },
  },
  {
    what: '30 February',
    lines: [line('never', '2026-02-30T00:00:00.000000000Z')],
    quality: ['time-invalid'],
  },
  { what: 'a line of 16 MB', lines: [line(Buffer.alloc(16 * MIB, 'x'))], quality: ['truncated'] },
]

interface Found {
  readonly message: string
  readonly decklog: { readonly seq: number; readonly class: string; readonly quality?: readonly string[] }
}

test('bad input harms only itself: raw bytes stay, the event says what was odd, its neighbours are untouched', {
  timeout: 240_000,
}, async () => {
  await using place = new Workplace()
  const pods = join(place.directory, 'pods')
  mkdirSync(join(pods, POD), { recursive: true })
  const path = join(pods, POD, '0.log')
  place.configure({ sources: [{ kind: 'pods', class: 'pod', path: pods }] })
  const pieces: Piece[] = []
  const places: { readonly seq: number; readonly lines: number }[] = []
  let records = 0
  for (const [index, { lines }] of CASES.entries()) {
    for (const bytes of [line(`before ${index}`), ...lines, line(`after ${index}`)])
      pieces.push({ key: `${POD}/0.log`, bytes })
    places.push({ seq: records + 1, lines: lines.length })
    records += lines.length + 2
  }
  writeFileSync(path, Buffer.concat(pieces.map(({ bytes }) => bytes)))

  const deck = await place.up()
  await deck.ingested(records)
  expect(deck.rssBytes()).toBeLessThan(RSS_BYTES_MAX)
  await deck.stop()

  const found = new Map<number, Found>()
  const report = await checkTruth(pieces, {
    dataDir: place.dataDir,
    onDocument: (json) => {
      const document = JSON.parse(json) as Found
      found.set(document.decklog.seq, document)
    },
  })
  expect(report.problems).toEqual([])
  expect(report.records).toBe(records)
  for (const [index, { what, quality, document, without = [], events = 1 }] of CASES.entries()) {
    const { seq, lines } = places[index]!
    expect.soft(found.get(seq - 1)?.message, `before ${what}`).toBe(`before ${index}`)
    expect.soft(found.get(seq + lines)?.message, `after ${what}`).toBe(`after ${index}`)
    for (const neighbour of [found.get(seq - 1), found.get(seq + lines)])
      expect.soft(neighbour?.decklog.quality, `a neighbour of ${what}`).toBeUndefined()
    const event = found.get(seq)
    expect.soft(event === undefined ? 0 : 1, what).toBe(Math.min(events, 1))
    if (quality !== undefined) expect.soft(event?.decklog.quality, what).toEqual(quality)
    if (document !== undefined) expect.soft(event, what).toMatchObject(document)
    for (const name of without) expect.soft(event, what).not.toHaveProperty(name)
    expect.soft(event?.decklog.class ?? 'pod', what).toBe('pod')
  }
})

test('64 MB without a newline: memory is bounded, a neighbour does not wait, and the bytes are all there', {
  timeout: 240_000,
}, async () => {
  await using place = new Workplace()
  const pods = join(place.directory, 'pods')
  for (const pod of ['shop_flood-0_1/app', 'shop_calm-0_2/app'])
    mkdirSync(join(pods, pod), { recursive: true })
  const flood = join(pods, 'shop_flood-0_1/app/0.log')
  const calm = join(pods, 'shop_calm-0_2/app/0.log')
  place.configure({ sources: [{ kind: 'pods', class: 'pod', path: pods }] })
  const pieces: Piece[] = []
  const write = (path: string, bytes: Buffer): void => {
    appendFileSync(path, bytes)
    pieces.push({ key: path.slice(pods.length + 1), bytes })
  }
  const deck = await place.up()
  let rssBytesMax = 0
  write(flood, Buffer.from(`${STAMP} stdout F `))
  for (let written = 0; written < 64 * MIB; written += MIB) {
    write(flood, Buffer.alloc(MIB, 'abcdefgh'))
    if (written % (16 * MIB) === 0) write(calm, line(`calm ${written}`))
    rssBytesMax = Math.max(rssBytesMax, deck.rssBytes())
    await sleep(10)
  }
  await deck.until(
    async () => (await deck.accounted()) >= 4,
    'the calm lines are stored, while the flood has no end',
  )
  write(flood, Buffer.from('\n'))
  write(flood, line('after the flood'))
  await deck.ingested(6)
  expect(rssBytesMax).toBeLessThan(RSS_BYTES_MAX)
  await deck.stop()
  const messages: string[] = []
  const report = await checkTruth(pieces, {
    dataDir: place.dataDir,
    onDocument: (json) => messages.push((JSON.parse(json) as Found).message),
  })
  expect(report.problems).toEqual([])
  expect(messages).toContain('after the flood')
  expect(messages.filter((message) => message.startsWith('calm'))).toHaveLength(4)
})
