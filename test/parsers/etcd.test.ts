import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { at, FIXTURES, parseAs } from './support.ts'

/** Its time stamps look like those of syslog, so they stand alone here. */
const LINES = readFileSync(join(FIXTURES, 'etcd', 'captured-text.txt'), 'utf8')
  .trimEnd()
  .split('\n')

describe('etcd, text', () => {
  it('reads every line that capnslog wrote, and loses nothing of it', () => {
    const written = LINES.filter((line) => line.startsWith('2026-'))
    expect(written.length).toBeGreaterThan(20)
    for (const line of written) {
      const draft = parseAs('etcd', line)
      expect(draft?.timeNs, line).toBeDefined()
      expect(`${String(at(draft, 'decklog.header'))}${draft?.message}`).toBe(line)
    }
  })

  it('names level and package', () => {
    const draft = parseAs(
      'etcd',
      '2026-11-24 20:00:37.248492 W | etcdserver/api/v3rpc: apply entries took too long',
    )
    expect(at(draft, 'log')).toEqual({ level: 'warning', logger: 'etcdserver/api/v3rpc' })
    expect(draft?.message).toBe('apply entries took too long')
    expect(draft?.timeNs).toBe(BigInt(Date.UTC(2026, 10, 24, 20, 0, 37)) * 1_000_000n + 248_492_000n)
  })

  it('says who was turned away', () => {
    const draft = parseAs(
      'etcd',
      '2019-10-01 08:00:00.123456 I | embed: rejected connection from "203.0.113.7:49154" (error "remote error: tls: bad certificate", ServerName "etcd-1.example")',
    )
    expect(at(draft, 'event.action')).toBe('tls_handshake_failed')
    expect(at(draft, 'source')).toEqual({ address: '203.0.113.7', ip: '203.0.113.7', port: 49154 })
    expect(at(draft, 'error.message')).toBe('remote error: tls: bad certificate')
    expect(at(draft, 'tls.client.server_name')).toBe('etcd-1.example')
  })

  it.each([
    '2019-10-01 08:00:00.123456 X | etcdserver: y',
    '2019-10-01 08:00:00.1 etcdserver: y',
    '[WARNING] x',
  ])('is none: %s', (line) => {
    expect(parseAs('etcd', line)).toBeUndefined()
  })
})
