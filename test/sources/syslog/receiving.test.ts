import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { syslogSource } from '../../../src/config/sources/syslog.ts'
import { type Certificates, certificates, running, tcp, tls, udp, until } from './receiver.ts'

const hasLogger = spawnSync('logger', ['--version']).status === 0
if (!hasLogger) console.log('not tested with logger: this machine has none')

let pki: Certificates
let directory: string
beforeAll(() => {
  pki = certificates()
  directory = mkdtempSync(join(tmpdir(), 'decklog-syslog-'))
})
afterAll(() => {
  pki[Symbol.dispose]()
  rmSync(directory, { recursive: true, force: true })
})

describe('syslog over TCP', () => {
  test('each sender and way has a stream; messages keep their order', async () => {
    await using one = await running({ tcp: '127.0.0.1:0', udp: '127.0.0.1:0' })
    const socket = await tcp(one.port('tcp'))
    socket.write('<13>first\n<13>sec')
    socket.write('ond\n')
    await udp(one.port('udp'), '<13>datagram\n', '<13>of two\nlines')
    await until(
      () => one.spool.records.length,
      (count) => count === 4,
    )
    expect(one.spool.texts({ sender: '127.0.0.1', transport: 'tcp' })).toEqual(['<13>first', '<13>second'])
    expect(one.spool.texts({ sender: '127.0.0.1', transport: 'udp' })).toEqual([
      '<13>datagram',
      '<13>of two\nlines',
    ])
    expect(one.receiver.address).toBe(`udp 127.0.0.1:${one.port('udp')}, tcp 127.0.0.1:${one.port('tcp')}`)
    socket.destroy()
  })

  test('a message whose sender goes is kept, with a mark', async () => {
    await using one = await running({})
    const socket = await tcp(one.port('tcp'))
    socket.end('<13>whole\n<13>ha')
    await until(
      () => one.spool.records.length,
      (count) => count === 2,
    )
    expect(one.spool.records.map(({ mark }) => mark)).toEqual([undefined, 'partial'])
    expect(one.spool.texts()).toEqual(['<13>whole', '<13>ha'])
  })

  test('IPv6, and IPv4 on a socket for both', async () => {
    await using one = await running({ tcp: '[::]:0', udp: '[::]:0' })
    const socket = connect({ port: one.port('tcp'), host: '::1' })
    socket.write('<13>six\n')
    const four = await tcp(one.port('tcp'))
    four.write('<13>four\n')
    await udp(one.port('udp'), '<13>four too')
    await until(
      () => one.spool.records.length,
      (count) => count === 3,
    )
    expect(one.spool.texts({ sender: '::1', transport: 'tcp' })).toEqual(['<13>six'])
    expect(one.spool.texts({ sender: '127.0.0.1', transport: 'tcp' })).toEqual(['<13>four'])
    expect(one.spool.texts({ sender: '127.0.0.1', transport: 'udp' })).toEqual(['<13>four too'])
    socket.destroy()
    four.destroy()
  })

  test('what was sent before the end is taken, then the connection is closed', async () => {
    const one = await running({ udp: '127.0.0.1:0', tcp: '127.0.0.1:0' })
    const socket = await tcp(one.port('tcp'))
    const closed = once(socket, 'close')
    const lines = Array.from({ length: 20_000 }, (_, i) => `<13>line ${i}\n`).join('')
    socket.write(lines)
    await until(() => one.spool.records.length)
    await udp(one.port('udp'), ...Array.from({ length: 50 }, (_, i) => `<13>datagram ${i}`))
    await one[Symbol.asyncDispose]()
    await closed
    expect(one.spool.texts({ sender: '127.0.0.1', transport: 'tcp' })).toHaveLength(20_000)
    expect(one.spool.texts({ sender: '127.0.0.1', transport: 'udp' })).toHaveLength(50)
    expect(one.telemetry.get('decklog_source_connections', { kind: 'syslog' })).toBe(0)
    await expect(tcp(one.port('tcp'))).rejects.toThrow(/ECONNREFUSED/)
  })

  test('a sender that never stops is cut off when decklog ends, and what was read of it is kept', async () => {
    const one = await running({})
    const socket = await tcp(one.port('tcp'))
    let isOpen = true
    const closed = new Promise<void>((resolve) => {
      socket.once('close', () => resolve())
    }).then(() => (isOpen = false))
    const send = (): void =>
      void (isOpen && socket.write('<13>again and again\n'.repeat(50), () => setImmediate(send)))
    send()
    await until(() => one.spool.records.length)
    await one[Symbol.asyncDispose]()
    await closed
    expect(one.dropped('closing')).toBe(0)
    const texts = one.spool.texts()
    expect(texts.slice(0, -1).every((text) => text === '<13>again and again')).toBe(true)
  })

  test('behind a proxy, the sender is who the proxy says; from elsewhere a header is a message like any other', async () => {
    await using one = await running({ proxies: ['127.0.0.0/8'] })
    const first = await tcp(one.port('tcp'))
    first.write('PROXY TCP4 198.51.100.')
    first.write('7 192.0.2.1 50000 514\r\n<13>by a proxy\n')
    const second = await tcp(one.port('tcp'))
    const header = Buffer.from('0d0a0d0a000d0a515549540a21210024', 'hex')
    const addresses = Buffer.from(
      '20010db8000000000000000000000007 20010db8000000000000000000000001 c350 0202'.replaceAll(' ', ''),
      'hex',
    )
    second.write(Buffer.concat([header, addresses, Buffer.from('<13>by version 2\n')]))
    await until(
      () => one.spool.records.length,
      (count) => count === 2,
    )
    expect(one.spool.texts({ sender: '198.51.100.7', transport: 'tcp' })).toEqual(['<13>by a proxy'])
    expect(one.spool.texts({ sender: '2001:db8::7', transport: 'tcp' })).toEqual(['<13>by version 2'])
    const bad = await tcp(one.port('tcp'))
    bad.write('<13>no header\n')
    await once(bad, 'close')
    expect(one.refused('proxy-header')).toBe(1)
    await using plain = await running({ proxies: ['192.0.2.0/24'] })
    const direct = await tcp(plain.port('tcp'))
    direct.write('PROXY TCP4 198.51.100.7 192.0.2.1 1 2\r\n')
    await until(() => plain.spool.records.length)
    expect(plain.spool.texts({ sender: '127.0.0.1', transport: 'tcp' })).toEqual([
      'PROXY TCP4 198.51.100.7 192.0.2.1 1 2',
    ])
    for (const socket of [first, second, direct]) socket.destroy()
  })
})

describe('syslog over TLS', () => {
  test('takes octet counting, and the name of a certificate that it trusts', async () => {
    await using one = await running({
      tls: { listen: '127.0.0.1:0', ...pki.server, clientCa: pki.ca, clients: ['*.nodes.example'] },
    })
    const socket = await tls(one.port('tls'), { ...pki.client, ca: pki.ca, rejectUnauthorized: true })
    socket.write('8 <13>one\n8 <13>two\n')
    await until(
      () => one.spool.records.length,
      (count) => count === 2,
    )
    expect(
      one.spool.texts({ sender: '127.0.0.1', transport: 'tls', client: 'agent-1.nodes.example' }),
    ).toEqual(['<13>one', '<13>two'])
    socket.destroy()
    await until(
      () => one.telemetry.get('decklog_source_connections', { kind: 'syslog' }),
      (count) => count === 0,
    )
  })

  test('refuses who has no certificate, one of another authority, or another name', async () => {
    const listen = { listen: '127.0.0.1:0', ...pki.server, clientCa: pki.ca }
    await using one = await running({ tls: { ...listen, clients: ['agent-2', 'nodes.example'] } })
    for (const options of [{}, pki.stranger, pki.client]) {
      const socket = await tls(one.port('tls'), options)
      socket.write('<13>let me in\n')
      await once(socket, 'close')
    }
    expect([one.refused('client-certificate'), one.refused('client-name')]).toEqual([2, 1])
    expect(one.spool.records).toEqual([])
    expect(one.receiver.problems().join('\n')).toMatch(/no certificate of the authority.*127\.0\.0\.1/)
    await until(
      () => one.telemetry.get('decklog_source_connections', { kind: 'syslog' }),
      (count) => count === 0,
    )
  })

  test('handshakes that do not end, and what is no TLS, are ended; others are not disturbed', async () => {
    await using one = await running({ tls: { listen: '127.0.0.1:0', ...pki.server }, handshakeTimeout: '1s' })
    const silent = await tcp(one.port('tls'))
    const half = await tcp(one.port('tls'))
    half.write(Buffer.from('16030100', 'hex'))
    const plain = await tcp(one.port('tls'))
    const closed = Promise.all([silent, half, plain].map((socket) => once(socket, 'close')))
    plain.write('<13>this is no TLS\n')
    const good = await tls(one.port('tls'))
    good.write('<13>fine\n')
    await closed
    good.write('<13>still fine\n')
    await until(
      () => one.spool.records.length,
      (count) => count === 2,
    )
    expect(one.refused('tls-handshake')).toBe(3)
    expect(one.spool.texts({ sender: '127.0.0.1', transport: 'tls' })).toEqual(['<13>fine', '<13>still fine'])
    good.destroy()
    await until(
      () => one.telemetry.get('decklog_source_connections', { kind: 'syslog' }),
      (count) => count === 0,
    )
  })

  test('a proxy in front of TLS', async () => {
    await using one = await running({ tls: { listen: '127.0.0.1:0', ...pki.server }, proxies: ['127.0.0.1'] })
    const raw = await tcp(one.port('tls'))
    raw.write('PROXY TCP4 198.51.100.9 192.0.2.1 50000 6514\r\n')
    raw.pause()
    const socket = await tls(0, { socket: raw })
    socket.write('<13>one\n')
    await until(() => one.spool.records.length)
    expect(one.spool.texts({ sender: '198.51.100.9', transport: 'tls' })).toEqual(['<13>one'])
    socket.destroy()
  })

  test('a key of another certificate is said at the start', async () => {
    const wrong = { listen: '127.0.0.1:0', certificate: pki.server.certificate, key: pki.client.key }
    await expect(running({ tls: wrong })).rejects.toThrow(
      /certificate or key of a syslog source cannot be used/,
    )
  })
})

describe('syslog over a unix socket', () => {
  test('takes what syslog(3) sends, ended by zeros, with newlines in it', async () => {
    const path = join(directory, 'log')
    await using one = await running({ unix: { path, mode: '660' } })
    expect((statSync(path).mode & 0o777).toString(8)).toBe('660')
    const socket = connect({ path })
    socket.write('<13>one\0<13>two\nlines\0')
    await until(
      () => one.spool.records.length,
      (count) => count === 2,
    )
    expect(one.spool.texts({ sender: 'local', transport: 'unix' })).toEqual(['<13>one', '<13>two\nlines'])
    socket.destroy()
  })

  test.skipIf(!hasLogger)(
    'takes what logger sends, which finds out by itself that it is a stream',
    async () => {
      const path = join(directory, 'logger')
      await using one = await running({ unix: { path } })
      execFileSync('logger', ['--socket', path, '--tag', 'test', 'hello'])
      await until(() => one.spool.records.length)
      expect(one.spool.texts()[0]).toMatch(/^<13>.* test: hello$/)
    },
  )

  test('a socket that was left behind is replaced; one in use, and a file, are not', async () => {
    const path = join(directory, 'busy')
    const one = await running({ unix: { path } })
    await expect(running({ unix: { path } })).rejects.toThrow(/something else listens on/)
    await one[Symbol.asyncDispose]()
    expect(existsSync(path)).toBe(false)
    await expect(running({ unix: { path: '/etc/hostname' } })).rejects.toThrow(/is no socket/)
  })

  test('datagrams are refused in clear words', () => {
    const result = syslogSource.safeParse({
      kind: 'syslog',
      class: 'node',
      unix: { path: '/dev/log', type: 'datagram' },
    })
    expect(result.error?.issues[0]?.message).toMatch(/Node\.js has no unix datagram sockets.*journald/)
  })
})
