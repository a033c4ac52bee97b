import { afterEach, describe, expect, test } from 'vitest'
import { encodeRawBatch } from '../../src/codec/raw-batch.ts'
import type { Bus, Delivery } from '../../src/ports/bus.ts'
import { loadPipelines } from '../../src/config/pipelines.ts'
import { REPLAY_HEADER } from '../../src/roles/index/dead-letters.ts'
import { batchOf, criLine, WALL_TIME_MS } from '../stages/stream-of.ts'
import { HOSTILE_PARTS, pipeline, RoleHarness, until } from './role-harness.ts'

const open: RoleHarness[] = []

async function started(
  options: Parameters<RoleHarness['start']>[0] = {},
  harness = new RoleHarness(),
): Promise<RoleHarness> {
  open.push(harness)
  await harness.start(options)
  return harness
}

afterEach(async () => {
  for (const harness of open.splice(0)) await harness.close()
})

function messages(harness: RoleHarness, stream?: string): string[] {
  const wanted = stream?.padEnd(24, '0')
  return harness.events
    .filter(({ document }) => wanted === undefined || document.decklog.stream === wanted)
    .map(({ document }) => document.message as string)
}

describe('process role', () => {
  test('makes event batches of raw batches and settles them once the events are safe', async () => {
    const harness = new RoleHarness()
    harness.held = []
    await started({}, harness)
    const sent = harness.send('a', [criLine('one'), criLine('two')])
    await until(() => harness.batches.length === 1, 'the event batch')
    expect(harness.settled).toEqual([])
    harness.release()
    await sent
    expect(messages(harness)).toEqual(['one', 'two'])
    expect(harness.batches[0]).toMatchObject({
      dataStream: 'logs-kubernetes.container_logs-prod_eu_1.pod',
      class: 'pod',
      tenant: 'prod-eu-1',
      node: 'worker-3',
    })
    expect(harness.telemetry.get('decklog_process_events_total', { class: 'pod' })).toBe(2)
  })

  test('takes event.ingested from the bus, not from a clock of its own', async () => {
    const harness = await started()
    await harness.send('a', [criLine('one')])
    const [event] = harness.events
    expect(new Date(event!.document.event.ingested).getTime()).toBe(harness.batches[0]!.receivedMs)
    expect(event!.document.event.created).toBe(new Date(WALL_TIME_MS).toISOString())
  })

  test('settles a batch whose last line is open only when a later batch has closed it', async () => {
    const harness = await started()
    const first = harness.send('a', [criLine('whole'), criLine('be', { tag: 'P' })])
    await until(() => harness.batches.length === 1, 'the first events')
    await harness.send('b', [criLine('other stream')])
    expect(harness.settled).toEqual(['b:0'])
    await harness.send('a', [criLine('gun')])
    await first
    expect(messages(harness, 'a')).toEqual(['whole', 'begun'])
  })

  test('what a silent stream has begun ends when the bus is a minute on, at the same place for every reader', async () => {
    const harness = await started()
    const first = harness.send('a', [criLine('half', { tag: 'P' })])
    harness.busAheadMs = 59_000
    await harness.send('b', [criLine('other stream')])
    expect(harness.settled).toEqual(['b:0'])
    harness.busAheadMs = 62_000
    await harness.send('c', [criLine('a third')])
    await first
    await harness.send('a', [criLine('the rest')])
    expect(messages(harness, 'a')).toEqual(['half', 'the rest'])
  })

  test('what was begun under an assignment that is over is not ended here: somebody else joins it', async () => {
    const harness = new RoleHarness()
    let lose: ((assignment: number) => void) | undefined
    let assignment = 0
    const subscribe: Bus['subscribe'] = ({ handle, onLost, ...rest }) => {
      lose = onLost
      const seen = (delivery: Delivery): void => {
        assignment = delivery.assignment
        handle(delivery)
      }
      return harness.bus.subscribe({ ...rest, handle: seen })
    }
    const publish: Bus['publish'] = (...message) => harness.bus.publish(...message)
    await started({ bus: { ...harness.bus, publish, subscribe } }, harness)
    const begun = harness.send('a', [criLine('half', { tag: 'P' })])
    begun.catch(() => {})
    await harness.send('b', [criLine('other stream')])
    lose!(assignment)
    harness.busAheadMs = 62_000
    await harness.send('c', [criLine('a third')])
    await harness.send('c', [criLine('a fourth')])
    expect(messages(harness, 'a')).toEqual([])
    expect(harness.settled).not.toContain('a:0')
  })

  test('a mark closes what a stream has begun', async () => {
    const harness = await started()
    const first = harness.send('a', [criLine('half', { tag: 'P' })])
    await harness.send('a', [], { marks: ['idle'] })
    await first
    expect(harness.events[0]!.document.decklog.quality).toEqual(['partial'])
  })

  test('a batch that is sent again by a restarted shipper gives no second event', async () => {
    const harness = await started()
    await harness.send('a', [criLine('one')])
    await harness.send('a', [criLine('two')])
    await harness.send('a', [criLine('one')], { firstSeq: 0 })
    await harness.send('a', [criLine('two')], { firstSeq: 1 })
    await harness.send('a', [criLine('three')])
    expect(messages(harness)).toEqual(['one', 'two', 'three'])
  })

  test('what was not settled when the role ended is read again by the next one, with the same ids', async () => {
    const harness = new RoleHarness()
    harness.held = []
    await started({}, harness)
    const first = harness.send('a', [criLine('x'), criLine('lo', { tag: 'P' })])
    const second = harness.send('a', [criLine('ng')])
    await until(() => harness.events.length === 2, 'the events')
    const ids = harness.events.map(({ id }) => id)
    await harness.role!.close()
    harness.batches.length = 0
    await harness.startRole()
    await until(() => harness.events.length === 2, 'the events once more')
    expect(harness.events.map(({ id }) => id)).toEqual(ids)
    harness.release()
    await Promise.all([first, second])
  })

  test('keeps the order of a stream over many batches and several workers', async () => {
    const harness = await started({ workers: 3 })
    const sends: Promise<void>[] = []
    for (let n = 0; n < 60; n++) {
      for (const stream of ['a', 'b', 'c', 'd']) sends.push(harness.send(stream, [criLine(`${stream}${n}`)]))
    }
    await Promise.all(sends)
    for (const stream of ['a', 'b', 'c', 'd']) {
      expect(messages(harness, stream)).toEqual(Array.from({ length: 60 }, (_, n) => `${stream}${n}`))
    }
  })
})

describe('process role with a batch that makes its worker fail', () => {
  const hostile = { partsModule: HOSTILE_PARTS }

  test.each(['throw', 'die'])(
    'gives up a batch that makes it %s three times, and nothing else',
    async (deed) => {
      const harness = await started(hostile)
      const before = harness.send('a', [criLine('before'), criLine('be', { tag: 'P', key: 'stderr' })])
      await until(() => harness.batches.length === 1, 'the events before')
      const bad = harness.send('a', [criLine(`{"a":"${deed}"}`), criLine('beside')])
      const neighbour = harness.send('b', [criLine('neighbour')])
      const after = harness.send('a', [criLine('after')])
      await Promise.all([before, bad, neighbour, after])
      expect(harness.letters).toHaveLength(1)
      expect(harness.letters[0]).toMatchObject({ reason: 'batch-failed', firstSeq: 2, count: 2 })
      expect(JSON.stringify(harness.warnings)).not.toContain('secret')
      expect(harness.letters[0]!.detail).not.toContain('secret')
      const covers = harness.batches.flatMap((batch) => batch.covers)
      expect(covers).toEqual([
        { first: 2, last: 3, reason: 'dead-letter', detail: 'given up after three attempts' },
      ])
      expect(messages(harness, 'a')).toEqual(['before', 'be', 'after'])
      expect(messages(harness, 'b')).toEqual(['neighbour'])
      expect(harness.telemetry.get('decklog_process_dead_letters_total', { reason: 'batch-failed' })).toBe(1)
    },
  )

  test('reads dead letters that are replayed each for itself, in any order, and settles them', async () => {
    const harness = await started()
    const value = (text: string, firstSeq: number): Uint8Array => {
      const payload = Buffer.concat([criLine(text, { tag: 'P' }), Buffer.from('\n')])
      const stream = 'a'.padEnd(24, '0')
      return encodeRawBatch(batchOf({ stream, firstSeq, count: 1, rawBytes: payload.length, payload }))
    }
    await harness.send('a', [criLine('live')], { firstSeq: 100 })
    const key = 'a'.padEnd(24, '0')
    const headers = { [REPLAY_HEADER]: '1' }
    for (const [text, seq] of [
      ['later', 7],
      ['earlier', 3],
    ] as const) {
      await harness.bus.publish('decklog.raw.pod', [{ key, value: value(text, seq), headers }])
    }
    expect(messages(harness)).toEqual(['live', 'later', 'earlier'])
    await harness.send('a', [criLine('on')], { firstSeq: 101 })
    expect(messages(harness).at(-1)).toBe('on')
  })

  test('replaces a worker that hangs', async () => {
    const harness = await started({ ...hostile, jobTimeoutMs: 200 })
    const bad = harness.send('a', [criLine('{"a":"hang"}')])
    await harness.send('b', [criLine('neighbour')])
    await bad
    expect(harness.letters).toHaveLength(1)
  }, 30_000)

  test('gives up what was open when closing it is what fails', async () => {
    const harness = await started(hostile)
    const first = harness.send('a', [criLine('FooException: poison'), criLine('\tat a.b')])
    const second = harness.send('a', [criLine('next')])
    await Promise.all([first, second])
    await harness.send('a', [criLine('later')])
    expect(messages(harness, 'a')).toEqual(['later'])
    const covered = harness.batches.flatMap((batch) => batch.covers).map(({ first: a, last: b }) => [a, b])
    expect(covered).toEqual(
      expect.arrayContaining([
        [0, 1],
        [2, 2],
      ]),
    )
  })

  test('bytes that are no envelope end in the dead-letter queue alone', async () => {
    const harness = await started()
    const stream = 'a'.padEnd(24, '0')
    const bad = harness.sendBytes(stream, 'pod', Buffer.from('no avro at all'), 'bad')
    await harness.send('a', [criLine('good')])
    await bad
    expect(harness.letters[0]).toMatchObject({ reason: 'unreadable-envelope' })
    expect(messages(harness)).toEqual(['good'])
  })

  test('a payload that unpacks to more than it says is given up', async () => {
    const harness = await started()
    await harness.send('a', [criLine('x'.repeat(5000))], { rawBytes: 10 })
    expect(harness.letters[0]).toMatchObject({ firstSeq: 0, count: 1 })
  })
})

describe('process role under pressure', () => {
  test('closes the fullest stream when the room of a class is taken by streams that wait for their end', async () => {
    const harness = await started(
      {},
      new RoleHarness([pipeline('pod', { budget: { shipperMiB: 1, processMiB: 1 } })]),
    )
    const noise = Buffer.alloc(120_000)
    for (let i = 0; i < noise.length; i++) noise[i] = 33 + (((i * 2654435761) >>> 9) % 90)
    const sends = ['a', 'b', 'c', 'd', 'e', 'f'].map((stream) =>
      harness.send(stream, [criLine(Buffer.from(noise), { tag: 'P' })], {
        codec: 'none',
        payload: Buffer.concat([criLine(Buffer.from(noise), { tag: 'P' }), Buffer.from('\n')]),
      }),
    )
    await Promise.race(sends)
    expect(harness.events.length).toBeGreaterThan(0)
    expect(harness.events[0]!.document.decklog.quality).toContain('partial')
  })

  test('says which format a pipeline names wrongly, and does not start', async () => {
    const harness = new RoleHarness([
      pipeline('pod', { match: [{ when: {}, parse: ['crii'], dataset: 'a.b' }] }),
    ])
    open.push(harness)
    await expect(harness.startRole()).rejects.toThrow(/crii.*no format/)
  })
})

describe('process role with the pipelines and rules of decklog', () => {
  test('reads and tags what comes over ssh, and makes nothing of the same words from a pod', async () => {
    const directory = new URL('../../pipelines', import.meta.url).pathname
    const harness = new RoleHarness(loadPipelines(directory).classes)
    await started({ directory }, harness)
    const line =
      'Nov 24 08:00:00 worker-3 sshd[4711]: Accepted password for root from 203.0.113.7 port 50522 ssh2'
    const provenance = {
      cluster: 'c',
      node: 'worker-3',
      kind: 'file',
      format: 'syslog',
      names: { path: '/var/log/auth.log' },
    }
    await harness.send('a', [line], { class: 'ssh', provenance })
    await harness.send('b', [criLine(line)])
    const [login, pod] = harness.events
    expect(login!.document).toMatchObject({ user: { name: 'root' }, source: { ip: '203.0.113.7' } })
    expect(login!.rules.length).toBeGreaterThan(0)
    expect(login!.document.rule.id).toEqual(login!.rules)
    expect(harness.telemetry.get('decklog_process_signals_total', { rule: login!.rules[0]! })).toBe(1)
    expect(pod!.document.message).toBe(line)
    expect(pod!.rules).toEqual([])
    expect(pod!.document.user).toBeUndefined()
  })
})
