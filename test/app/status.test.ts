import { describe, expect, test } from 'vitest'
import { exitStatusOf, pipelineStatus } from '../../src/app/status.ts'
import { byCause } from '../../src/app/status/dead-letter-causes.ts'
import { type Fact, problemsOf } from '../../src/app/status/kafka-problems.ts'
import { renderStatus } from '../../src/app/status/render.ts'
import type { StatusReport, StepStatus } from '../../src/app/status/report.ts'
import { ageOf, sizeOf } from '../../src/app/status/words.ts'
import { terminalText } from '../../src/cli/search/terminal-text.ts'
import { DecklogError } from '../../src/core/errors.ts'
import { NOW_MS, testClock } from '../support/test-server.ts'

const MIN = 60_000
const DAY = 864e5
const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

function step(given: Partial<StepStatus> = {}): StepStatus {
  return {
    role: 'process',
    class: 'pod',
    topic: 'decklog.raw.pod',
    state: 'stable',
    members: [{ host: '10.0.0.1', partitions: 3 }],
    partitions: 3,
    lag: { messages: 0, bytes: undefined, oldestMs: 0 },
    retentionMs: 3 * DAY,
    rate: { in: 0, out: 0 },
    ...given,
  }
}

function fact(status: Partial<StepStatus> = {}, given: Partial<Omit<Fact, 'status'>> = {}): Fact {
  return { status: step(status), unassigned: [], still: [], deletedUnread: 0, ...given }
}

const behind = (oldestMs: number) => ({ messages: 7, bytes: undefined, oldestMs })

describe('what is wrong with the brokers and those who read', () => {
  const healthy = { partitions: 3, leaderless: 0, underReplicated: 0, retentionMs: 3 * DAY }
  const judged = (...facts: Fact[]): string[] =>
    problemsOf(facts, [], new Map([['decklog.raw.pod', healthy]]))

  test('a lag that moves is nothing, however large', () => {
    expect(judged(fact({ lag: { messages: 1e6, bytes: undefined, oldestMs: 10 * MIN } }))).toEqual([])
  })

  test('a role that runs nowhere is one sentence for all its topics', () => {
    const nobody = { state: 'nobody', members: [], lag: behind(MIN) } as const
    expect(judged(fact(nobody), fact({ ...nobody, class: 'ssh' }))).toEqual([
      'nobody runs process for pod, ssh; 14 messages wait: start decklog run process',
    ])
  })

  test('a partition that stands still is wrong after a minute, not before', () => {
    expect(judged(fact({ lag: behind(MIN / 2) }, { still: [1] }))).toEqual([])
    expect(judged(fact({ lag: behind(5 * MIN) }, { still: [1, 2] }))).toEqual([
      expect.stringMatching(/^process of pod: partitions 1, 2 did not move, and .* 5 min: ask \/ready/),
    ])
  })

  test('a partition without a reader is said even when it has just begun', () => {
    expect(judged(fact({ lag: behind(1) }, { unassigned: [0] }))).toEqual([
      expect.stringMatching(/^process of pod: nobody reads partition 0/),
    ])
  })

  test('half of a retention is used up: said with both times', () => {
    expect(judged(fact({ lag: behind(1.4 * DAY) }))).toEqual([])
    expect(judged(fact({ lag: behind(2 * DAY) }))).toEqual([
      expect.stringMatching(/waits for 2 d, and the topic keeps 3 d: what is not read by then is lost/),
    ])
  })

  test('what was deleted unread, topics that are missing, brokers that are away', () => {
    expect(judged(fact({}, { deletedUnread: 12 }))[0]).toMatch(
      /Kafka deleted 12 messages before they were read/,
    )
    const topics = new Map([['decklog.raw.ssh', { ...healthy, leaderless: 1, underReplicated: 2 }]])
    expect(problemsOf([], ['decklog.raw.pod'], topics)).toEqual([
      expect.stringMatching(/^Kafka has no topic decklog.raw.pod, .*: run decklog setup$/),
      expect.stringMatching(/^decklog.raw.ssh: 1 partition without a leader/),
      expect.stringMatching(/^decklog.raw.ssh: a copy of 2 partitions is missing/),
    ])
  })
})

describe('dead letters', () => {
  const letter = (detail: string, atMs: number, className = 'pod') => ({
    body: { reason: 'rejected-by-store', detail, class: className, atMs },
    updatedMs: 0,
  })

  test('are one cause where only numbers, ids and quoted values differ', () => {
    const found = byCause([
      letter("failed to parse field [a.b] of type [date]: '12:00'", 5),
      letter("failed to parse field [a.b] of type [date]: '13'", 3, 'ssh'),
      letter('field [c] of type [date]', 9),
    ])
    expect(found).toEqual([
      {
        cause: "rejected-by-store: failed to parse field [a.b] of type [date]: '…'",
        count: 2,
        classes: ['pod', 'ssh'],
        oldestMs: 3,
        newestMs: 5,
      },
      expect.objectContaining({ cause: 'rejected-by-store: field [c] of type [date]', count: 1 }),
    ])
  })
})

describe('a decklog in one process', () => {
  const answers: Record<string, unknown> = {
    '/api/status': {
      cluster: 'one',
      node: 'n1',
      usage: [{ class: 'pod', events: 10, bytes: 1000, oldestMs: NOW_MS - MIN }],
      lag: [{ topic: 'decklog.raw.pod', group: 'process', messages: 2, bytes: 300, oldestMs: 20 }],
      ship: { troubles: [] },
    },
    '/api/dead-letters': { records: [] },
    '/api/search': { completeness: { classes: [{ newestIngestByNode: { n1: NOW_MS - 3000 } }] } },
    '/ready': { ready: true },
  }
  const asked = (more: Record<string, unknown> = {}): Promise<StatusReport> =>
    pipelineStatus({
      cluster: 'local',
      kafka: undefined,
      elasticsearch: undefined,
      running: {
        url: 'http://here',
        ask: (path) => Promise.resolve({ ...answers, ...more }[path]),
      },
      classes: ['pod'],
      rules: undefined,
      handsOver: false,
      clock: testClock,
      apartMs: 1,
    })

  test('tells its own name, lag, store and shipper, and is well', async () => {
    const report = await asked()
    expect(report).toMatchObject({
      cluster: 'one',
      nodes: [{ node: 'n1', newestMs: NOW_MS - 3000 }],
      store: [{ class: 'pod', events: 10, rate: 0 }],
      problems: [],
      unreachable: [],
    })
    expect(report.steps[0]).toMatchObject({ role: 'process', class: 'pod', lag: { messages: 2, bytes: 300 } })
    expect(exitStatusOf(report)).toBe(0)
  })

  test('that is not ready, or has dead letters, is not well', async () => {
    const trouble = { what: 'read x', message: 'EIO' }
    const report = await asked({
      '/ready': { ready: false, reason: 'the disk is full' },
      '/api/status': { ...(answers['/api/status'] as object), ship: { troubles: [trouble] } },
      '/api/dead-letters': {
        records: [{ body: { reason: 'r', detail: 'd', class: 'pod', atMs: 1 }, updatedMs: 1 }],
      },
    })
    expect(report.problems).toEqual([
      'it is not ready: the disk is full',
      'read x: EIO',
      expect.stringMatching(/^1 dead letter of 1 cause: decklog dead-letter list/),
    ])
    expect(exitStatusOf(report)).toBe(1)
  })

  test('that does not answer is said, and is no empty report of health', async () => {
    const report = await pipelineStatus({
      cluster: 'far',
      kafka: { brokers: ['127.0.0.1:9'], log: SILENT, connectTimeoutMs: 500 },
      elasticsearch: { nodes: ['http://127.0.0.1:9'] },
      running: { url: 'u', ask: () => Promise.reject(new DecklogError('unreachable', 'nothing answers')) },
      classes: ['pod'],
      rules: [],
      handsOver: false,
      clock: testClock,
      apartMs: 1,
    })
    expect(report.unreachable).toEqual([
      expect.stringMatching(/^cannot look up the topics: Kafka at 127.0.0.1:9 cannot be reached/),
      expect.stringMatching(/^Elasticsearch: .*ECONNREFUSED/),
      'nothing answers',
    ])
    expect(exitStatusOf(report)).toBe(3)
  })

  test('an error of our own is not taken for one of the surroundings', async () => {
    const ask = (): Promise<unknown> => Promise.reject(new TypeError('oops'))
    const asking = pipelineStatus({
      cluster: 'x',
      kafka: undefined,
      elasticsearch: undefined,
      running: { url: 'u', ask },
      classes: [],
      rules: [],
      handsOver: false,
      clock: testClock,
      apartMs: 1,
    })
    await expect(asking).rejects.toThrow('oops')
  })
})

describe('the screen', () => {
  const report: StatusReport = {
    atMs: NOW_MS,
    place: 'Kafka k:9092, Elasticsearch http://e:9200',
    cluster: 'prod',
    steps: [
      step({
        members: [1, 2].map(() => ({ host: '10.0.0.1', partitions: 6 })),
        partitions: 12,
        lag: behind(9000),
      }),
      step({ role: 'archive', state: 'idle', members: [] }),
      step({
        role: 'index',
        topic: 'decklog.events.pod',
        state: 'nobody',
        members: [],
        rate: { in: 4.25, out: 0 },
      }),
    ],
    nodes: [{ node: 'worker-3', newestMs: NOW_MS - 5 * MIN }],
    store: [{ class: 'pod', events: 1_234_567, bytes: 45_000_000, oldestMs: NOW_MS - 3 * DAY, rate: 8123.4 }],
    deadLetters: [
      {
        cause: 'rejected: \u001b[31mred',
        count: 3,
        classes: ['pod'],
        oldestMs: NOW_MS - DAY,
        newestMs: NOW_MS,
      },
    ],
    deadLettersMore: false,
    problems: [
      'nobody runs index for pod; a very long sentence that goes on and on beyond the last column of it',
    ],
    unreachable: [],
  }
  const screen = renderStatus(report, { columns: 90, plain: terminalText })

  test('shows everything in aligned columns, and roles that nobody wants not at all', () => {
    expect(screen).toMatchInlineSnapshot(`
      [
        "decklog prod: Kafka k:9092, Elasticsearch http://e:9200",
        "at 2026-11-24T10:00:00.000Z",
        "",
        "ROLE     CLASS  RUNNING     PARTITIONS  WAITING  OLDEST  KEPT  IN/S  OUT/S  ON",
        "process  pod    2                12/12        7     9 s   3 d     0      0  10.0.0.1 ×2",
        "index    pod    0 (nobody)         0/3        0           3 d   4.3      0",
        "",
        "ship: 1 node heard of, longest silent first: worker-3 (5 min ago)",
        "",
        "STORED     EVENTS   SIZE  OLDEST  EVENTS/S",
        "pod     1,234,567  45 MB     3 d     8,123",
        "",
        "DEAD LETTERS  CLASS  OLDEST  NEWEST  CAUSE",
        "           3  pod      24 h     0 s  rejected: \\x1b[31mred",
        "",
        "! nobody runs index for pod; a very long sentence that goes on and on beyond the last column of it",
      ]
    `)
  })

  test('never exceeds the width, but for what is wrong; and obeys no control characters', () => {
    for (const line of screen.filter((one) => !one.startsWith('! ')))
      expect(line.length).toBeLessThanOrEqual(90)
    expect(screen.at(-1)).toMatch(/last column of it$/)
    expect(screen.join('')).not.toContain('\u001b')
  })
})

test('ages and sizes are short', () => {
  expect([0, 999, 1000, 119_000, 120_000, 3 * 36e5, 50 * 36e5].map(ageOf)).toEqual([
    '0 s',
    '0 s',
    '1 s',
    '119 s',
    '2 min',
    '3 h',
    '2 d',
  ])
  expect([0, 999, 1000, 12_345, 5e9, 7e15].map(sizeOf)).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '12 kB',
    '5.0 GB',
    '7000 TB',
  ])
})
