import { describe, expect, it } from 'vitest'
import { Cluster } from '../../src/generate/cluster.ts'
import { STORY } from '../../src/generate/incident.ts'
import { Moment } from '../../src/generate/moment.ts'
import type { Stream } from '../../src/generate/stream.ts'
import { clusterOptions } from './building.ts'

/** Records of all streams, as bytes. */
function linesOf(options: Parameters<typeof clusterOptions>[0]): Map<Stream, Buffer[]> {
  const cluster = new Cluster(clusterOptions(options))
  const texts = new Map<Stream, string>()
  for (let last = false; !last; ) {
    const step = cluster.step()
    for (const { stream, text } of step.emissions) texts.set(stream, (texts.get(stream) ?? '') + text)
    last = step.last
  }
  const split = (text: string): Buffer[] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => Buffer.from(line, 'latin1'))
  return new Map([...texts].map(([stream, text]) => [stream, split(text)]))
}

function linesOfFormat(format: string, options: Parameters<typeof clusterOptions>[0] = {}): string[] {
  return [...linesOf(options)]
    .filter(([{ info }]) => info.format === format)
    .flatMap(([, lines]) => lines.map((line) => line.toString()))
}

describe('containers', () => {
  it('write CRI lines, long ones in parts of 16 KiB that join to valid UTF-8 and JSON', () => {
    let joined = 0
    for (const [{ info }, lines] of linesOf({ records: 60_000 })) {
      if (info.format !== 'cri') continue
      let carry: Buffer[] = []
      for (const line of lines) {
        const match = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr) (P|F) /.exec(
          line.toString('latin1'),
        )
        expect(match, line.subarray(0, 60).toString('latin1')).not.toBeNull()
        const content = line.subarray(match![0].length)
        if (match![1] === 'stderr' && carry.length > 0) continue
        if (match![2] === 'P') expect(content.length).toBe(16 * 1024)
        carry.push(content)
        if (match![2] === 'P') continue
        if (carry.length > 1) {
          joined++
          const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(carry))
          expect(JSON.parse(text).end).toBe(true)
        }
        carry = []
      }
    }
    expect(joined).toBeGreaterThan(5)
  })

  it('are of many kinds: JSON, klog, access log, stack traces, other scripts, restarts, several in a pod', () => {
    const streams = linesOf({ records: 60_000, churn: true })
    const text = [...streams]
      .filter(([{ info }]) => info.format === 'cri')
      .flatMap(([, lines]) => lines.map(String))
      .join('\n')
    for (const sign of [
      '"level":30',
      '"ts":1',
      '"level":"warning"',
      '"request":{',
      '] "',
      'HTTP/1.1"',
      '\tat com.',
      'Traceback',
      'goroutine ',
      '    at async',
      '注文',
      'upstream_host',
    ]) {
      expect(text).toContain(sign)
    }
    const names = [...streams.keys()].map(({ info }) => info.names)
    expect(names.some(({ restart }) => Number(restart) > 0)).toBe(true)
    expect(new Set(names.filter(({ pod }) => pod === STORY.pod).map(({ container }) => container)).size).toBe(
      2,
    )
  })

  it('rise in time within a stream', () => {
    for (const [{ info }, lines] of linesOf({ records: 5000 })) {
      if (info.format !== 'cri') continue
      const stamps = lines.map((line) => line.toString('latin1').slice(0, 30))
      expect(stamps).toEqual([...stamps].sort())
    }
  })
})

describe('the audit log', () => {
  it('is JSON lines with both stages, exec by create and get, 403, anonymous, secrets and a privileged pod', () => {
    const events = linesOfFormat('kube-audit', { records: 100_000 }).map((line) => JSON.parse(line))
    expect(new Set(events.map(({ stage }) => stage))).toEqual(
      new Set(['RequestReceived', 'ResponseStarted', 'ResponseComplete']),
    )
    expect(events.every(({ auditID }) => /^[0-9a-f-]{36}$/.test(auditID))).toBe(true)
    const execs = events.filter(({ objectRef }) => objectRef?.subresource === 'exec').map(({ verb }) => verb)
    expect(new Set(execs)).toEqual(new Set(['create', 'get']))
    expect(events.some(({ responseStatus }) => responseStatus?.code === 403)).toBe(true)
    expect(events.some(({ user }) => user.username === 'system:anonymous')).toBe(true)
    expect(events.some(({ objectRef, verb }) => objectRef?.name === STORY.secret && verb === 'get')).toBe(
      true,
    )
    expect(
      events.some(({ requestObject }) => requestObject?.spec.containers[0].securityContext.privileged),
    ).toBe(true)
  })
})

describe('auth.log', () => {
  it('has ISO stamps on odd nodes and traditional ones on even nodes', () => {
    const streams = [...linesOf({ records: 20_000, nodes: 2 })].filter(
      ([{ info }]) => info.format === 'syslog',
    )
    const [first, second] = streams.map(([, lines]) => lines.map(String))
    expect(
      first!.every((line) => /^2026-11-24T\d\d:\d\d:\d\d\.\d{6}\+00:00 node-1 [\w-]+\[\d+\]: /.test(line)),
    ).toBe(true)
    expect(second!.every((line) => /^Nov 24 \d\d:\d\d:\d\d node-2 [\w-]+\[\d+\]: /.test(line))).toBe(true)
  })

  it('names every program that a node has', () => {
    const text = linesOfFormat('syslog', { records: 100_000 }).join('\n')
    for (const tag of [
      'sshd[',
      'sshd-session[',
      'sudo[',
      'su[',
      'systemd-logind[',
      'CRON[',
      'message repeated 4 times',
    ])
      expect(text).toContain(tag)
  })
})

describe('the planted story', () => {
  it.each([500, 5000, 50_000])('is whole in %d records, and the truth says where', (records) => {
    const planted: string[] = []
    for (const [stream, lines] of linesOf({ records })) {
      for (const { id, kind, record } of stream.planted) {
        planted.push(id)
        const marks = {
          'brute-force': STORY.bruteForceAddress,
          'web-scan': STORY.bruteForceAddress,
          'ordinary-login': 'dana|4709|32040',
          'break-glass': 'breakglass|4711|33190|331[05]|198.51',
        }
        expect(lines[record]!.toString()).toMatch(new RegExp(marks[kind]))
      }
    }
    expect(planted).toHaveLength(76)
    expect(new Set(planted).size).toBe(76)
  })

  it('leads from SSH over sudo to the exec and the secret in the order of time', () => {
    const auth = linesOfFormat('syslog', { records: 50_000 })
    const audit = linesOfFormat('kube-audit', { records: 50_000 })
      .map((line) => JSON.parse(line))
      .filter(({ user }) => user.username === STORY.breakGlassUser)
    const timeOf = (needle: string): number =>
      Date.parse(auth.find((line) => line.includes(needle))!.slice(0, 32))
    const times = [
      timeOf(`Accepted publickey for ${STORY.breakGlassUser} from ${STORY.breakGlassAddress}`),
      timeOf('COMMAND=/usr/bin/cp /etc/kubernetes/admin.conf'),
      ...audit.slice(0, 5).map(({ requestReceivedTimestamp }) => Date.parse(requestReceivedTimestamp)),
      timeOf('Removed session 4711'),
    ]
    expect(times).toEqual([...times].sort((left, right) => left - right))
    expect(audit.every(({ sourceIPs }) => sourceIPs[0] === STORY.breakGlassAddress)).toBe(true)
  })
})

describe('times', () => {
  it('are written as each logger writes them', () => {
    const moment = new Moment()
    moment.set(Date.UTC(2026, 2, 5, 7, 8, 9, 12) * 1000 + 345, 678)
    expect(moment.rfc3339Nano()).toBe('2026-03-05T07:08:09.012345678Z')
    expect(moment.rfc3164()).toBe('Mar  5 07:08:09')
    expect(moment.klog()).toBe('0305 07:08:09.012345')
    expect(moment.python()).toBe('2026-03-05 07:08:09,012')
    expect(moment.accessLog()).toBe('05/Mar/2026:07:08:09 +0000')
    expect(moment.syslogIso()).toBe('2026-03-05T07:08:09.012345+00:00')
    expect(moment.epochSeconds()).toBe('1772694489.012345')
  })
})
