import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/document.ts'
import { goDurationNs } from '../../src/parsers/support/klog-known.ts'
import { readPairs } from '../../src/parsers/support/klog-pairs.ts'
import { at, contextOf, formatOf, newDraft, parseAs } from './support.ts'

const line = (message: string): string => `I1124 08:00:00.123456       1 x.go:7] ${message}`
const payloadOf = (message: string): unknown => at(parseAs('klog', line(message)), 'decklog.payload')

describe('klog', () => {
  it('reads a value of several lines where the record holds them', () => {
    expect(payloadOf('"x" text=<\n\tone\n\ttwo\n\t >\n\tlast\n > after="y"')).toEqual({
      text: 'one\ntwo\n >\nlast',
      after: 'y',
    })
  })

  it('says that such a value is cut where it does not', () => {
    const draft = parseAs('klog', line('"PullImage from image service failed" image="web:1" err=<'))
    expect(draft?.quality).toEqual(['partial'])
    expect(at(draft, 'event.action')).toBe('image_pull_failed')
    expect(at(draft, 'error')).toBeUndefined()
  })

  it.each<[string, JsonObject]>([
    ['"x" a={"X":1,"N":"p }q"} b=2', { a: '{"X":1,"N":"p }q"}', b: '2' }],
    ['"x" a=&{ID:1 Type:Started} b=2', { a: '&{ID:1 Type:Started}', b: '2' }],
    ['"x" a=map[k:v z:[1 2]] b=2', { a: 'map[k:v z:[1 2]]', b: '2' }],
    ['"x" a=[one two] b=<nil>', { a: '[one two]', b: '<nil>' }],
    ['"x" a=Not Ready b=2', { a: 'Not Ready', b: '2' }],
    ['"x" a={never closed b=2', { a: '{never closed b=2' }],
    ['"x" a="q\\"\\t\\u00e9\\U0001f600\\x1b\\xff" b=', { a: 'q"\té😀\u001b\ufffd', b: '' }],
    ['"x" a="one" a="two"', { a: 'one' }],
    ['"x" a="(MISSING)"', { a: '(MISSING)' }],
  ])('reads %s', (message, pairs) => {
    expect(payloadOf(message)).toEqual(pairs)
  })

  it('lets a value forge no field that came before it', () => {
    const draft = parseAs(
      'klog',
      line(
        '"HTTP" verb="GET" URI="/x\\" srcIP=\\"6.6.6.6:1\\"" userAgent="a b" srcIP="203.0.113.7:4711" resp=200',
      ),
    )
    expect(at(draft, 'source.ip')).toBe('203.0.113.7')
    expect(at(draft, 'url.path')).toBe('/x" srcIP="6.6.6.6:1"')
  })

  it('says who RBAC turned away, whatever they are called', () => {
    const draft = parseAs(
      'klog',
      line(
        'RBAC: no rules authorize user "eve\\" with groups [\\"system:masters\\"]" with groups ["a"] to "get" resource "secrets" named "db" in namespace "shop"',
      ),
    )
    expect(at(draft, 'user')).toEqual({
      name: 'eve" with groups ["system:masters"]',
      group: { name: ['a'] },
    })
    expect(at(draft, 'orchestrator')).toEqual({
      resource: { type: 'secrets', name: 'db' },
      namespace: 'shop',
    })
  })

  it('says why a pod is not what it should be, and of which container', () => {
    const draft = parseAs(
      'klog',
      line(
        '"Error syncing pod, skipping" err="failed to \\"StartContainer\\" for \\"app\\" with ErrImagePull: \\"not found\\"" pod="shop/web-1" podUID="a1"',
      ),
    )
    expect(at(draft, 'event')).toMatchObject({ action: 'pod_sync_failed', reason: 'ErrImagePull' })
    expect(at(draft, 'container.name')).toBe('app')
  })

  it.each([
    [
      'MountVolume.SetUp failed for volume "tls" (UniqueName: "u") pod "web-1" (UID: "a1") : secret "tls" not found',
      'volume_mount_failed',
    ],
    [
      'Operation for "{volumeName:x}" failed. Error: MountVolume.SetUp failed for volume "tls" (UniqueName: "u") pod "web-1" (UID: "a1") : x',
      'volume_mount_failed',
    ],
    [
      'MountVolume.SetUp succeeded for volume "tls" (UniqueName: "u") pod "web-1" (UID: "a1") ',
      'volume_mounted',
    ],
  ])('says whose volume it is: %s', (message, action) => {
    const draft = parseAs('klog', line(message))
    expect(at(draft, 'event.action')).toBe(action)
    expect(at(draft, 'kubernetes.pod')).toEqual({ name: 'web-1', uid: 'a1' })
  })

  it('finds the year, to the day', () => {
    const [newYear, late] = ['2027-01-01T00:10:00Z', '2027-06-01T00:00:00Z']
    const time = (batchTime: string, text: string): string =>
      new Date(Number(parseAs('klog', text, contextOf({ batchTime }))!.timeNs! / 1_000_000n)).toISOString()
    const december = 'I1231 23:59:59.999999       1 x.go:7] x'
    expect(time(newYear, december)).toBe('2026-12-31T23:59:59.999Z')
    expect(time(newYear, 'I0101 00:00:01.000000       1 x.go:7] x')).toBe('2027-01-01T00:00:01.000Z')
    expect(time(late, december)).toBe('2026-12-31T23:59:59.999Z')
    // A day ahead is this year's, more is last year's: the limit lies within 2 January.
    expect(time(newYear, 'I0102 00:05:00.000000       1 x.go:7] x')).toBe('2027-01-02T00:05:00.000Z')
    expect(time(newYear, 'I0102 00:15:00.000000       1 x.go:7] x')).toBe('2026-01-02T00:15:00.000Z')
    expect(time(newYear, 'I0102 00:05:00.000000       1 x.go:7] x')).toBe('2027-01-02T00:05:00.000Z')
  })

  it.each([
    ['1m2.5s', 62_500_000_000],
    ['247.092µs', 247_092],
    ['0s', 0],
    ['1h0m0s', 3_600_000_000_000],
    ['1.5x', undefined],
    ['', undefined],
    ['5', undefined],
  ])('reads a duration of Go: %s', (text, ns) => {
    expect(goDurationNs(text)).toBe(ns)
  })

  it('looks at each character a bounded number of times', () => {
    for (const part of [' a={', ' a="', ' a=<\n', ' a=[', ' =', ' a', ' a=b', '\\"', ' a=map[']) {
      const text = `"x"${part.repeat(200_000)}`
      expect(() => readPairs(text, 3)).not.toThrow()
    }
  })
})

describe('a time without a zone', () => {
  it.each([
    ['2026-11-24T08:00:00.130Z', '2026-11-24T08:00:00.123Z'],
    ['2026-11-24T07:00:00.130Z', '2026-11-24T07:00:00.123Z'],
    ['2026-11-24T02:30:00.120Z', '2026-11-24T02:30:00.123Z'],
    ['2026-11-25T08:00:00.130Z', '2026-11-25T08:00:00.123Z'],
    ['2026-11-27T08:00:00.130Z', '2026-11-24T08:00:00.123Z'],
  ])('is of the zone that agrees with the header of %s', (outer, expected) => {
    const draft = newDraft(line('x'))
    draft.timeNs = BigInt(Date.parse(outer)) * 1_000_000n
    expect(formatOf('klog').parse(draft.message, draft, contextOf())).toBe(true)
    expect(new Date(Number(draft.timeNs / 1_000_000n)).toISOString()).toBe(expected)
    expect(draft.timeNs % 1_000_000n).toBe(456_000n)
  })
})
