import {
  appendFileSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { chainProblems, fileLog, podLog, ShipYard, until } from './harness.ts'

function numbered(from: number, count: number, word = 'line'): string {
  return Array.from({ length: count }, (_, i) => `${word} ${from + i}\n`).join('')
}

test('rotation by rename: one stream, the old file to its end before the new one', async () => {
  await using yard = new ShipYard()
  const { path, sources } = podLog(yard)
  writeFileSync(path, numbered(0, 10))
  await yard.start(sources)
  await until(() => yard.records().size === 10, 'the first ten')
  const writer = openSync(path, 'a')
  renameSync(path, `${path}.20261124-080000`)
  writeSync(writer, numbered(10, 5))
  writeFileSync(path, numbered(15, 5))
  closeSync(writer)
  await until(() => yard.records().size === 20, 'all twenty')
  expect(yard.text()).toBe(numbered(0, 20))
  expect(yard.streams()).toHaveLength(1)
  expect(yard.losses()).toEqual([])
  expect(chainProblems(yard.bus)).toEqual([])
})

test('many rotations while nobody looked, kubelet style with gzip, are read in order on the next start', async () => {
  await using yard = new ShipYard()
  const { path, sources } = podLog(yard)
  writeFileSync(path, numbered(0, 100))
  await yard.start(sources)
  await until(() => yard.records().size === 100, 'the first hundred')
  await yard.stop()
  appendFileSync(path, numbered(100, 50))
  for (const hour of [1, 2, 3]) {
    const rotated = `${path}.20261124-0${hour}0000`
    writeFileSync(`${rotated}.gz`, gzipSync(readFileSync(path)))
    rmSync(path)
    writeFileSync(path, numbered(50 + 100 * hour, 100))
  }
  await yard.start(sources)
  await until(() => yard.records().size === 450, 'everything')
  expect(yard.text()).toBe(numbered(0, 450))
  expect(yard.losses()).toEqual([])
  expect(yard.streams()).toHaveLength(1)
  expect(chainProblems(yard.bus)).toEqual([])
})

test('a file that was read and then packed is not read again', async () => {
  await using yard = new ShipYard()
  const { path, sources } = podLog(yard)
  writeFileSync(path, numbered(0, 10))
  await yard.start(sources)
  await until(() => yard.records().size === 10, 'the first ten')
  renameSync(path, `${path}.20261124-080000`)
  writeFileSync(path, numbered(10, 10))
  await until(() => yard.records().size === 20, 'twenty')
  writeFileSync(`${path}.20261124-080000.gz`, gzipSync(readFileSync(`${path}.20261124-080000`)))
  rmSync(`${path}.20261124-080000`)
  renameSync(path, `${path}.20261124-090000`)
  writeFileSync(path, numbered(20, 10))
  await until(() => yard.records().size === 30, 'thirty')
  await yard.stop()
  await yard.start(sources)
  appendFileSync(path, numbered(30, 1))
  await until(() => yard.records().size >= 31, 'the last')
  expect(yard.text()).toBe(numbered(0, 31))
})

test('copytruncate: the copy gives what was not read yet, and nothing is read twice', async () => {
  await using yard = new ShipYard()
  const { path, sources } = fileLog(yard)
  writeFileSync(path, numbered(0, 10))
  await yard.start(sources)
  await until(() => yard.records().size === 10, 'the first ten')
  await yard.stop()
  appendFileSync(path, numbered(10, 10))
  copyFileSync(path, `${path}.1`)
  truncateSync(path, 0)
  appendFileSync(path, numbered(20, 1))
  await yard.start(sources)
  await until(() => yard.records().size === 21, 'all')
  expect(yard.text()).toBe(numbered(0, 21))
  expect(yard.losses()).toEqual([])
})

test('copytruncate under our eyes, and the file has already grown past where we were', async () => {
  await using yard = new ShipYard()
  const { path, sources } = fileLog(yard)
  writeFileSync(path, numbered(0, 10))
  await yard.start(sources)
  await until(() => yard.records().size === 10, 'the first ten')
  copyFileSync(path, `${path}.1`)
  const fd = openSync(path, 'r+')
  truncateSync(path, 0)
  writeSync(fd, numbered(10, 40))
  closeSync(fd)
  await until(() => yard.records().size === 50, 'all')
  expect(yard.text()).toBe(numbered(0, 50))
  expect(yard.losses()).toEqual([])
})

test('a truncation without a copy is declared, with the bytes that were seen and not read', async () => {
  await using yard = new ShipYard()
  const { path, sources } = fileLog(yard)
  writeFileSync(path, 'whole\nbegun and never en')
  await yard.start(sources)
  await until(() => yard.records().size === 1, 'the whole line')
  truncateSync(path, 0)
  appendFileSync(path, 'new\n')
  await until(() => yard.records().size === 2, 'the new line')
  await until(() => yard.losses().length > 0, 'a loss')
  expect(yard.text()).toBe('whole\nnew\n')
  expect(yard.losses()).toMatchObject([{ firstSeq: 1, count: 0, bytes: 18, reason: 'truncated' }])
  expect(chainProblems(yard.bus)).toEqual([])
})

test('a file that was overwritten in place and is already longer than before is read from its beginning, declared', async () => {
  await using yard = new ShipYard()
  const { path, sources } = fileLog(yard)
  writeFileSync(path, numbered(0, 10, 'old'))
  await yard.start(sources)
  await until(() => yard.records().size === 10, 'the old')
  // From here on the directory is known not to have changed: only the bytes of the file tell.
  await sleep(150)
  appendFileSync(path, 'last\n')
  await until(() => yard.records().size === 11, 'the last of the old')
  await sleep(50)
  writeFileSync(path, numbered(0, 50, 'new'))
  await until(() => yard.records().size === 61, 'the new')
  expect(yard.text()).toBe(`${numbered(0, 10, 'old')}last\n${numbered(0, 50, 'new')}`)
  await until(() => yard.losses().length > 0, 'the loss')
  expect(yard.losses()).toMatchObject([{ reason: 'truncated', count: 0 }])
})

test('an inode that is used again for another content starts from its beginning', async () => {
  await using yard = new ShipYard()
  const { path, sources } = fileLog(yard)
  writeFileSync(path, numbered(0, 10, 'old'))
  await yard.start(sources)
  await until(() => yard.records().size === 10, 'the old')
  await yard.stop()
  const { ino } = statSync(path)
  // The same inode, other bytes, longer than what was read: only the content tells.
  writeFileSync(path, numbered(0, 50, 'new'))
  expect(statSync(path).ino).toBe(ino)
  await yard.start(sources)
  await until(() => yard.records().size === 60, 'the new')
  expect(yard.text()).toBe(numbered(0, 10, 'old') + numbered(0, 50, 'new'))
  expect(yard.losses()).toMatchObject([{ reason: 'truncated', bytes: -1 }])
})

test('files with identical heads are told apart', async () => {
  await using yard = new ShipYard()
  const { path, sources } = podLog(yard)
  const head = 'the same banner\n'.repeat(200)
  writeFileSync(path, head + numbered(0, 3))
  await yard.start(sources)
  await until(() => yard.records().size === 203, 'the first file')
  renameSync(path, `${path}.20261124-080000`)
  writeFileSync(path, head + numbered(3, 3))
  await until(() => yard.records().size === 406, 'the second file')
  await yard.stop()
  renameSync(path, `${path}.20261124-090000`)
  writeFileSync(path, head + numbered(6, 3))
  await yard.start(sources)
  await until(() => yard.records().size === 609, 'the third file')
  expect(yard.text()).toBe(head + numbered(0, 3) + head + numbered(3, 3) + head + numbered(6, 3))
  expect(yard.losses()).toEqual([])
})

test('two rotated files with the same bytes are two files, plain or packed', async () => {
  await using yard = new ShipYard()
  const { path, sources } = podLog(yard)
  writeFileSync(path, 'same\n')
  await yard.start(sources)
  await until(() => yard.records().size === 1, 'the first')
  await yard.stop()
  renameSync(path, `${path}.20261124-010000`)
  writeFileSync(`${path}.20261124-020000`, 'same\n')
  writeFileSync(`${path}.20261124-030000.gz`, gzipSync('same\n'))
  writeFileSync(path, 'other\n')
  await yard.start(sources)
  await until(() => yard.records().size === 4, 'all four')
  expect(yard.text()).toBe('same\nsame\nsame\nother\n')
  expect(yard.losses()).toEqual([])
})

test('a file of which little was read is not taken for a finished one that begins the same', async () => {
  await using yard = new ShipYard()
  const { path, sources } = podLog(yard)
  writeFileSync(path, 'same\n')
  await yard.start(sources)
  await until(() => yard.records().size === 1, 'the first file')
  renameSync(path, `${path}.20261124-010000`)
  writeFileSync(path, 'same\n')
  await until(() => yard.records().size === 2, 'the beginning of the second')
  await yard.stop()
  appendFileSync(path, 'rest of the second\n')
  renameSync(path, `${path}.20261124-020000`)
  for (const hour of ['01', '02']) {
    const rotated = `${path}.20261124-${hour}0000`
    writeFileSync(`${rotated}.gz`, gzipSync(readFileSync(rotated)))
    rmSync(rotated)
  }
  writeFileSync(path, 'third\n')
  await yard.start(sources)
  await until(() => yard.records().size === 4, 'the rest')
  expect(yard.text()).toBe('same\nsame\nrest of the second\nthird\n')
  expect(yard.losses()).toEqual([])
})

test('an older packed file with the same bytes does not stand in for the one that was just rotated', async () => {
  await using yard = new ShipYard()
  const { path, sources } = podLog(yard)
  writeFileSync(`${path}.20261124-010000.gz`, gzipSync('same\n'))
  writeFileSync(path, 'same\n')
  await yard.start(sources)
  await until(() => yard.records().size === 2, 'both files')
  renameSync(path, `${path}.20261124-020000`)
  writeFileSync(path, 'new\n')
  await until(() => [...yard.records().values()].includes('new\n'), 'the new file')
  expect(yard.text()).toBe('same\nsame\nnew\n')
  expect(yard.losses()).toEqual([])
})

test('a deleted file that is still open is drained, its unfinished line shipped verbatim, and the stream closed', async () => {
  await using yard = new ShipYard()
  const { path, sources } = podLog(yard)
  const writer = openSync(path, 'a')
  writeSync(writer, numbered(0, 3))
  await yard.start(sources)
  await until(() => yard.records().size === 3, 'three lines')
  rmSync(join(yard.logs, 'shop_web-1_0a1b'), { recursive: true })
  writeSync(writer, `${numbered(3, 3)}cut off here`)
  closeSync(writer)
  await until(() => yard.marks().includes('closed'), 'the closed mark')
  expect(yard.text()).toBe(`${numbered(0, 6)}cut off here`)
  const last = yard.bus.batches.findLast(({ batch }) => batch.count > 0)!.batch
  expect(last).toMatchObject({ count: 1, fragment: { index: 0, last: true } })
  expect(yard.losses()).toEqual([])
  expect(chainProblems(yard.bus)).toEqual([])
})

test('pods that live shorter than 200 ms are shipped whole', async () => {
  await using yard = new ShipYard()
  mkdirSync(yard.logs)
  const role = await yard.start([{ kind: 'pods', class: 'pod', path: yard.logs }])
  await role.ready
  const pods = 20
  for (let pod = 0; pod < pods; pod++) {
    const directory = join(yard.logs, `jobs_job-${pod}_uid-${pod}`)
    mkdirSync(join(directory, 'main'), { recursive: true })
    writeFileSync(join(directory, 'main/0.log'), numbered(0, 100))
    await new Promise((resolve) => setTimeout(resolve, 50))
    rmSync(directory, { recursive: true })
  }
  await until(() => yard.marks().filter((mark) => mark === 'closed').length === pods, 'all closed')
  expect(yard.losses()).toEqual([])
  for (const stream of yard.streams()) expect(yard.text(stream)).toBe(numbered(0, 100))
  expect(yard.streams()).toHaveLength(pods)
})

test('a pod that is gone before its file could be opened is a declared loss that names it', async () => {
  await using yard = new ShipYard()
  mkdirSync(yard.logs)
  const role = await yard.start([{ kind: 'pods', class: 'pod', path: yard.logs }])
  await role.ready
  const directory = join(yard.logs, 'jobs_brief_uid-7')
  mkdirSync(join(directory, 'main'), { recursive: true })
  writeFileSync(join(directory, 'main/0.log'), 'never seen\n')
  rmSync(directory, { recursive: true })
  await until(() => yard.losses().length > 0, 'a loss')
  const { batch } = yard.bus.batches.find(({ batch }) => batch.losses.length > 0)!
  expect(batch.provenance.names).toMatchObject({ namespace: 'jobs', pod: 'brief', uid: 'uid-7' })
  expect(batch.losses).toMatchObject([{ reason: 'deleted', bytes: -1, count: 0 }])
})

test('numbered logrotate files, dated audit files and yesterday’s files: only what came after the start is read', async () => {
  await using yard = new ShipYard()
  mkdirSync(yard.logs)
  const auth = join(yard.logs, 'auth.log')
  const audit = join(yard.logs, 'audit.log')
  for (const old of [`${auth}.1`, `${auth}.2.gz`, join(yard.logs, 'audit-2026-11-23T08-00-00.000.log')]) {
    writeFileSync(old, 'yesterday\n')
    utimesSync(old, 1_700_000_000, 1_700_000_000)
  }
  writeFileSync(auth, 'a0\n')
  writeFileSync(audit, 'b0\n')
  await yard.start([{ kind: 'file', class: 'ssh', format: 'syslog', paths: [join(yard.logs, '*.log')] }])
  await until(() => yard.streams().length === 2, 'both')
  await yard.stop()
  for (const round of [1, 2]) {
    if (round === 2) renameSync(`${auth}.1`, `${auth}.2`)
    renameSync(auth, `${auth}.1`)
    writeFileSync(auth, `a${round}\n`)
    renameSync(audit, join(yard.logs, `audit-2026-11-24T0${round}-00-00.000.log`))
    writeFileSync(audit, `b${round}\n`)
  }
  await yard.start([{ kind: 'file', class: 'ssh', format: 'syslog', paths: [join(yard.logs, '*.log')] }])
  const [first, second] = yard.streams() as [string, string]
  await until(() => yard.records(first).size === 3 && yard.records(second).size === 3, 'all')
  expect([yard.text(first), yard.text(second)].sort()).toEqual(['a0\na1\na2\n', 'b0\nb1\nb2\n'])
  expect(yard.losses()).toEqual([])
})
