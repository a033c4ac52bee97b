import { expect, test } from 'vitest'
import { encodeSpooled, SPOOLED, type SpooledMarks } from '../../src/core/spooled-record.ts'
import { formats } from '../../src/parsers/registry.ts'
import { pipelineOf, type TestEvent, TestStream } from './stream-of.ts'

const SPEC = {
  class: 'node',
  match: [{ when: { format: 'syslog' }, parse: ['syslog', ['sshd']], dataset: 'system.syslog' }],
}

/** What becomes of records that a syslog source has put into its spool. */
function events(
  names: Readonly<Record<string, string>>,
  records: readonly string[],
  marks?: SpooledMarks,
): readonly TestEvent[] {
  const provenance = { cluster: 'prod-eu-1', node: 'worker-3', kind: 'syslog', format: 'syslog', names }
  const stream = new TestStream(pipelineOf({ spec: SPEC, formats: [...formats.values()] }), {
    class: 'node',
    provenance,
    extra: { [SPOOLED]: '1' },
  })
  const raw = encodeSpooled(
    records.map((text) => Buffer.from(text)),
    marks,
  )
  return stream.feedRaw(raw, { count: records.length })
}

test('of what came over a network, the host is who the message names, else who sent it; never this node', () => {
  const [named, bare] = events({ sender: '192.0.2.7', transport: 'tls' }, [
    '<38>Nov 24 08:00:00 web-1 sshd[9]: Accepted password for alice from 203.0.113.5 port 4711 ssh2',
    '<13>no header',
  ]).map(({ document }) => document)
  expect(named.host).toEqual({ name: 'web-1', hostname: 'web-1' })
  expect(named.log.source.address).toBe('192.0.2.7')
  expect(named.log.syslog.priority).toBe(38)
  expect([named.source.ip, named.user.name]).toEqual(['203.0.113.5', 'alice'])
  expect(bare.host).toEqual({ name: '192.0.2.7' })
  for (const document of [named, bare]) {
    expect(document.kubernetes).toBeUndefined()
    expect(document.agent.name).toBe('worker-3')
  }
})

test('what came over the unix socket is of this node', () => {
  const [{ document }] = events({ sender: 'local', transport: 'unix' }, [
    '<13>Nov 24 08:00:00 app: hello',
  ]) as [TestEvent]
  expect(document.host.name).toBe('worker-3')
  expect(document.kubernetes.node.name).toBe('worker-3')
})

test('several lines stay one message; what is not whole says so', () => {
  const texts = [
    '<13>Nov 24 08:00:00 web-1 app: one\n  at two\n  at three',
    '<13>cut',
    '<13>half',
    '<13>whole',
  ]
  const all = events(
    { sender: '192.0.2.7', transport: 'tcp' },
    texts,
    new Map([
      [1, 'truncated'],
      [2, 'partial'],
    ]),
  )
  expect(all.map(({ document }) => document.message)).toEqual([
    'one\n  at two\n  at three',
    'cut',
    'half',
    'whole',
  ])
  const qualities = all.map(({ document }) =>
    (document.decklog.quality ?? []).filter((one: string) => one === 'truncated' || one === 'partial'),
  )
  expect(qualities).toEqual([[], ['truncated'], ['partial'], []])
})
