import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/app/system-clock.ts'
import { armFaults } from '../../src/core/faults.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import { type DiskSpool, type DiskSpoolOptions, openSpool } from '../../src/sources/spool/disk-spool.ts'
import { decodeSpooled, headerOf } from '../../src/core/spooled-record.ts'
import { ShipYard, until } from '../ship/harness.ts'

const NAMES = { sender: 'a' }
let directory: string
let telemetry: Telemetry
const open: DiskSpool[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'decklog-spool-'))
  telemetry = new Telemetry()
})
afterEach(async () => {
  armFaults('')
  for (const spool of open.splice(0)) await spool[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

function spoolOf(options: Partial<DiskSpoolOptions> = {}): DiskSpool {
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const spool = openSpool({
    directory: join(directory, 'spool'),
    kind: 'http',
    source: 'push',
    placeOf: () => ({ class: 'node', format: 'text' }),
    maxBytes: 64 * 1024 * 1024,
    idleAfter: 300_000,
    closeAfter: 1_800_000,
    streamsMax: 100,
    clock: systemClock,
    telemetry,
    log,
    ...options,
  })
  open.push(spool)
  return spool
}

function bytes(...texts: string[]): Buffer[] {
  return texts.map((text) => Buffer.from(text))
}

function files(): string[] {
  const root = join(directory, 'spool')
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => /spool\.log/.test(name))
}

function liveFile(): string {
  return join(directory, 'spool', files().find((name) => name.endsWith('spool.log'))!)
}

function withoutHeader(text: string): string {
  return text.slice(text.indexOf('\x1f') + 1)
}

/** Records of a yard, as a reader decodes them. */
function shipped(yard: ShipYard, stream?: string): string[] {
  const records = yard.records(stream)
  return [...records.keys()]
    .sort((a, b) => a - b)
    .map((seq) => decodeSpooled(Buffer.from(records.get(seq)!.slice(0, -1), 'latin1')).toString())
}

describe('appending', () => {
  test('keeps records as they are, a line each, and what is no line escaped', async () => {
    const spool = spoolOf()
    const records = bytes('one', 'two\nlines \x1b[0m', '\x1estarts oddly', '', 'last')
    await spool.append(NAMES, records)
    const lines = readFileSync(liveFile(), 'latin1').split('\n')
    expect(lines.slice(1)).toEqual(['\x1eetwo\x1bnlines \x1be[0m', '\x1ee\x1estarts oddly', '', 'last', ''])
    expect(lines.map((line) => decodeSpooled(Buffer.from(line, 'latin1')).toString()).slice(0, -1)).toEqual(
      records.map(String),
    )
  })

  test('each file begins like no other, with whose it is', async () => {
    const spool = spoolOf({ idleAfter: 0 })
    for (let i = 0; i < 3; i++) {
      await spool.append(NAMES, bytes('the same'))
      await spool.tick()
    }
    const heads = files().map((name) => readFileSync(join(directory, 'spool', name), 'latin1'))
    expect(new Set(heads).size).toBe(3)
    for (const head of heads) {
      expect(headerOf(Buffer.from(head))?.names).toEqual({ sender: 'a', source: 'push' })
      expect(withoutHeader(head)).toBe('the same\n')
    }
  })

  test('calls that come together share a flush, and each waits for its own', async () => {
    const spool = spoolOf()
    await Promise.all(
      Array.from({ length: 500 }, (_, i) => spool.append({ sender: `${i % 5}` }, bytes(`r${i}`))),
    )
    const lines = files().flatMap((name) =>
      readFileSync(join(directory, 'spool', name), 'latin1')
        .trimEnd()
        .split('\n'),
    )
    expect(lines).toHaveLength(500)
    expect(telemetry.get('decklog_source_records_total', { kind: 'http' })).toBe(500)
    const first = lines.filter((line) => line.startsWith('\x1eh'))
    expect(first).toHaveLength(5)
  })

  test('order within a stream is the order of the calls', async () => {
    const spool = spoolOf({ rotateBytes: 2_000 })
    await Promise.all(Array.from({ length: 300 }, (_, i) => spool.append(NAMES, bytes(`n ${i}`, `m ${i}`))))
    expect(spool.lastRecord(NAMES)?.toString()).toBe('m 299')
  })

  test('the last record is known after a restart, a note too', async () => {
    const spool = spoolOf()
    expect(spool.lastRecord(NAMES)).toBeUndefined()
    await spool.append(NAMES, bytes('x', 'y\nz'))
    await spool.keepNote('s=1;i=2')
    await spool[Symbol.asyncDispose]()
    const again = spoolOf()
    expect(Buffer.from(again.lastRecord(NAMES)!).toString()).toBe('y\nz')
    expect(again.lastRecord({ sender: 'b' })).toBeUndefined()
    expect(again.note).toBe('s=1;i=2')
  })

  test('an aborted append is told so, and one that was not begun takes no room', async () => {
    const spool = spoolOf()
    const free = spool.freeBytes
    const stop = new AbortController()
    const appending = spool.append(NAMES, bytes('never'), { signal: stop.signal })
    stop.abort()
    await expect(appending).rejects.toMatchObject({ code: 'aborted' })
    expect(spool.freeBytes).toBe(free)
    await expect(spool.append(NAMES, bytes('x'), { signal: stop.signal })).rejects.toMatchObject({
      code: 'aborted',
    })
    await spool[Symbol.asyncDispose]()
    await expect(spool.append(NAMES, bytes('x'))).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('bounds', () => {
  test('what does not fit is refused at once and whole; it opens again when there is some room', async () => {
    const spool = spoolOf({ maxBytes: 100_000, idleAfter: 0, rotateBytes: 10_000 })
    const record = Buffer.alloc(9_990, 'x')
    for (let i = 0; i < 10; i++) await spool.append(NAMES, [record]).catch(() => undefined)
    await expect(spool.append(NAMES, [record])).rejects.toMatchObject({ code: 'spool-full', retryable: true })
    // Full: small ones too, or the sender would see it open and shut with every record.
    await expect(spool.append(NAMES, bytes('small'))).rejects.toMatchObject({ code: 'spool-full' })
    expect(spool.freeBytes).toBe(0)
    expect(spool.problems()[0]).toMatch(/^the spool of push is full/)
    const [group] = spool.groups()
    const rotated = files()
      .filter((name) => /log\.\d/.test(name))
      .map((name) => join(directory, 'spool', name))
    await spool.remove(group!.key, rotated.slice(0, 2))
    await spool.append(NAMES, bytes('small'))
    expect(spool.problems()).toEqual([])
  })

  test('streams are bounded too', async () => {
    const spool = spoolOf({ streamsMax: 2 })
    await spool.append({ sender: '1' }, bytes('x'))
    await spool.append({ sender: '2' }, bytes('x'))
    await expect(spool.append({ sender: '3' }, bytes('x'))).rejects.toMatchObject({ code: 'spool-full' })
    await spool.append({ sender: '1' }, bytes('y'))
    await expect(spool.append({ sender: 'x'.repeat(5_000) }, bytes('x'))).rejects.toMatchObject({
      code: 'too-large',
    })
  })

  test.each(['spool-write=ENOSPC', 'spool-written=ENOSPC', 'spool-written=EIO'])(
    'a disk that refuses (%s) is told, nothing of it stays, and it goes on by itself',
    async (fault) => {
      const spool = spoolOf()
      await spool.append(NAMES, bytes('before'))
      armFaults(fault)
      const code = fault.endsWith('EIO') ? 'disk-failed' : 'disk-full'
      await expect(spool.append(NAMES, bytes('refused'))).rejects.toMatchObject({ code, retryable: true })
      expect(spool.problems()).toHaveLength(1)
      await spool.append(NAMES, bytes('after'))
      expect(spool.problems()).toEqual([])
      expect(withoutHeader(readFileSync(liveFile(), 'latin1'))).toBe('before\nafter\n')
    },
  )

  test('the first record of a stream is refused as well as any other', async () => {
    const spool = spoolOf()
    const free = spool.freeBytes
    armFaults('spool-written=EIO')
    await expect(spool.append(NAMES, bytes('refused'))).rejects.toMatchObject({ code: 'disk-failed' })
    expect(spool.freeBytes).toBe(free)
    expect(spool.lastRecord(NAMES)).toBeUndefined()
    await spool.append(NAMES, bytes('after'))
    expect(withoutHeader(readFileSync(liveFile(), 'latin1'))).toBe('after\n')
  })
})

describe('after a crash', () => {
  test('a last line without its end was never acknowledged, and goes', async () => {
    const spool = spoolOf()
    await spool.append(NAMES, bytes('whole'))
    await spool[Symbol.asyncDispose]()
    appendFileSync(liveFile(), `torn ${'x'.repeat(200_000)}`)
    const again = spoolOf()
    expect(Buffer.from(again.lastRecord(NAMES)!).toString()).toBe('whole')
    await again.append(NAMES, bytes('next'))
    expect(withoutHeader(readFileSync(liveFile(), 'latin1'))).toBe('whole\nnext\n')
  })

  test('what is no spool is left alone, and said', async () => {
    const spool = spoolOf()
    await spool.append(NAMES, bytes('whole'))
    await spool[Symbol.asyncDispose]()
    rmSync(liveFile())
    appendFileSync(
      join(directory, 'spool', readdirSync(join(directory, 'spool'))[0]!, 'spool.log'),
      'strange\n',
    )
    expect(spoolOf().problems()[0]).toMatch(/is not shipped .*look at it/)
  })
})

describe('shipped', () => {
  test('a clock that steps back changes no order', async () => {
    await using yard = new ShipYard()
    let steps = 0
    // Each look at the time of day is an hour before the last.
    const clock = { ...systemClock, now: () => 1_795_500_000_000 - 3_600_000 * steps++ }
    const spool = spoolOf({ idleAfter: 0, clock })
    for (let i = 0; i < 12; i++) {
      await spool.append(NAMES, bytes(`record ${i}`))
      await spool.tick()
    }
    await yard.start([spool])
    await until(() => yard.records().size === 12, 'all')
    expect(shipped(yard)).toEqual(Array.from({ length: 12 }, (_, i) => `record ${i}`))
    expect(yard.losses()).toEqual([])
  })

  test('all records arrive once and in order, their files go when they are settled, and the stream is closed when it is quiet', async () => {
    await using yard = new ShipYard()
    const spool = spoolOf({ rotateBytes: 70_000, idleAfter: 400, closeAfter: 1_500 })
    await yard.start([spool])
    const records = Array.from(
      { length: 5_000 },
      (_, i) => `record ${i}${i % 7 === 0 ? '\nsecond line' : ''} ${'x'.repeat(i % 90)}`,
    )
    for (let at = 0; at < records.length; at += 100)
      await spool.append(NAMES, bytes(...records.slice(at, at + 100)))
    await until(() => yard.records().size === records.length, 'all records')
    expect(shipped(yard)).toEqual(records)
    await until(
      () => yard.marks().includes('closed') && readdirSync(spool.directory).length === 0,
      'it is closed',
    )
    expect(yard.losses()).toEqual([])
    expect(spool.streamCount).toBe(0)
    expect(spool.freeBytes).toBe(64 * 1024 * 1024)
    expect(yard.role?.status().openFiles).toBe(0)
    // The same sender again: another stream.
    await spool.append(NAMES, bytes('again'))
    await until(() => yard.streams().length === 2, 'another stream')
    expect(shipped(yard, yard.streams()[1])).toEqual(['again'])
  })

  test('senders that repeat themselves lose nothing, though files get inodes of earlier ones', async () => {
    await using yard = new ShipYard()
    const spool = spoolOf({ idleAfter: 0 })
    await yard.start([spool])
    for (let i = 0; i < 25; i++) {
      await spool.append(NAMES, bytes('heartbeat'))
      await spool.tick()
      if (i % 3 === 0) await until(() => files().length === 0, 'files are gone')
    }
    await until(() => yard.records().size === 25, 'all heartbeats')
    await until(() => files().length === 0, 'files are gone')
    expect(shipped(yard)).toEqual(Array(25).fill('heartbeat'))
    expect(yard.losses()).toEqual([])
    expect(yard.streams()).toHaveLength(1)
  })

  test('what the bus has not acknowledged stays, and is sent again as it was after a restart', async () => {
    await using yard = new ShipYard()
    const spool = spoolOf({ idleAfter: 0 })
    yard.bus.hold = () => true
    await yard.start([spool])
    await spool.append(NAMES, bytes('a', 'b'))
    await until(() => yard.records().size === 2, 'it is published')
    await spool.tick()
    await systemClock.sleep(1_500)
    expect(files()).toHaveLength(1)
    await yard.stop()
    await spool[Symbol.asyncDispose]()
    yard.bus.release()
    const again = spoolOf({ idleAfter: 0 })
    await yard.start([again])
    await again.append(NAMES, bytes('c'))
    await again.tick()
    await until(() => files().length === 0, 'files are gone')
    expect(shipped(yard)).toEqual(['a', 'b', 'c'])
    expect(yard.losses()).toEqual([])
    expect(yard.streams()).toHaveLength(1)
  })

  test('bytes that are not flushed are not read: a refused record never leaves', async () => {
    await using yard = new ShipYard()
    const spool = spoolOf()
    await yard.start([spool])
    await spool.append(NAMES, bytes('one'))
    for (let i = 0; i < 5; i++) {
      armFaults('spool-written=EIO')
      await expect(spool.append(NAMES, bytes('refused'))).rejects.toMatchObject({ code: 'disk-failed' })
      await systemClock.sleep(120)
    }
    await spool.append(NAMES, bytes('two'))
    await until(() => yard.records().size === 2, 'both')
    await systemClock.sleep(200)
    expect(shipped(yard)).toEqual(['one', 'two'])
    expect(yard.losses()).toEqual([])
  })

  test('hundreds of short-lived senders leave nothing', async () => {
    await using yard = new ShipYard()
    const spool = spoolOf({ idleAfter: 100, closeAfter: 800, streamsMax: 1_000 })
    await yard.start([spool])
    await Promise.all(
      Array.from({ length: 300 }, (_, i) => spool.append({ sender: `s${i}` }, bytes('only one'))),
    )
    await until(() => yard.marks().filter((mark) => mark === 'closed').length === 300, 'all are closed')
    expect(readdirSync(spool.directory)).toEqual([])
    expect(existsSync(spool.directory)).toBe(true)
    expect(yard.losses()).toEqual([])
    expect(yard.role?.status().streams).toBe(0)
  })
})
