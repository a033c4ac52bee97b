import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { DecklogError } from '../../src/core/errors.ts'
import { armFaults } from '../../src/core/faults.ts'
import type { SourceConfig } from '../../src/sources/source-config.ts'
import { chainProblems, ShipYard, until } from './harness.ts'

afterEach(() => armFaults(''))

function authLog(yard: ShipYard, text: string): { readonly path: string; readonly sources: SourceConfig[] } {
  mkdirSync(yard.logs, { recursive: true })
  const path = join(yard.logs, 'auth.log')
  writeFileSync(path, text)
  return { path, sources: [{ kind: 'file', class: 'ssh', format: 'syslog', paths: [path] }] }
}

for (const code of ['EIO', 'ENOSPC', 'EROFS']) {
  test(`${code} in the journal of cuts: nothing is published, it is said once, and it goes on when the cause is gone`, async () => {
    await using yard = new ShipYard()
    const { path, sources } = authLog(yard, 'one\n')
    const role = await yard.start(sources)
    await until(() => yard.records().size === 1, 'the first record')
    armFaults(`cut-journal-write=${code}*3`)
    appendFileSync(path, 'two\n')
    await until(() => role.status().troubles.length > 0, 'a trouble')
    expect(yard.records().size).toBe(1)
    await until(() => yard.records().size === 2, 'the second record')
    expect(yard.said.filter(({ level }) => level === 'error')).toHaveLength(1)
    expect(yard.said.find(({ level }) => level === 'error')?.message).toContain(
      code === 'ENOSPC' ? 'the disk is full' : code,
    )
    expect(role.status().troubles).toEqual([])
    expect(yard.text()).toBe('one\ntwo\n')
    expect(chainProblems(yard.bus)).toEqual([])
  })
}

test('a checkpoint that cannot be written at the start: nothing is published before it is', async () => {
  await using yard = new ShipYard()
  const { sources } = authLog(yard, 'one\n')
  armFaults('checkpoint-inside=EIO*2')
  const role = await yard.start(sources)
  await until(() => yard.said.some(({ message }) => message.includes('checkpoint')), 'the message')
  expect(yard.bus.batches).toHaveLength(0)
  await until(() => yard.records().size === 1, 'the record')
  expect(role.status().troubles).toEqual([])
})

test('what was published and not acknowledged is sent again after a restart, the same to the byte', async () => {
  await using yard = new ShipYard()
  const { path, sources } = authLog(yard, 'one\ntwo\n')
  yard.bus.hold = () => true
  await yard.start(sources)
  await until(() => yard.bus.batches.length > 0, 'a batch')
  await yard.stop()
  const first = yard.bus.batches[0]!.bytes
  appendFileSync(path, 'three\n')
  yard.bus.release()
  yard.bus.batches.length = 0
  await yard.start(sources)
  await until(() => yard.records().size === 3, 'all')
  expect(yard.bus.batches[0]!.bytes.equals(first)).toBe(true)
  expect(chainProblems(yard.bus)).toEqual([])
})

test('cuts whose bytes are gone after a restart become declared losses in their place', async () => {
  await using yard = new ShipYard()
  const { path, sources } = authLog(yard, 'one\ntwo\n')
  yard.bus.hold = () => true
  await yard.start(sources)
  await until(() => yard.bus.batches.length > 0, 'a batch')
  await yard.stop()
  writeFileSync(path, 'ANOTHER content of the same file\n')
  yard.bus.release()
  yard.bus.batches.length = 0
  await yard.start(sources)
  await until(() => yard.records().size === 1, 'the new record')
  const [lost] = yard.bus.batches
  expect(lost!.batch).toMatchObject({
    firstSeq: 0,
    count: 0,
    losses: [{ firstSeq: 0, count: 2, bytes: 8, reason: 'source-gone' }],
  })
  expect([...yard.records()]).toEqual([[2, 'ANOTHER content of the same file\n']])
  const next = yard.bus.batches.find(({ batch }) => batch.firstSeq === 2)!.batch
  expect(Buffer.from(next.previous).toString('hex')).toBe(lost!.batch.extra['decklog.chain-head'])
})

function stateFiles(yard: ShipYard): {
  readonly directory: string
  readonly cuts: string
  readonly checkpoint: string
} {
  const directory = join(yard.dataDirectory, 'ship')
  const cuts = join(directory, readdirSync(directory).find((name) => name.startsWith('cuts-'))!)
  return { directory, cuts, checkpoint: join(directory, 'checkpoint') }
}

/** Runs a shipper, takes its state as a crash would leave it (no closing checkpoint), and puts it back after the close. */
async function crashedState(yard: ShipYard, sources: SourceConfig[]): Promise<void> {
  await yard.start(sources)
  await until(() => yard.records().size === 2 && yard.marks().includes('idle'), 'two records')
  await sleep(100)
  const { directory, cuts, checkpoint } = stateFiles(yard)
  const kept = join(yard.directory, 'kept')
  mkdirSync(kept)
  copyFileSync(cuts, join(kept, 'cuts-00000001.log'))
  copyFileSync(checkpoint, join(kept, 'checkpoint'))
  await yard.stop()
  rmSync(directory, { recursive: true })
  mkdirSync(directory)
  for (const name of readdirSync(kept)) copyFileSync(join(kept, name), join(directory, name))
}

test('a torn tail of the journal is what a crash leaves: it is cut off and nothing is declared', async () => {
  await using yard = new ShipYard()
  const { path, sources } = authLog(yard, 'one\ntwo\n')
  await crashedState(yard, sources)
  const { cuts } = stateFiles(yard)
  appendFileSync(cuts, '1234abcd {"kind":"cut","stream":1,"ver')
  appendFileSync(path, 'three\n')
  await yard.start(sources)
  await until(() => yard.records().size === 3, 'the third')
  expect(yard.losses()).toEqual([])
  expect(yard.streams()).toHaveLength(1)
})

for (const victim of ['cuts', 'checkpoint'] as const) {
  test(`a flipped bit in the middle of the ${victim} is detected: new lineage, everything again, and declared`, async () => {
    await using yard = new ShipYard()
    const { sources } = authLog(yard, 'one\ntwo\n')
    await crashedState(yard, sources)
    const file = stateFiles(yard)[victim]
    const bytes = readFileSync(file)
    bytes[20]! ^= 1
    writeFileSync(file, bytes)
    const lineage = yard.bus.batches[0]!.batch.lineage
    yard.bus.batches.length = 0
    await yard.start(sources)
    await until(() => yard.records().size === 2, 'both again')
    expect(yard.losses()).toMatchObject([{ firstSeq: 0, count: 0, bytes: -1, reason: 'state-lost' }])
    expect(yard.bus.batches[0]!.batch.lineage).not.toBe(lineage)
    expect(yard.said.some(({ level, message }) => level === 'error' && message.includes('set aside'))).toBe(
      true,
    )
    expect(readdirSync(join(yard.dataDirectory, 'ship')).some((name) => name.startsWith('corrupt-'))).toBe(
      true,
    )
  })
}

test('a missing checkpoint beside a journal is a lost state, not a first start', async () => {
  await using yard = new ShipYard()
  const { sources } = authLog(yard, 'one\ntwo\n')
  await crashedState(yard, sources)
  rmSync(stateFiles(yard).checkpoint)
  yard.bus.batches.length = 0
  await yard.start(sources)
  await until(() => yard.losses().length > 0, 'a loss')
  expect(yard.losses()).toMatchObject([{ reason: 'state-lost' }])
})

test('a bus that refuses for a while delays and loses nothing', async () => {
  await using yard = new ShipYard()
  const { path, sources } = authLog(yard, 'one\n')
  yard.bus.failures = [1, 2, 3].map(() => new DecklogError('unreachable', 'no broker', { retryable: true }))
  await yard.start(sources)
  await sleep(50)
  appendFileSync(path, 'two\n')
  await until(() => yard.records().size === 2, 'both')
  await until(() => yard.marks().includes('idle'), 'the mark')
  expect(yard.text()).toBe('one\ntwo\n')
  expect(yard.said.filter(({ message }) => message.includes('cannot publish'))).toHaveLength(1)
  expect(chainProblems(yard.bus)).toEqual([])
})

test('an unreadable file is said once, others go on, and it is read when it can be', async () => {
  await using yard = new ShipYard()
  const { sources } = authLog(yard, 'one\n')
  const other = join(yard.logs, 'secure')
  writeFileSync(other, 'two\n')
  chmodSync(other, 0o000)
  const asNobody = process.getuid?.() === 0
  if (asNobody) spawnSync('chown', ['-R', '65534', yard.directory])
  if (asNobody) chmodSync(yard.directory, 0o755)
  if (asNobody) process.seteuid!(65_534)
  try {
    const role = await yard.start([
      ...sources,
      { kind: 'file', class: 'ssh', format: 'syslog', paths: [other] },
    ])
    await until(() => yard.records().size === 1, 'the readable one')
    expect(role.status().troubles.map(({ what }) => what)).toEqual([other])
    await sleep(300)
    expect(yard.said.filter(({ message }) => message.includes('EACCES'))).toHaveLength(1)
    chmodSync(other, 0o644)
    await until(() => yard.streams().length === 2, 'the other')
    expect(role.status().troubles).toEqual([])
    await yard.stop()
  } finally {
    if (asNobody) process.seteuid!(0)
  }
})

test('a directory that may be listed and not entered is told, and its neighbours are shipped', async () => {
  await using yard = new ShipYard()
  const closed = join(yard.logs, 'ns_closed_uid')
  for (const pod of [closed, join(yard.logs, 'ns_open_uid')]) {
    mkdirSync(join(pod, 'app'), { recursive: true })
    writeFileSync(join(pod, 'app/0.log'), 'line\n')
  }
  chmodSync(closed, 0o444)
  const asNobody = process.getuid?.() === 0
  if (asNobody) spawnSync('chown', ['-R', '65534', yard.directory])
  if (asNobody) process.seteuid!(65_534)
  try {
    const role = await yard.start([{ kind: 'pods', class: 'pod', path: yard.logs }])
    await until(() => yard.streams().length === 1, 'the open one')
    expect(role.status().troubles.map(({ what }) => what)).toEqual([closed])
    chmodSync(closed, 0o755)
    await until(() => yard.streams().length === 2, 'the other')
    await until(() => role.status().troubles.length === 0, 'the end of the trouble')
    expect(yard.losses()).toEqual([])
    await yard.stop()
  } finally {
    if (asNobody) process.seteuid!(0)
  }
})

test('a symbolic link that leaves the root is not followed; one that stays inside is', async () => {
  await using yard = new ShipYard()
  mkdirSync(join(yard.logs, 'ns_pod_uid/app'), { recursive: true })
  mkdirSync(join(yard.logs, 'data'))
  mkdirSync(join(yard.directory, 'outside/app'), { recursive: true })
  const secret = join(yard.directory, 'outside/shadow')
  writeFileSync(secret, 'root:secret\n')
  writeFileSync(join(yard.directory, 'outside/app/0.log'), 'outside\n')
  writeFileSync(join(yard.logs, 'data/real.log'), 'inside\n')
  symlinkSync(secret, join(yard.logs, 'ns_pod_uid/app/0.log'))
  symlinkSync(join(yard.directory, 'outside'), join(yard.logs, 'ns_evil_uid'))
  symlinkSync(join(yard.logs, 'data/real.log'), join(yard.logs, 'ns_pod_uid/app/1.log'))
  const role = await yard.start([{ kind: 'pods', class: 'pod', path: yard.logs }])
  await until(() => yard.records().size === 1, 'the inner link')
  await sleep(200)
  expect(yard.text()).toBe('inside\n')
  expect(
    role
      .status()
      .troubles.map(({ what }) => what)
      .sort(),
  ).toEqual([join(yard.logs, 'ns_evil_uid'), join(yard.logs, 'ns_pod_uid/app/0.log')])
})

test('a gzip bomb ends at its limit, declared, and the next file goes on', async () => {
  await using yard = new ShipYard()
  const directory = join(yard.logs, 'ns_pod_uid/app')
  mkdirSync(directory, { recursive: true })
  writeFileSync(
    join(directory, '0.log.20261124-000000.gz'),
    gzipSync(Buffer.alloc(64 * 1024 * 1024, 'bomb\n')),
  )
  writeFileSync(join(directory, '0.log'), 'after\n')
  await yard.start([{ kind: 'pods', class: 'pod', path: yard.logs }], { unpackedBytesMax: 1024 * 1024 })
  await until(() => [...yard.records().values()].includes('after\n'), 'the file after it')
  await until(() => yard.losses().length > 0, 'the loss')
  expect(yard.losses()).toMatchObject([{ reason: 'unreadable', bytes: -1 }])
  expect(yard.text().length).toBe(1024 * 1024 + 'after\n'.length)
})
