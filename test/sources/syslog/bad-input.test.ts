import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { DecklogError } from '../../../src/core/errors.ts'
import { MemorySpool } from '../../support/memory-spool.ts'
import { running, tcp, udp, until } from './receiver.ts'

const KIND = { kind: 'syslog' }
const FULL = new DecklogError('spool-full', 'the spool is full', { retryable: true })

describe('bad senders of syslog', () => {
  test('one that never sends a newline: one cut record, the rest is counted, others are not disturbed', async () => {
    await using one = await running({ recordMax: '64KiB' })
    const [endless, good] = [await tcp(one.port('tcp')), await tcp(one.port('tcp'))]
    for (let i = 0; i < 64; i++) endless.write(Buffer.alloc(64 * 1024, 'x'))
    good.write('<13>good\n')
    const cutBytes = (): number => one.telemetry.get('decklog_source_cut_bytes_total', KIND)
    await until(cutBytes, (bytes) => bytes === 63 * 64 * 1024)
    endless.end('\n<13>and one more\n')
    await until(
      () => one.spool.records.length,
      (count) => count === 3,
    )
    const cut = one.spool.records.find(({ bytes }) => bytes[0] === 0x78)
    expect([cut?.bytes.length, cut?.mark]).toEqual([64 * 1024, 'truncated'])
    expect(one.spool.texts().slice(-1)).toEqual(['<13>and one more'])
    good.destroy()
  })

  test('a large datagram is cut where recordMax says', async () => {
    await using one = await running({ udp: '127.0.0.1:0', recordMax: '2KiB' })
    await udp(one.port('udp'), Buffer.alloc(60_000, 'x'), '<13>good', '\n', '')
    await until(
      () => one.spool.records.length,
      (count) => count === 2,
    )
    expect(one.spool.records.map(({ bytes, mark }) => [bytes.length, mark])).toEqual([
      [2048, 'truncated'],
      [8, undefined],
    ])
  })

  test('octet counts that do not fit end their connection, after what came', async () => {
    await using one = await running({})
    const socket = await tcp(one.port('tcp'))
    socket.write('7 <13>one9 <13>größer7 <13>two')
    await once(socket, 'close')
    await until(
      () => one.spool.records.length,
      (count) => count === 3,
    )
    expect(one.refused('framing')).toBe(1)
    expect(one.spool.records.map(({ mark }) => mark)).toEqual([undefined, undefined, 'partial'])
  })

  test('random bytes are taken as they are', async () => {
    await using one = await running({ recordMax: '4KiB' })
    const socket = await tcp(one.port('tcp'))
    let state = 1
    const garbage = Buffer.from(
      Uint8Array.from({ length: 300_000 }, () => (state = (state * 48271) % 0x7fffffff) & 255),
    )
    socket.end(garbage)
    await once(socket, 'close')
    const good = await tcp(one.port('tcp'))
    good.write('<13>good\n')
    await until(
      () => one.spool.texts().at(-1),
      (text) => text === '<13>good',
    )
    const all = Buffer.concat(one.spool.records.map(({ bytes }) => bytes))
    expect(all.length).toBeGreaterThan(250_000)
    good.destroy()
  })

  test('a flood of connections: only so many are open, of each sender and in all', async () => {
    await using one = await running({ connectionsMax: 12, senderConnectionsMax: 10 })
    const first: Socket[] = []
    for (let i = 0; i < 10; i++) first.push(await tcp(one.port('tcp')))
    const more = await Promise.all(Array.from({ length: 40 }, () => tcp(one.port('tcp'))))
    for (const socket of more) if (!socket.closed) await once(socket, 'close')
    await until(
      () => one.refused('sender-connections') + one.refused('connections'),
      (count) => count === 40,
    )
    first[0]!.write('<13>still here\n')
    await until(() => one.spool.records.length)
    expect(one.receiver.problems().join()).toMatch(/connections/)
    for (const socket of first) socket.destroy()
    await until(
      () => one.telemetry.get('decklog_source_connections', KIND),
      (count) => count === 0,
    )
    const late = await tcp(one.port('tcp'))
    late.write('<13>room again\n')
    await until(
      () => one.spool.records.length,
      (count) => count === 2,
    )
    late.destroy()
  })

  test('a silent connection is closed; one that is not read is not silent', async () => {
    await using one = await running({ idleTimeout: '1s' })
    const silent = await tcp(one.port('tcp'))
    silent.write('<13>begun, and never')
    await once(silent, 'close')
    await until(() => one.spool.records.length)
    expect(one.spool.records[0]!.mark).toBe('partial')
    expect(one.refused('idle')).toBe(1)
    one.spool.failure = FULL
    const waiting = await tcp(one.port('tcp'))
    waiting.write('<13>one\n')
    await new Promise((resolve) => setTimeout(resolve, 2500))
    expect(waiting.closed).toBe(false)
    one.spool.failure = undefined
    await until(
      () => one.spool.records.length,
      (count) => count === 2,
    )
    waiting.destroy()
  })
})

describe('what senders feel', () => {
  test('TCP is not read while the spool is full, and nothing is lost', async () => {
    const spool = new MemorySpool()
    await using one = await running({}, spool)
    spool.failure = FULL
    const socket = await tcp(one.port('tcp'))
    const lines = Array.from({ length: 60_000 }, (_, i) => `<13>line ${i} ${'x'.repeat(1000)}`)
    socket.write(`${lines.join('\n')}\n`)
    await until(() => one.receiver.problems().length)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const left = socket.bytesWritten - socket.writableLength
    expect(socket.writableNeedDrain).toBe(true)
    // 61 MB are to be sent: what has left is in buffers of the kernel, but for 256 KiB.
    expect(left).toBeLessThan(20_000_000)
    expect(one.receiver.problems().join()).toMatch(/messages wait for the spool/)
    spool.failure = undefined
    await until(
      () => spool.records.length,
      (count) => count === lines.length,
      20_000,
    )
    expect(spool.texts()).toEqual(lines)
    expect(one.receiver.problems()).toEqual([])
    socket.destroy()
  })

  test('datagrams are kept in memory for a while, then dropped: counted, and declared in a record', async () => {
    const spool = new MemorySpool()
    await using one = await running({ udp: '127.0.0.1:0', memoryMax: '64KiB' }, spool)
    spool.failure = FULL
    await udp(one.port('udp'), ...Array.from({ length: 100 }, (_, i) => `<13>${i} ${'x'.repeat(1000)}`))
    await until(
      () => one.dropped('spool-full'),
      (count) => count > 20,
    )
    spool.failure = undefined
    await until(() => spool.texts({ sender: 'decklog', transport: 'internal' }).length)
    const kept = spool.texts({ sender: '127.0.0.1', transport: 'udp' }).length
    const dropped = one.dropped('spool-full')
    expect(kept + dropped).toBe(100)
    expect(spool.texts({ sender: 'decklog', transport: 'internal' })[0]).toMatch(
      new RegExp(
        `^<44>1 \\S+ - decklog - dropped \\[decklog@32473 reason="spool-full" count="${dropped}"\\] ${dropped} messages`,
      ),
    )
  })

  test.skipIf(process.platform !== 'linux')(
    'what the kernel drops is counted, said and declared',
    async () => {
      await using one = await running({ udp: '127.0.0.1:0', receiveBuffer: '32KiB' })
      const send = `const s = require('node:dgram').createSocket('udp4'); let n = 0
      const next = () => (n++ < 500 ? s.send('<13>' + 'x'.repeat(500), ${one.port('udp')}, '127.0.0.1', next) : s.close()); next()`
      // This process does not read meanwhile.
      spawnSync(process.execPath, ['-e', send])
      await until(() => one.dropped('kernel'))
      expect(one.receiver.problems().join()).toMatch(
        /the kernel drops datagrams for 127\.0\.0\.1:\d+: its receive buffer has \d+ KiB/,
      )
      await until(() => one.spool.texts({ sender: 'decklog', transport: 'internal' }).length)
      const taken = one.spool.texts({ sender: '127.0.0.1', transport: 'udp' }).length
      expect(taken + one.dropped('kernel')).toBe(500)
      expect(one.spool.texts({ sender: 'decklog', transport: 'internal' })[0]).toMatch(
        /reason="kernel" count="\d+"/,
      )
    },
  )

  test('a sender of datagrams over its limit is named, and what is above is dropped', async () => {
    await using one = await running({ udp: '127.0.0.1:0', rateMax: { messages: 10 } })
    await udp(one.port('udp'), ...Array.from({ length: 60 }, (_, i) => `<13>${i}`))
    await until(
      () => one.dropped('rate-limited') + one.spool.texts({ sender: '127.0.0.1', transport: 'udp' }).length,
      (sum) => sum === 60,
    )
    expect(one.dropped('rate-limited')).toBeGreaterThan(30)
    expect(one.receiver.problems().join()).toMatch(/over rateMax.*127\.0\.0\.1/)
  })

  test('a sender over TCP is slowed down to its limit, and nothing of it is lost', async () => {
    await using one = await running({ rateMax: { messages: 20_000 } })
    const socket = await tcp(one.port('tcp'))
    const startMs = Date.now()
    for (let i = 0; i < 50; i++) socket.write(`<13>${'y'.repeat(4)}\n`.repeat(1000))
    await until(
      () => one.spool.records.length,
      (count) => count === 50_000,
    )
    expect(Date.now() - startMs).toBeGreaterThan(400)
    socket.destroy()
  })

  test('senders beyond streamsMax share a stream', async () => {
    await using one = await running({ proxies: ['127.0.0.1'], streamsMax: 2 })
    for (const address of ['198.51.100.1', '198.51.100.2', '198.51.100.3', '198.51.100.4']) {
      const socket = await tcp(one.port('tcp'))
      socket.end(`PROXY TCP4 ${address} 192.0.2.1 1 2\r\n<13>${address}\n`)
    }
    await until(
      () => one.spool.records.length,
      (count) => count === 4,
    )
    expect(one.spool.texts({ sender: 'other', transport: 'tcp' })).toEqual([
      '<13>198.51.100.3',
      '<13>198.51.100.4',
    ])
  })

  test('what cannot be kept when decklog ends is counted', async () => {
    const spool = new MemorySpool()
    const one = await running({}, spool)
    spool.failure = FULL
    const socket = await tcp(one.port('tcp'))
    socket.write('<13>one\n<13>two\n')
    await until(() => one.receiver.problems().length)
    await one[Symbol.asyncDispose]()
    expect(one.dropped('closing')).toBe(2)
  })
})
