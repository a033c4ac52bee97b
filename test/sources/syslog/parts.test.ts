import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { syslogPlaceOf, syslogSource } from '../../../src/config/sources/syslog.ts'
import { alternativeNames, clientName } from '../../../src/sources/syslog/certificate-names.ts'
import { dropsIn, kernelDrops } from '../../../src/sources/syslog/kernel-drops.ts'
import { readProxyHeader } from '../../../src/sources/syslog/proxy-header.ts'
import { plainAddress, Senders } from '../../../src/sources/syslog/senders.ts'
import { manualClock } from '../../support/manual-clock.ts'

describe('the header of the PROXY protocol', () => {
  test.each([
    ['PROXY TCP4 192.0.2.1 192.0.2.2 1 65535\r\nrest', { kind: 'found', length: 40, address: '192.0.2.1' }],
    ['PROXY TCP6 2001:db8::1 ::1 1 2\r\n', { kind: 'found', length: 32, address: '2001:db8::1' }],
    ['PROXY UNKNOWN\r\n', { kind: 'found', length: 15, address: undefined }],
    ['PROXY TCP4 2001:db8::1 ::1 1 2\r\n', { kind: 'none' }],
    ['PROXY TCP4 192.0.2.1', { kind: 'more' }],
    [`PROXY ${'x'.repeat(120)}`, { kind: 'none' }],
    ['PRO', { kind: 'more' }],
    ['<13>', { kind: 'none' }],
  ])('%s', (text, expected) => {
    expect(readProxyHeader(Buffer.from(text))).toEqual(expected)
  })

  test('any bytes give an answer', () => {
    const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
    fc.assert(
      fc.property(fc.boolean(), fc.uint8Array({ maxLength: 64 }), (isSigned, tail) => {
        const bytes = isSigned ? Buffer.concat([signature, tail]) : Buffer.from(tail)
        expect(['more', 'none', 'found']).toContain(readProxyHeader(bytes).kind)
      }),
    )
  })
})

describe('names of certificates', () => {
  test('are read as OpenSSL and Node write them', () => {
    const text =
      'DNS:a.example.com, IP Address:192.0.2.7, URI:"spiffe://x/\\"a, DNS:evil\\"", email:ops@example.com'
    expect(alternativeNames(text)).toEqual([
      'a.example.com',
      '192.0.2.7',
      'spiffe://x/"a, DNS:evil"',
      'ops@example.com',
    ])
    expect(alternativeNames('')).toEqual([])
  })

  test('fit what is allowed, one label for a star', () => {
    const names = {
      commonName: 'Agent-1',
      alternative: ['a.nodes.example', 'x.y.nodes.example'],
      fingerprint: 'ff',
    }
    expect(clientName(names, ['agent-1'])).toBe('Agent-1')
    expect(clientName(names, ['*.nodes.example'])).toBe('a.nodes.example')
    expect(clientName(names, ['*.y.nodes.example'])).toBe('x.y.nodes.example')
    expect(clientName(names, ['*.example', 'agent'])).toBeUndefined()
    expect(clientName({ ...names, commonName: undefined, alternative: [] }, undefined)).toBe('ff')
  })
})

describe('drops of the kernel', () => {
  test('are read from its table', () => {
    const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  123: 0100007F:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 12
  124: 00000000:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 99
`
    expect(dropsIn(table, '0100007F', 514)).toBe(12)
    expect(dropsIn(table, '0100007F', 515)).toBeUndefined()
  })

  test.skipIf(process.platform !== 'linux')(
    'are known of a socket of this process, IPv4 and IPv6',
    async () => {
      for (const [type, host] of [
        ['udp4', '127.0.0.1'],
        ['udp6', '::1'],
        ['udp6', '::'],
      ] as const) {
        const socket = createSocket(type)
        socket.bind({ address: host, port: 0 })
        await once(socket, 'listening')
        expect(kernelDrops({ host, port: socket.address().port })).toBe(0)
        socket.close()
      }
    },
  )
})

describe('senders', () => {
  const options = { streamsMax: 2, messagesMax: 10, bytesMax: 1000, forgetAfter: 60_000 }

  test('are forgotten once they were silent for long, and make room', async () => {
    const clock = manualClock()
    const senders = new Senders({ ...options, clock })
    const names = (address: string): unknown => senders.namesOf(senders.of(address), 'udp').sender
    expect(['a', 'b', 'c'].map(names)).toEqual(['a', 'b', 'other'])
    await clock.advance(59_000)
    names('b')
    await clock.advance(2_000)
    expect(['c', 'a', 'b'].map(names)).toEqual(['c', 'other', 'b'])
  })

  test('one of several ways and certificates has a stream for each, as far as there is room', () => {
    const senders = new Senders({ ...options, clock: manualClock() })
    const sender = senders.of('a')
    expect(senders.namesOf(sender, 'tls', 'one')).toEqual({ sender: 'a', transport: 'tls', client: 'one' })
    expect(senders.namesOf(sender, 'tls', 'two')).toEqual({ sender: 'a', transport: 'tls', client: 'two' })
    expect(senders.namesOf(sender, 'tls', 'three')).toEqual({ sender: 'other', transport: 'tls' })
    expect(senders.namesOf(sender, 'tls', 'one')).toBe(senders.namesOf(sender, 'tls', 'one'))
  })

  test('a wall clock that steps changes nothing of their limits', () => {
    let monotonicMs = 0
    const clock = {
      ...manualClock(),
      now: () => Math.random() * 1e12,
      monotonicNs: () => BigInt(monotonicMs) * 1_000_000n,
    }
    const senders = new Senders({ ...options, clock })
    const sender = senders.of('a')
    const taken = (): number =>
      Array.from({ length: 20 }, () => senders.takeOne(sender, 10, senders.nowMs())).filter(Boolean).length
    expect(taken()).toBe(10)
    monotonicMs += 500
    expect(taken()).toBe(5)
  })

  test('addresses have one spelling', () => {
    expect(['::ffff:192.0.2.7', '192.0.2.7', 'fe80::1%eth0', undefined].map(plainAddress)).toEqual([
      '192.0.2.7',
      '192.0.2.7',
      'fe80::1',
      'unknown',
    ])
  })
})

describe('configuration', () => {
  const given = { kind: 'syslog', class: 'node' }
  const problem = (more: object): string | undefined =>
    syslogSource.safeParse({ ...given, ...more }).error?.issues[0]?.message

  test('says what is wrong', () => {
    expect(problem({})).toMatch(/say what to listen on/)
    expect(problem({ udp: '514' })).toMatch(/an address looks like/)
    expect(problem({ udp: '0.0.0.0:514', senders: { everyone: { class: 'network' } } })).toMatch(
      /write an address or a network/,
    )
    expect(problem({ udp: '0.0.0.0:514', streamsMax: 50_000 })).toMatch(/a quarter of spool\.streamsMax/)
    expect(problem({ udp: ['0.0.0.0:514', '[::]:514'] })).toBeUndefined()
  })

  test('senders have classes and formats by address and network: the first that fits', () => {
    const config = syslogSource.parse({
      ...given,
      udp: '0.0.0.0:514',
      senders: {
        '192.0.2.7': { format: 'cef' },
        '192.0.2.0/24': { class: 'network' },
        '2001:db8::/32': { class: 'runtime' },
      },
    })
    expect(syslogPlaceOf(config, '192.0.2.7')).toEqual({ format: 'cef' })
    expect(syslogPlaceOf(config, '192.0.2.8')).toEqual({ class: 'network' })
    expect(syslogPlaceOf(config, '2001:db8::9')).toEqual({ class: 'runtime' })
    expect(syslogPlaceOf(config, '198.51.100.1')).toEqual({})
    expect(syslogPlaceOf(config, 'other')).toEqual({})
  })
})
