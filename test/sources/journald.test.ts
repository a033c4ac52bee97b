import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/app/system-clock.ts'
import { DecklogError } from '../../src/core/errors.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import type { Receiver } from '../../src/ports/receiver.ts'
import { isUpTo, positionOf } from '../../src/sources/journald/entry.ts'
import { type ExportedEntry, ExportReader } from '../../src/sources/journald/export-reader.ts'
import { type JournaldConfig, startJournald } from '../../src/sources/journald/journald.ts'
import { argumentsOf } from '../../src/sources/journald/journalctl.ts'
import { MemorySpool } from '../support/memory-spool.ts'

const FAKE = fileURLToPath(new URL('fake-journalctl.ts', import.meta.url))
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const running: Receiver[] = []
let home: string
let telemetry: Telemetry

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'decklog-journald-'))
  telemetry = new Telemetry()
  const script = `#!/bin/sh\nFAKE_JOURNAL='${home}' exec '${process.execPath}' '${FAKE}' "$@"\n`
  writeFileSync(join(home, 'journalctl'), script)
  chmodSync(join(home, 'journalctl'), 0o755)
  writeFileSync(join(home, 'entries.json'), '')
})
afterEach(async () => {
  for (const one of running.splice(0)) await one[Symbol.asyncDispose]()
  rmSync(home, { recursive: true, force: true })
})

async function start(spool: MemorySpool, config: Partial<JournaldConfig> = {}): Promise<Receiver> {
  const only = { units: [], identifiers: [] }
  const given = { units: {}, only, journalctl: join(home, 'journalctl'), from: 'all' as const, ...config }
  const receiver = await startJournald({ config: given, spool, clock: systemClock, telemetry, log })
  running.push(receiver)
  return receiver
}

async function stop(receiver: Receiver): Promise<void> {
  running.splice(running.indexOf(receiver), 1)
  await receiver[Symbol.asyncDispose]()
}

type Field = readonly [string, string, 'base64'?]

function cursorOf(i: number): string {
  return `s=0b1c2d;i=${i.toString(16)};b=aa11;m=${(1_000 + i).toString(16)};t=5f1;x=9`
}

function addEntries(from: number, count: number, fields: readonly Field[] = []): void {
  const lines = Array.from({ length: count }, (_, n) => {
    const i = from + n
    const entry: Field[] = [
      ['__CURSOR', cursorOf(i)],
      ['__REALTIME_TIMESTAMP', `${1_795_500_000_000_000 + i}`],
      ['_MACHINE_ID', 'm1'],
      ['_SYSTEMD_UNIT', i % 2 === 0 ? 'ssh.service' : 'cron.service'],
      ...fields,
    ]
    if (!fields.some(([name]) => name === 'MESSAGE')) entry.push(['MESSAGE', `entry ${i}`])
    return `${JSON.stringify(entry)}\n`
  })
  appendFileSync(join(home, 'entries.json'), lines.join(''))
}

function vacuum(upTo: number): void {
  const lines = readFileSync(join(home, 'entries.json'), 'utf8').split('\n')
  writeFileSync(join(home, 'entries.json'), lines.slice(upTo).join('\n'))
}

function messages(spool: MemorySpool): string[] {
  return spool.texts().map((text) => (JSON.parse(text) as { MESSAGE: string }).MESSAGE)
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const endMs = Date.now() + 15_000; !condition(); await sleep(10)) {
    if (Date.now() > endMs) throw new Error(`waited in vain: ${what}`)
  }
}

function numbered(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `entry ${from + i}`)
}

describe('following', () => {
  test('takes what is there and what comes, by machine, with streams of their own for the units that are named', async () => {
    const spool = new MemorySpool()
    addEntries(0, 4)
    await start(spool, { units: { 'ssh.service': {} } })
    await until(() => spool.records.length === 4, 'four')
    addEntries(4, 2)
    await until(() => spool.records.length === 6, 'six')
    expect(spool.texts({ machine: 'm1', unit: 'ssh.service' })).toHaveLength(3)
    expect(spool.texts({ machine: 'm1' })).toHaveLength(3)
    expect(messages(spool).sort()).toEqual(numbered(0, 6))
    const [call] = readFileSync(join(home, 'calls'), 'utf8').split('\n')
    expect(JSON.parse(call!)).toEqual([
      '--output=export',
      '--all',
      '--follow',
      '--no-pager',
      '--quiet',
      '--merge',
      '--no-tail',
    ])
  })

  test('binary values, newlines, repeated fields and empty ones keep all of it', async () => {
    const spool = new MemorySpool()
    addEntries(0, 1, [
      ['MESSAGE', 'two\nlines\n\nthree'],
      ['BIN', '/wAA', 'base64'],
      ['TAG', 'a'],
      ['TAG', 'b'],
      ['NOTHING', ''],
    ])
    await start(spool)
    await until(() => spool.records.length === 1, 'it')
    expect(JSON.parse(spool.texts()[0]!)).toMatchObject({
      MESSAGE: 'two\nlines\n\nthree',
      BIN: { base64: '/wAA' },
      TAG: ['a', 'b'],
      NOTHING: '',
      _MACHINE_ID: 'm1',
    })
    expect(spool.texts()[0]).not.toContain('\n')
  })

  test('from now: what was there before is not asked for', async () => {
    const spool = new MemorySpool()
    addEntries(0, 5)
    await start(spool, { from: 'now' })
    await until(() => existsSync(join(home, 'calls')), 'it runs')
    await sleep(300)
    addEntries(5, 1)
    await until(() => spool.records.length > 0, 'the new one')
    expect(messages(spool)).toEqual(['entry 5'])
  })

  test('filters are asked for', () => {
    const only = { units: ['a.service'], identifiers: ['sudo'], priority: 4 }
    const { signal } = new AbortController()
    const args = argumentsOf({
      journalctl: 'j',
      directory: '/host/journal',
      only,
      from: { cursor: 'c' },
      signal,
    })
    expect(args).toContain('--unit=a.service')
    expect(args).toContain('--identifier=sudo')
    expect(args).toContain('--priority=4')
    expect(args).toContain('--directory=/host/journal')
    expect(args).toContain('--cursor=c')
    expect(args).not.toContain('--merge')
  })
})

describe('going on', () => {
  test('after a restart it begins behind the last entry', async () => {
    const spool = new MemorySpool()
    addEntries(0, 3)
    const first = await start(spool)
    await until(() => spool.note?.includes(cursorOf(2)) === true, 'the note')
    await stop(first)
    addEntries(3, 3)
    await start(spool)
    await until(() => spool.records.length === 6, 'all')
    await sleep(100)
    expect(messages(spool)).toEqual(numbered(0, 6))
  })

  test('what a crash left behind the note is not taken again', async () => {
    const spool = new MemorySpool()
    addEntries(0, 6)
    const first = await start(spool, { units: { 'ssh.service': {} } })
    await until(() => spool.note?.includes(cursorOf(5)) === true, 'the note')
    await stop(first)
    // As if it had been killed before the note, and before the second of two streams.
    spool.note = spool.note!.replace(cursorOf(5), cursorOf(1))
    spool.records.splice(
      0,
      spool.records.length,
      ...spool.records.filter(({ names }, i) => names['unit'] !== undefined || i < 1),
    )
    const left = messages(spool)
    await start(spool, { units: { 'ssh.service': {} } })
    await until(() => messages(spool).includes('entry 5'), 'the rest')
    await sleep(100)
    const all = messages(spool)
    expect(new Set(all).size).toBe(all.length)
    expect(all.filter((one) => !left.includes(one))).toEqual(['entry 3', 'entry 5'])
  })

  test('what was vacuumed is declared, with its number', async () => {
    const spool = new MemorySpool()
    addEntries(0, 3)
    const first = await start(spool)
    await until(() => spool.note?.includes(cursorOf(2)) === true, 'the note')
    await stop(first)
    addEntries(3, 7)
    vacuum(6)
    await start(spool)
    await until(() => messages(spool).includes('entry 9'), 'the rest')
    const texts = spool.texts()
    expect(JSON.parse(texts[3]!)).toMatchObject({
      __DECKLOG_LOSS: 'vacuumed',
      __DECKLOG_LOST: '3',
      _MACHINE_ID: 'm1',
    })
    expect(messages(spool).slice(4)).toEqual(numbered(6, 10))
    expect(telemetry.get('decklog_source_dropped_total', { kind: 'journald', reason: 'vacuumed' })).toBe(1)
  })

  test('other filters are no loss', async () => {
    const spool = new MemorySpool()
    addEntries(0, 3)
    const first = await start(spool)
    await until(() => spool.note?.includes(cursorOf(2)) === true, 'the note')
    await stop(first)
    vacuum(3)
    addEntries(3, 1)
    await start(spool, { only: { units: ['x.service'], identifiers: [] } })
    await until(() => messages(spool).includes('entry 3'), 'the next')
    expect(messages(spool)).toEqual(numbered(0, 4))
  })

  test('a journalctl that ends is started again where it was', async () => {
    const spool = new MemorySpool()
    writeFileSync(join(home, 'die-after'), '4')
    addEntries(0, 9)
    await start(spool)
    await until(() => spool.records.length === 9, 'all')
    expect(messages(spool)).toEqual(numbered(0, 9))
    expect(readFileSync(join(home, 'calls'), 'utf8').split('\n').length).toBeGreaterThan(3)
  })

  test('while there is no room nothing is lost and it is said; then it goes on', async () => {
    const spool = new MemorySpool()
    spool.failure = new DecklogError('spool-full', 'the spool is full', { retryable: true })
    addEntries(0, 500)
    const receiver = await start(spool)
    await until(() => receiver.problems().length > 0, 'a problem')
    expect(receiver.problems()[0]).toMatch(/^the journal is not read further/)
    addEntries(500, 500)
    spool.failure = undefined
    await until(() => spool.records.length === 1_000, 'all')
    expect(messages(spool)).toEqual(numbered(0, 1_000))
    expect(receiver.problems()).toEqual([])
  })

  test('a journalctl that is not there is a problem, not the end', async () => {
    const receiver = await start(new MemorySpool(), { journalctl: join(home, 'none') })
    await until(() => receiver.problems().length > 0, 'a problem')
    expect(receiver.problems()[0]).toMatch(/none is not there; install/)
  })

  test('one that writes something else is a problem too', async () => {
    writeFileSync(
      join(home, 'journalctl'),
      `#!/bin/sh\necho "$(head -c 200 /dev/zero | tr '\\0' x)"\nsleep 5\n`,
    )
    const receiver = await start(new MemorySpool())
    await until(() => receiver.problems().length > 0, 'a problem')
    expect(receiver.problems()[0]).toMatch(/not the export format/)
  })
})

describe('the export format', () => {
  const name = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,20}$/)
  const value = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(Buffer.from('a\n\nb'), Buffer.from(''), Buffer.from('\n')),
  )

  function written(entry: readonly (readonly [string, Uint8Array])[]): Buffer {
    return Buffer.concat([
      ...entry.map(([key, bytes]) => {
        if (!bytes.includes(10)) return Buffer.concat([Buffer.from(`${key}=`), bytes, Buffer.from('\n')])
        const length = Buffer.alloc(8)
        length.writeBigUInt64LE(BigInt(bytes.length))
        return Buffer.concat([Buffer.from(`${key}\n`), length, bytes, Buffer.from('\n')])
      }),
      Buffer.from('\n'),
    ])
  }

  test('comes out as it went in, however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 6 }), { maxLength: 6 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 30 })),
        (entries, sizes) => {
          const reader = new ExportReader({ fieldMax: 1_000, entryMax: 10_000 })
          const bytes = Buffer.concat(entries.map(written))
          const got: ExportedEntry[] = []
          for (let at = 0; at < bytes.length; ) {
            const size = sizes.next().value as number
            // A copy: nothing may be kept of a chunk that is used again.
            expect(reader.read(Buffer.from(bytes.subarray(at, at + size)), (entry) => got.push(entry))).toBe(
              true,
            )
            at += size
          }
          expect(
            got.map(({ fields }) => fields.map((field) => [field.name, field.value.toString('hex')])),
          ).toEqual(
            entries.map((entry) => entry.map(([key, field]) => [key, Buffer.from(field).toString('hex')])),
          )
        },
      ),
    )
  })

  test('large fields and large entries are cut, and what was cut is counted', () => {
    const reader = new ExportReader({ fieldMax: 100, entryMax: 250 })
    const got: ExportedEntry[] = []
    const long = Buffer.alloc(1_000, 'x')
    const entry = [
      ['A', long],
      ['B', Buffer.concat([long, Buffer.from('\n')])],
      ['C', long],
      ['D', Buffer.from('kept')],
    ] as const
    expect(reader.read(written(entry), (one) => got.push(one))).toBe(true)
    expect(got[0]!.fields.map((field) => [field.name, field.value.length])).toEqual([
      ['A', 98],
      ['B', 100],
      ['D', 4],
    ])
    expect(got[0]!.cutBytes).toBe(902 + 901 + 902 + 98)
  })

  test('any bytes end in entries or in a refusal', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(10, 61, 65, 0), fc.integer({ min: 0, max: 255 })), {
          maxLength: 80,
        }),
        (bytes) => {
          new ExportReader({ fieldMax: 20, entryMax: 50 }).read(Buffer.from(bytes), () => undefined)
        },
      ),
      { numRuns: 3_000 },
    )
  })
})

test('cursors of one sequence are compared by number, of one boot by its clock, and else not', () => {
  const at = (text: string): ReturnType<typeof positionOf> => positionOf(text)
  const last = at('s=1;i=10;b=b1;m=100;t=1;x=1')
  expect(isUpTo(at('s=1;i=10;b=b2;m=1;t=1;x=1'), last)).toBe(true)
  expect(isUpTo(at('s=1;i=11;b=b1;m=1;t=1;x=1'), last)).toBe(false)
  expect(isUpTo(at('s=2;i=1;b=b1;m=100;t=1;x=1'), last)).toBe(true)
  expect(isUpTo(at('s=2;i=1;b=b1;m=101;t=1;x=1'), last)).toBe(false)
  expect(isUpTo(at('s=2;i=1;b=b2;m=1;t=1;x=1'), last)).toBe(false)
  expect(isUpTo(at('nonsense'), last)).toBe(false)
})
