import { afterEach, describe, expect, test } from 'vitest'
import { UnreadFormats } from '../../src/roles/process/unread-formats.ts'
import { newParserCount } from '../../src/stages/parser-counts.ts'
import { criLine } from '../stages/stream-of.ts'
import { pipeline, RoleHarness, until } from './role-harness.ts'

const MINUTE = 60_000
const file = { class: 'ssh', source: 'file /var/log/auth.log' }

function counted(tried: number, taken: number, ...formats: string[]) {
  return { ...newParserCount(formats.map((name) => ({ name }))), tried, taken }
}

function problemsAfter(...notes: [minute: number, tried: number, taken: number][]): string[] {
  const unread = new UnreadFormats()
  for (const [minute, tried, taken] of notes)
    unread.note(file, counted(tried, taken, 'syslog'), minute * MINUTE)
  return [...unread.problems(notes.at(-1)![0] * MINUTE).values()]
}

describe('records that none of their formats reads', () => {
  test('are an alarm when they are many, or some over ten minutes', () => {
    expect(problemsAfter([0, 999, 0])).toEqual([])
    expect(problemsAfter([0, 600, 0], [1, 400, 0])).toHaveLength(1)
    expect(problemsAfter([0, 30, 0], [9, 30, 0])).toEqual([])
    expect(problemsAfter([0, 30, 0], [10, 30, 0])).toHaveLength(1)
    expect(problemsAfter([0, 3, 0], [60, 3, 0])).toEqual([])
  })

  test('are over when one is read; then only many of them over a time are one', () => {
    expect(problemsAfter([0, 5000, 0], [1, 1000, 1])).toEqual([])
    expect(problemsAfter([0, 5000, 0], [1, 1000, 1], [2, 5000, 0])).toEqual([])
    expect(problemsAfter([0, 5000, 0], [1, 1000, 1], [2, 500, 0], [30, 100, 0])).toEqual([])
    expect(problemsAfter([0, 5000, 0], [1, 1000, 1], [2, 500, 0], [30, 5000, 0])).toHaveLength(1)
  })

  test('are said in one sentence: which format, from where, what to do', () => {
    const unread = new UnreadFormats()
    for (const name of ['a', 'b', 'c', 'd'])
      unread.note({ class: 'pod', source: `pods shop/${name}` }, counted(1500, 0, 'klog', 'json-app'), 0)
    unread.note({ class: 'node', source: 'file /x' }, counted(2000, 0, 'text'), 0)
    expect([...unread.problems(0)]).toEqual([
      [
        'pod klog, json-app',
        'formats klog, json-app read none of 6000 records of class pod from pods shop/a, pods shop/b, pods shop/c and 1 more: look at some with decklog parse --as klog, then correct format: of the source or the match in pipelines/; they are kept as text meanwhile',
      ],
      [
        'node text',
        'no match in pipelines/ fits 2000 records of class node from file /x: add one to the class, or one without a condition; they are kept as text meanwhile',
      ],
    ])
  })

  test('are forgotten when there are too many kinds of them', () => {
    const unread = new UnreadFormats()
    for (let i = 0; i < 2_001; i++)
      unread.note({ ...file, source: `file ${i}` }, counted(1000, 0, 'syslog'), 0)
    expect([...unread.problems(0).values()][0]).toContain('none of 2000000 records')
  })
})

describe('the process role', () => {
  const open: RoleHarness[] = []
  afterEach(async () => {
    for (const harness of open.splice(0)) await harness.close()
  })

  test('counts what each format reads, and says in its log and its problems which reads nothing', async () => {
    const match = [{ when: {}, parse: ['cri', ['klog', 'syslog']], dataset: 'a.b' }]
    const harness = new RoleHarness([pipeline('pod', { match })])
    open.push(harness)
    await harness.start()
    await harness.send(
      'a',
      Array.from({ length: 1000 }, (_, n) => criLine(`nobody reads ${n}`)),
    )
    expect(harness.role!.problems()).toEqual([
      expect.stringMatching(
        /^formats klog, syslog read none of 1000 records of class pod from pods shop\/app: /,
      ),
    ])
    await until(
      () => harness.warnings.some((one) => one.startsWith('formats klog, syslog read none')),
      'the log',
    )
    await harness.send('a', [criLine('I1124 08:00:00.123456       1 a.go:1] "x"'), criLine('nobody')])
    expect(harness.role!.problems()).toEqual([])
    const { telemetry } = harness
    expect(telemetry.get('decklog_process_parser_tried_total', { parser: 'klog' })).toBe(1002)
    expect(telemetry.get('decklog_process_parser_taken_total', { parser: 'klog' })).toBe(1)
    expect(telemetry.get('decklog_process_parser_tried_total', { parser: 'syslog' })).toBe(1001)
    expect(telemetry.get('decklog_process_parser_taken_total', { parser: 'syslog' })).toBe(0)
    expect(telemetry.get('decklog_process_parser_taken_total', { parser: 'cri' })).toBe(1002)
  })
})
