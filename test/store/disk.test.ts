import { spawn } from 'node:child_process'
import {
  appendFile,
  cp,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { armFaults } from '../../src/core/faults.ts'
import { Outcome, type Store } from '../../src/ports/store.ts'
import { duckdbPlace, type DuckdbPlace } from '../support/duckdb-place.ts'
import { eventBatch, streamName, type EventOptions } from '../support/event-batches.ts'
import { searchable } from '../support/store.ts'

const asking = { principal: { id: 'test' }, scope: { clusters: '*', classes: '*' } } as const
const { stored, duplicate } = Outcome

const toClose: AsyncDisposable[] = []
afterEach(async () => {
  armFaults('')
  for (const one of toClose.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

async function newPlace(): Promise<DuckdbPlace> {
  const place = await duckdbPlace()
  toClose.push(place)
  return place
}

async function openAt(place: DuckdbPlace, options: Parameters<DuckdbPlace['open']>[0] = {}): Promise<Store> {
  const store = await place.open(options)
  toClose.push(store)
  return store
}

function events(first: number, count: number): EventOptions[] {
  return Array.from({ length: count }, (_, at) => ({ seq: first + at }))
}

async function seqs(store: Store, count: number): Promise<number[]> {
  await searchable(store, count)
  const { hits } = await store.search({ ...asking, query: { kind: 'all' }, limit: 1000, order: 'oldest' })
  return hits.map((hit) => Number(hit.id.split(':')[1]))
}

async function journals(place: DuckdbPlace): Promise<string[]> {
  const names = (await readdir(place.directory)).filter((name) => name.startsWith('journal-'))
  return names.sort().map((name) => join(place.directory, name))
}

describe('disk faults', () => {
  for (const [code, expected] of [
    ['ENOSPC', 'disk-full'],
    ['EIO', 'disk-failed'],
    ['EROFS', 'disk-failed'],
  ] as const) {
    for (const step of ['store-write', 'store-commit-inside'] as const) {
      test(`${code} at ${step}: nothing is answered, and it goes on when the cause is gone`, async () => {
        const place = await newPlace()
        const store = await place.open()
        await store.write([eventBatch({ events: events(0, 5) })])
        await searchable(store, 5)
        armFaults(`${step}=${code}*2`)
        const batch = eventBatch({ events: events(5, 5) })
        for (let attempt = 0; attempt < 2; attempt++) {
          await expect(store.write([batch])).rejects.toMatchObject({ code: expected, retryable: true })
        }
        expect(await store.coverage(streamName(1), asking)).toMatchObject({ lowWater: 5 })
        const [result] = await store.write([batch])
        expect([...result!.outcomes]).toEqual(Array(5).fill(stored))
        expect(await seqs(store, 10)).toEqual([...Array(10).keys()])
        await store.close()
        const again = await openAt(place)
        expect([...(await again.write([batch]))[0]!.outcomes]).toEqual(Array(5).fill(duplicate))
        expect(await seqs(again, 10)).toEqual([...Array(10).keys()])
      })
    }
  }

  test('a manifest that cannot be written delays searching, and loses nothing', async () => {
    const place = await newPlace()
    const problems: unknown[] = []
    const store = await openAt(place, { onProblem: (error) => problems.push(error), indexIntervalMs: 100 })
    await store.write([eventBatch({ events: events(0, 5) })])
    armFaults('store-write=EIO')
    expect(await seqs(store, 5)).toEqual([0, 1, 2, 3, 4])
    expect(problems).toMatchObject([{ code: 'disk-failed', retryable: true }])
  })

  test('a record that cannot be written is not there, and may be written again', async () => {
    const store = await openAt(await newPlace())
    const record = { kind: 'alert', id: 'a', version: 1, updatedMs: 1, body: {} }
    armFaults('store-write=ENOSPC')
    await expect(store.putRecord(record)).rejects.toMatchObject({ code: 'disk-full', retryable: true })
    expect(await store.getRecord('alert', 'a', asking)).toBeUndefined()
    await store.putRecord(record)
    expect(await store.getRecord('alert', 'a', asking)).toEqual(record)
  })
})

describe('damage', () => {
  test('a torn end of the journal is cut off, wherever it was torn', async () => {
    const place = await newPlace()
    const store = await place.open({ indexIntervalMs: 60_000 })
    await store.write([eventBatch({ events: events(0, 3) })])
    const [journal] = await journals(place)
    const whole = (await stat(journal!)).size
    await store.write([eventBatch({ events: events(3, 3) })])
    const copy = await mkdtemp(join(tmpdir(), 'decklog-copy-'))
    await cp(place.directory, copy, { recursive: true })
    await rm(join(copy, 'store.lock'))
    await store.close()
    for (const cut of [1, 7, 8, 9, 60]) {
      await rm(place.directory, { recursive: true })
      await cp(copy, place.directory, { recursive: true })
      await truncate(journal!, whole + cut)
      const torn = await place.open()
      expect([...(await torn.write([eventBatch({ events: events(0, 6) })]))[0]!.outcomes]).toEqual([
        1, 1, 1, 0, 0, 0,
      ])
      expect(await seqs(torn, 6)).toEqual([0, 1, 2, 3, 4, 5])
      await torn.close()
    }
    await rm(copy, { recursive: true })
  })

  test('damage inside a journal that a later one vouches for is said, not skipped', async () => {
    const place = await newPlace()
    const first = await place.open({ indexIntervalMs: 60_000 })
    await first.write([eventBatch({ events: events(0, 3) })])
    await first.close()
    const second = await place.open({ indexIntervalMs: 60_000 })
    await second.write([eventBatch({ events: events(3, 3) })])
    await second.close()
    const [journal] = await journals(place)
    const file = await open(journal!, 'r+')
    await file.write(Buffer.from([0xff]), 0, 1, (await file.stat()).size - 5)
    await file.close()
    await expect(place.open()).rejects.toMatchObject({
      code: 'state-corrupt',
      message: expect.stringContaining(journal!) as unknown,
    })
  })

  test('a torn end of manifest and records is cut off', async () => {
    const place = await newPlace()
    const store = await place.open()
    await store.write([eventBatch({ events: events(0, 3) })])
    await searchable(store, 3)
    await store.putRecord({ kind: 'alert', id: 'a', version: 1, updatedMs: 1, body: {} })
    await store.close()
    for (const name of ['manifest.log', 'records.log']) await appendFile(join(place.directory, name), 'torn')
    const again = await place.open()
    await again.putRecord({ kind: 'alert', id: 'a', version: 2, updatedMs: 2, body: {} })
    await again.write([eventBatch({ events: events(3, 3) })])
    await searchable(again, 6)
    await again.close()
    const last = await openAt(place)
    expect(await last.getRecord('alert', 'a', asking)).toMatchObject({ version: 2 })
    expect(await seqs(last, 6)).toEqual([0, 1, 2, 3, 4, 5])
  })

  test('documents that cannot be unpacked harm only themselves', async () => {
    const store = await openAt(await newPlace())
    const bad = { ...eventBatch({ events: events(0, 2), codec: 'zstd' }), documents: Buffer.from('no zstd') }
    await store.write([bad, eventBatch({ events: events(2, 2) })])
    expect(await seqs(store, 4)).toHaveLength(4)
    const hit = await store.get(`${streamName(1)}:0`, asking)
    expect(hit!.json).toContain('document-unreadable')
  })

  test('an index that points outside its documents is rejected, its neighbours are stored', async () => {
    const store = await openAt(await newPlace())
    const results = await store.write([
      { ...eventBatch({ stream: streamName(2) }), documentBytes: 3 },
      eventBatch(),
    ])
    expect(results.map((result) => [...result.outcomes])).toEqual([[Outcome.reject], [stored]])
    expect(results[0]!.reasons.get(0)).toMatch(/damaged/)
  })
})

describe('the directory', () => {
  test('is held by one store; the message names the holder', async () => {
    const place = await newPlace()
    await openAt(place)
    const message = expect.stringContaining(String(process.pid)) as unknown
    await expect(place.open()).rejects.toMatchObject({ code: 'data-dir-held', message })
  })

  test('of a dead process, of a reused pid and of another boot is taken over', async () => {
    const place = await newPlace()
    const lock = join(place.directory, 'store.lock')
    const child = spawn(process.execPath, ['-e', ''])
    await new Promise((resolve) => child.on('exit', resolve))
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
    for (const holder of [
      { pid: child.pid, started: '1', boot },
      { pid: process.pid, started: '1', boot },
      {
        pid: process.pid,
        started: (await readFile('/proc/self/stat', 'utf8')).split(') ')[1]!.split(' ')[19],
        boot: 'other',
      },
    ]) {
      await writeFile(lock, JSON.stringify(holder))
      const store = await place.open()
      await store.close()
    }
    await writeFile(lock, 'torn')
    await (await place.open()).close()
  })

  test('opened to read only is read with nobody running, beside a dead lock, and is not changed', async () => {
    const place = await newPlace()
    const store = await place.open()
    await store.write([eventBatch({ events: events(0, 3) })])
    await searchable(store, 3)
    await store.close()
    const late = await place.open({ indexIntervalMs: 60_000 })
    await late.write([eventBatch({ events: events(3, 3) })])
    await late.close()
    await writeFile(
      join(place.directory, 'store.lock'),
      JSON.stringify({ pid: 999_999_999, started: '1', boot: 'x' }),
    )
    const before = await readdir(place.directory, { recursive: true })
    const reader = await openAt(place, { readOnly: true })
    expect(await seqs(reader, 6)).toEqual([0, 1, 2, 3, 4, 5])
    expect((await reader.scan({ ...asking, cursor: '', limit: 10 })).hits).toHaveLength(6)
    expect(await reader.coverage(streamName(1), asking)).toMatchObject({ lowWater: 6 })
    await expect(reader.write([eventBatch()])).rejects.toMatchObject({ code: 'usage' })
    expect(await readdir(place.directory, { recursive: true })).toEqual(before)
  })
})

describe('room', () => {
  test('a write waits while too much is not yet searchable, of its class only, and can be given up', async () => {
    const store = await openAt(await newPlace(), { backlogBytesMax: 1, indexIntervalMs: 60_000 })
    await store.write([eventBatch({ class: 'pod' })])
    const end = new AbortController()
    const waiting = store.write([eventBatch({ class: 'pod', firstSeq: 1 })], { signal: end.signal })
    await store.write([eventBatch({ class: 'ssh', stream: streamName(2) })])
    end.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'aborted' })
    expect(await store.coverage(streamName(1), asking)).toMatchObject({ lowWater: 1 })
  })

  test('a write that waits goes on when there is room', async () => {
    const store = await openAt(await newPlace(), { backlogBytesMax: 1, indexIntervalMs: 10 })
    for (let seq = 0; seq < 5; seq++) await store.write([eventBatch({ firstSeq: seq })])
    expect(await seqs(store, 5)).toEqual([0, 1, 2, 3, 4])
  })

  test('the journal is deleted once it is in segments, and repeats are told all the same', async () => {
    const place = await newPlace()
    const store = await place.open({ journalFileBytes: 1_000_000 })
    const filler = 'x'.repeat(100_000)
    const batches = Array.from({ length: 150 }, (_, seq) =>
      eventBatch({ events: [{ seq, document: { filler } }] }),
    )
    for (let at = 0; at < batches.length; at += 10) {
      await store.write(batches.slice(at, at + 10))
      await searchable(store, at + 10)
    }
    await store.close()
    const sizes = await Promise.all((await journals(place)).map(async (path) => (await stat(path)).size))
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(4_000_000)
    const again = await openAt(place)
    const results = await again.write(batches)
    expect(new Set(results.flatMap((result) => [...result.outcomes]))).toEqual(new Set([duplicate]))
  })
})

test('killed while expired segments are deleted: what is left is whole, and the rest expires', async () => {
  const place = await newPlace()
  const batches = [0, 1, 2, 3].map((at) => eventBatch({ events: events(at * 10, 10) }))
  await place.writeAndDie(batches, 'retention-inside=kill@2', { expire: true })
  const store = await openAt(place)
  await searchable(store, 20)
  const { total } = await store.search({ ...asking, query: { kind: 'all' }, limit: 0, total: 'exact' })
  expect(total.value).toBe(20)
  const results = await store.write(batches)
  expect(new Set(results.flatMap((result) => [...result.outcomes]))).toEqual(new Set([duplicate]))
  const report = await store.expire(
    [{ class: 'ssh', hotMs: 1, whenFull: 'refuse' }],
    Date.UTC(2030, 0),
    async () => true,
  )
  expect(report.deleted.reduce((sum, range) => sum + range.events, 0)).toBe(20)
  expect((await store.usage()).length).toBe(0)
  const left = await readdir(join(place.directory, 'segments'), { recursive: true })
  expect(left.filter((name) => name.endsWith('.parquet'))).toEqual([])
})
