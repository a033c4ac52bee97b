import {
  appendFileSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { BATCH_BYTES_MAX, OPEN_STREAM_BYTES_MAX } from '../../src/core/limits.ts'
import type { SourceConfig } from '../../src/sources/source-config.ts'
import { chainProblems, payloadOf, RecordingBus, ShipYard, until } from './harness.ts'

const MIB = 1024 * 1024

function file(
  yard: ShipYard,
  name: string,
  className: string,
  text: string,
): { path: string; source: SourceConfig } {
  mkdirSync(yard.logs, { recursive: true })
  const path = join(yard.logs, name)
  writeFileSync(path, text)
  return { path, source: { kind: 'file', class: className, format: 'syslog', paths: [path] } }
}

test('every byte survives: NUL, invalid UTF-8, CR, empty lines', async () => {
  await using yard = new ShipYard()
  const bytes = Buffer.concat([
    Buffer.from('a\0b\n\n\r\n'),
    Buffer.from([0x61, 0xff, 0xc0, 0x80, 0x62, 10, 10]),
    Buffer.from('end\n'),
  ])
  mkdirSync(yard.logs)
  const path = join(yard.logs, 'x.log')
  writeFileSync(path, bytes)
  await yard.start([{ kind: 'file', class: 'node', format: 'text', paths: [path] }])
  await until(() => yard.records().size === 6, 'six records')
  expect(Buffer.from(yard.text(), 'latin1').equals(bytes)).toBe(true)
})

test('a 16 MiB line comes in fragments between its neighbours', async () => {
  await using yard = new ShipYard()
  const huge = 'h'.repeat(16 * MIB)
  const { source } = file(yard, 'x.log', 'node', `before\n${huge}\nafter\n`)
  await yard.start([source])
  await until(() => yard.records().size === 3, 'three records')
  expect(yard.records().get(1)).toBe(`${huge}\n`)
  expect(yard.text()).toBe(`before\n${huge}\nafter\n`)
  const fragments = yard.bus.batches.filter(({ batch }) => batch.fragment !== null).map(({ batch }) => batch)
  expect(fragments.every((batch) => batch.firstSeq === 1 && batch.rawBytes <= BATCH_BYTES_MAX)).toBe(true)
  expect(fragments.map((batch) => batch.count).reduce((a, b) => a + b)).toBe(1)
  expect(chainProblems(yard.bus)).toEqual([])
})

test('1 GiB without a newline is shipped without memory growing with it', async () => {
  await using yard = new ShipYard()
  mkdirSync(yard.logs)
  const path = join(yard.logs, 'x.log')
  const fd = openSync(path, 'w')
  ftruncateSync(fd, 1024 * MIB)
  closeSync(fd)
  let bytes = 0
  let peak = 0
  const bus = new RecordingBus()
  bus.hold = (_topic, batch) => {
    bytes += batch.rawBytes
    peak = Math.max(peak, process.memoryUsage().external)
    bus.batches.length = 0
    return false
  }
  yard.bus = bus
  const before = process.memoryUsage().external
  await yard.start([{ kind: 'file', class: 'node', format: 'text', paths: [path] }])
  await until(() => bytes === 1024 * MIB, 'all bytes')
  expect(peak - before).toBeLessThan(128 * MIB)
})

test('a pause is marked once, however long it lasts', async () => {
  await using yard = new ShipYard()
  const { path, source } = file(yard, 'x.log', 'ssh', 'one\n')
  await yard.start([source])
  await until(() => yard.marks().length === 1, 'the first mark')
  await sleep(500)
  expect(yard.marks()).toEqual(['idle'])
  appendFileSync(path, 'two\n')
  await until(() => yard.marks().length === 2, 'the second')
  await yard.stop()
  await yard.start([source])
  await sleep(300)
  expect(yard.marks()).toEqual(['idle', 'idle'])
})

test('reading stops at the bounds: a stream at its own, a class at its budget', async () => {
  await using yard = new ShipYard()
  const text = `${'y'.repeat(1023)}\n`.repeat(12 * 1024)
  const files = ['a.log', 'b.log', 'c.log'].map((name) => file(yard, name, 'pod', text))
  yard.bus.hold = () => true
  const role = await yard.start(files.map((one) => one.source))
  await until(() => (role.status().openBytes.pod ?? 0) > 11 * MIB, 'a full window')
  await sleep(300)
  const byStream = new Map<string, number>()
  for (const { batch } of yard.bus.batches)
    byStream.set(batch.stream, (byStream.get(batch.stream) ?? 0) + batch.rawBytes)
  expect(Math.max(...byStream.values())).toBeLessThanOrEqual(OPEN_STREAM_BYTES_MAX)
  expect(role.status().openBytes.pod).toBeLessThanOrEqual(16 * MIB)
  const before = yard.bus.batches.length
  await sleep(200)
  expect(yard.bus.batches.length).toBe(before)
  yard.bus.release()
  await until(
    () => yard.bus.batches.reduce((sum, { batch }) => sum + batch.rawBytes, 0) === 36 * MIB,
    'the rest',
  )
  for (const stream of yard.streams()) expect(yard.text(stream)).toBe(text)
})

test('a pause that nobody could mark is marked before what follows it: after a restart', async () => {
  await using yard = new ShipYard()
  const { path, source } = file(yard, 'x.log', 'ssh', 'one\n')
  await yard.start([source], { timings: { idleMs: 60_000 } })
  await until(() => yard.records().size === 1, 'the first line')
  expect(yard.marks()).toEqual([])
  await yard.stop()
  appendFileSync(path, 'two\n')
  await yard.start([source], { timings: { idleMs: 60_000 } })
  await until(() => yard.records().size === 2, 'the second')
  const marks = yard.bus.batches.map(({ batch }) => batch.marks.join())
  expect(marks.filter((mark, at) => mark !== marks[at - 1])).toEqual(['', 'idle', ''])
  expect(chainProblems(yard.bus)).toEqual([])
})

test('streams that wait for room are marked as in a pause, once, when nothing is acknowledged', async () => {
  await using yard = new ShipYard()
  const text = `${'y'.repeat(1023)}\n`.repeat(2 * 1024)
  const files = ['a.log', 'b.log', 'c.log'].map((name) => file(yard, name, 'pod', text))
  yard.bus.hold = (_topic, { marks }) => marks.length === 0
  await yard.start(
    files.map((one) => one.source),
    { budgets: { pod: 3 * MIB }, timings: { idleMs: 60_000, blockedMs: 200 } },
  )
  await until(() => yard.marks().length === 3, 'a mark of each')
  await sleep(500)
  expect(yard.marks()).toEqual(['idle', 'idle', 'idle'])
  const dataBefore = yard.bus.batches.filter(({ batch }) => batch.count > 0).length
  yard.bus.release()
  await until(() => sizes(yard) === 6 * MIB, 'the rest')
  expect(yard.bus.batches.filter(({ batch }) => batch.count > 0).length).toBeGreaterThan(dataBefore)
  expect(chainProblems(yard.bus)).toEqual([])
})

function sizes(yard: ShipYard): number {
  return yard.bus.batches.reduce((sum, { batch }) => sum + batch.rawBytes, 0)
}

test('one stream alone stops at its own bound, however large the budget', async () => {
  await using yard = new ShipYard()
  const { source } = file(yard, 'x.log', 'pod', `${'y'.repeat(1023)}\n`.repeat(12 * 1024))
  yard.bus.hold = () => true
  const role = await yard.start([source], { budgets: { pod: 64 * MIB } })
  await until(() => (role.status().openBytes.pod ?? 0) > 7 * MIB, 'a full window')
  await sleep(300)
  expect(role.status().openBytes.pod).toBeLessThanOrEqual(OPEN_STREAM_BYTES_MAX)
  yard.bus.release()
  await until(() => yard.records().size === 12 * 1024, 'the rest')
})

test('a full pod budget holds back neither ssh nor a quiet pod', async () => {
  await using yard = new ShipYard()
  const loud = ['a.log', 'b.log', 'c.log'].map((name) =>
    file(yard, name, 'pod', `${'z'.repeat(1023)}\n`.repeat(12 * 1024)),
  )
  const quiet = file(yard, 'quiet.log', 'pod', '')
  const ssh = file(yard, 'auth.log', 'ssh', '')
  yard.bus.hold = () => true
  const role = await yard.start([...loud, quiet, ssh].map((one) => one.source))
  await until(() => (role.status().openBytes.pod ?? 0) > 11 * MIB, 'a full budget')
  appendFileSync(ssh.path, 'login\n')
  appendFileSync(quiet.path, 'hello\n')
  const came = (topic: string, text: string): boolean =>
    yard.bus.batches.some(
      (one) => one.topic === topic && one.batch.rawBytes < 100 && payloadOf(one.batch).toString() === text,
    )
  await until(
    () => came('decklog.raw.ssh', 'login\n') && came('decklog.raw.pod', 'hello\n'),
    'both quiet lines',
  )
})

test('streams of a class take turns: a flood does not delay the others by more than a batch each', async () => {
  await using yard = new ShipYard()
  const flood = file(yard, 'flood.log', 'pod', `${'f'.repeat(1023)}\n`.repeat(30 * 1024))
  const small = Array.from({ length: 10 }, (_, i) => file(yard, `small-${i}.log`, 'pod', `small ${i}\n`))
  await yard.start([flood, ...small].map((one) => one.source))
  await until(() => yard.streams().length === 11, 'all streams')
  const batches = yard.bus.batches.map(({ batch }) => batch)
  const floodStream = batches.find((batch) => batch.rawBytes > 1000)!.stream
  const lastSmall = batches.findLastIndex((batch) => batch.stream !== floodStream && batch.count > 0)
  expect(
    batches.slice(0, lastSmall).filter((batch) => batch.stream === floodStream).length,
  ).toBeLessThanOrEqual(11)
})

test('a writer that has not noticed the rotation is still heard', async () => {
  await using yard = new ShipYard()
  const { path, source } = file(yard, 'x.log', 'ssh', 'one\n')
  const writer = openSync(path, 'a')
  await yard.start([source], { timings: { lingerMs: 5_000 } })
  await until(() => yard.records().size === 1, 'one')
  renameSync(path, `${path}.1`)
  writeFileSync(path, 'two\n')
  await until(() => yard.records().size === 2, 'two')
  writeSync(writer, 'late\n')
  closeSync(writer)
  await until(() => yard.records().size === 3, 'the late line')
  expect(yard.text()).toBe('one\ntwo\nlate\n')
  expect(chainProblems(yard.bus)).toEqual([])
})

test('5,000 files: all are shipped, descriptors stay within their bound', { timeout: 120_000 }, async () => {
  await using yard = new ShipYard()
  for (let pod = 0; pod < 1_000; pod++) {
    for (let container = 0; container < 5; container++) {
      const directory = join(yard.logs, `ns_pod-${pod}_uid-${pod}/c${container}`)
      mkdirSync(directory, { recursive: true })
      writeFileSync(join(directory, '0.log'), `pod ${pod} container ${container}\n`)
    }
  }
  const role = await yard.start([{ kind: 'pods', class: 'pod', path: yard.logs }], { openFilesMax: 200 })
  await until(() => yard.streams().length === 5_000, 'all streams')
  expect(role.status().openFiles).toBeLessThanOrEqual(201)
  const path = join(yard.logs, 'ns_pod-7_uid-7/c3/0.log')
  appendFileSync(path, 'again\n')
  await until(
    () => yard.bus.batches.some(({ batch }) => batch.firstSeq === 1 && batch.count === 1),
    'a line in a file that was given up',
  )
  expect(yard.losses()).toEqual([])
})
