import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import type { RawBatch } from '../../src/core/batch.ts'
import { chainHead } from '../../src/core/identity.ts'
import type { Archive, ArchivedBatch, SegmentManifest } from '../../src/ports/archive.ts'
import type { Asking } from '../../src/ports/store.ts'
import { manualClock } from '../support/manual-clock.ts'
import { rawBatch, rawChain } from '../support/raw-batches.ts'

export interface ArchiveOpening {
  readonly clock: ReturnType<typeof manualClock>
  readonly sealBytes?: number
  readonly sealAgeMs?: number
}

/** A place for one archive: opened, closed and opened again, and spoilt from outside. */
export interface ArchivePlace {
  open(options: ArchiveOpening): Promise<Archive>
  /** Changes one byte of a sealed segment, or deletes it. */
  spoil(name: string, how: 'byte' | 'cut' | 'delete'): Promise<void>
}

/** What an `Archive` promises, as tests. See `src/ports/archive.ts`. `newPlace` gives an empty one. */
export function archiveContract(name: string, newPlace: () => Promise<ArchivePlace>): void {
  describe(`archive contract: ${name}`, () => {
    const opened: Archive[] = []
    const clock = manualClock()
    const open = async (place: ArchivePlace, options: Partial<ArchiveOpening> = {}): Promise<Archive> => {
      const archive = await place.open({ clock, ...options })
      opened.push(archive)
      return archive
    }
    const openNew = async (options: Partial<ArchiveOpening> = {}): Promise<Archive> =>
      open(await newPlace(), options)
    afterEach(async () => {
      for (const archive of opened.splice(0)) await archive.close()
    })

    test('gives back what was appended, every field and byte, in order of arrival', async () => {
      const archive = await openNew()
      const every = rawBatch({
        payload: Uint8Array.from({ length: 256 }, (_, i) => i),
        codec: 'zstd',
        marks: ['idle'],
        losses: [{ firstSeq: 3, count: 0, bytes: -1, reason: 'truncated', detail: 'x' }],
        extra: { later: 'thing' },
        keyEpoch: 7,
        signature: Buffer.from('signed'),
        fragment: { index: 2, last: false },
        firstSeq: 2 ** 40,
        monotonicNs: 2n ** 63n,
      })
      const items = [every, ...rawChain(3, { stream: 'f'.repeat(24) })].map((batch, i) => ({
        batch,
        receivedMs: 1000 + i,
      }))
      await archive.append(items.slice(0, 2))
      await archive.append(items.slice(2))
      const [manifest] = await archive.seal({ all: true })
      expect((await readAll(archive, manifest!.name)).map(comparable)).toEqual(items.map(comparable))
    })

    test('lists nothing before it is sealed, and the same manifest as seal gave afterwards', async () => {
      const archive = await openNew()
      await archive.append(archived(rawChain(2)))
      expect(await listAll(archive)).toEqual([])
      const sealed = await archive.seal({ all: true })
      expect(sealed).toHaveLength(1)
      expect(await listAll(archive)).toEqual(sealed)
      expect(await archive.seal({ all: true })).toEqual([])
    })

    test('says in the manifest what it holds', async () => {
      const archive = await openNew()
      const chain = rawChain(4, { wallTimeMs: 5000 })
      const other = rawChain(1, { stream: 'e'.repeat(24), firstSeq: 10, records: 3, wallTimeMs: 7000 })
      await archive.append(archived([chain[0]!, chain[1]!, chain[3]!, ...other]))
      const [manifest] = await archive.seal({ all: true })
      expect(manifest).toMatchObject({
        tenant: 'prod-eu-1',
        class: 'pod',
        batches: 4,
        records: 9,
        minTimeMs: 5000,
        maxTimeMs: 7000,
      })
      expect(manifest!.streams).toEqual([
        {
          stream: chain[0]!.stream,
          ranges: [
            [0, 3],
            [6, 7],
          ],
          headBefore: '00'.repeat(32),
          headAfter: headOf(chain[3]!),
        },
        {
          stream: other[0]!.stream,
          ranges: [[10, 12]],
          headBefore: '00'.repeat(32),
          headAfter: headOf(other[0]!),
        },
      ])
    })

    test('finds the ends of a chain also where batches came in another order', async () => {
      const archive = await openNew()
      const chain = rawChain(4, { firstSeq: 100, previous: Buffer.alloc(32, 7) })
      for (const i of [2, 3, 1, 0]) await archive.append(archived([chain[i]!]))
      const [manifest] = await archive.seal({ all: true })
      expect(manifest!.streams[0]).toMatchObject({
        ranges: [[100, 107]],
        headBefore: '07'.repeat(32),
        headAfter: headOf(chain[3]!),
      })
    })

    test('keeps a batch once that comes again, in one call or in several', async () => {
      const archive = await openNew()
      const [one, two] = rawChain(2)
      await archive.append(archived([one!, one!]))
      await archive.append(archived([one!, two!]))
      await Promise.all([archive.append(archived([two!])), archive.append(archived([two!]))])
      // Sent again after a crash it has another clock and another run.
      await archive.append(
        archived([{ ...two!, wallTimeMs: 1, monotonicNs: 1n, sender: { id: 's', run: '2' } }]),
      )
      const [manifest] = await archive.seal({ all: true })
      expect(manifest!.batches).toBe(2)
    })

    test('keeps apart what only looks alike: marks, fragments, other bytes at the same place', async () => {
      const archive = await openNew()
      const idle = rawBatch({ text: '', firstSeq: 2, marks: ['idle'] })
      const closed = rawBatch({ text: '', firstSeq: 2, marks: ['closed'], previous: chainHead(idle) })
      const parts = [0, 1, 2].map((index) =>
        rawBatch({
          payload: Buffer.alloc(10),
          count: index === 2 ? 1 : 0,
          firstSeq: 3,
          fragment: { index, last: index === 2 },
        }),
      )
      const forked = [rawBatch({ text: 'a\n', firstSeq: 9 }), rawBatch({ text: 'b\n', firstSeq: 9 })]
      await archive.append(archived([idle, closed, ...parts, ...forked]))
      const [manifest] = await archive.seal({ all: true })
      expect(manifest).toMatchObject({ batches: 7, records: 3 })
      expect(manifest!.streams[0]!.ranges).toEqual([
        [3, 3],
        [9, 9],
      ])
    })

    test('says which records stand in an earlier segment too', async () => {
      const archive = await openNew()
      const chain = rawChain(3)
      await archive.append(archived(chain.slice(0, 2)))
      await archive.seal({ all: true })
      await clock.advance(1000)
      await archive.append(archived(chain.slice(1)))
      await archive.seal({ all: true })
      const [first, second] = await listAll(archive)
      expect(first!.repeated).toBeUndefined()
      expect(second!.repeated).toEqual([{ stream: chain[0]!.stream, ranges: [[2, 3]] }])
    })

    test('seals by age and by size, and leaves what is young and small', async () => {
      const archive = await openNew({ sealAgeMs: 60_000, sealBytes: 20_000 })
      await archive.append(archived(rawChain(1)))
      await clock.advance(59_000)
      expect(await archive.seal()).toEqual([])
      await clock.advance(1000)
      expect(await archive.seal()).toHaveLength(1)
      const noise = createHash('shake256', { outputLength: 30_000 }).update('noise').digest()
      await archive.append(archived([rawBatch({ payload: noise, class: 'ssh' })]))
      await archive.append(archived([rawBatch({ class: 'ssh', firstSeq: 400_000 })]))
      await archive.seal()
      const [sealed] = await listAll(archive, { class: 'ssh' })
      expect(sealed).toMatchObject({ batches: 1 })
      expect(await archive.seal({ all: true })).toHaveLength(1)
    })

    test('expires by class after its time, asks first, and keeps the manifest', async () => {
      const archive = await openNew()
      await archive.append(archived(['pod', 'ssh', 'node'].map((cls) => rawBatch({ class: cls }))))
      await archive.seal({ all: true })
      const rules = [
        { class: 'pod', archiveMs: 1_000 },
        { class: 'ssh', archiveMs: 1_000 },
        { class: 'other', archiveMs: 0 },
      ]
      const mayDelete = (manifest: SegmentManifest): Promise<boolean> =>
        Promise.resolve(manifest.class !== 'ssh')
      expect(await archive.expire(rules, clock.now() + 900, mayDelete)).toEqual([])
      const later = clock.now() + 1_001
      expect((await archive.expire(rules, later, mayDelete)).map((one) => one.class)).toEqual(['pod'])
      expect(await archive.expire(rules, later + 5, mayDelete)).toEqual([])
      const listed = await listAll(archive)
      expect(listed.map((one) => [one.class, one.expiredMs])).toEqual([
        ['node', undefined],
        ['pod', later],
        ['ssh', undefined],
      ])
      const [expired, kept] = [
        listed.find((one) => one.class === 'pod')!,
        listed.find((one) => one.class === 'ssh')!,
      ]
      await expect(readAll(archive, expired.name)).rejects.toMatchObject({ code: 'usage' })
      expect(await readAll(archive, kept.name)).toHaveLength(1)
    })

    test('keeps tenants and classes apart, and shows each only to those who may see it', async () => {
      const archive = await openNew()
      const batches = ['a', 'b'].flatMap((tenant) =>
        ['pod', 'ssh'].map((cls) => rawBatch({ tenant, class: cls })),
      )
      await archive.append(archived(batches))
      expect(await archive.seal({ all: true })).toHaveLength(4)
      const scope = { clusters: ['a'], classes: ['ssh'] }
      const seen = await listAll(archive, { scope })
      expect(seen.map((manifest) => [manifest.tenant, manifest.class])).toEqual([['a', 'ssh']])
      const hidden = (await listAll(archive)).find(({ tenant }) => tenant === 'b')!
      await expect(readAll(archive, hidden.name, { scope })).rejects.toMatchObject({ code: 'usage' })
      expect((await listAll(archive, { class: 'pod' })).map(({ tenant }) => tenant)).toEqual(['a', 'b'])
    })

    test('takes foreign names as names: nothing leaves its place, nothing collides', async () => {
      const archive = await openNew()
      const tenants = [
        '../../../tmp/evil',
        '/etc',
        '..',
        '',
        'Prod',
        'prod',
        'prod ',
        'x'.repeat(300),
        'straße',
        'a/b',
        'a\\b',
        'a\0b',
        'con',
      ]
      await archive.append(archived(tenants.map((tenant) => rawBatch({ tenant, class: '../ssh' }))))
      const sealed = await archive.seal({ all: true })
      expect(sealed.map(({ tenant }) => tenant).sort()).toEqual([...tenants].sort())
      expect(new Set(sealed.map(({ name }) => name.slice(0, name.indexOf('/')))).size).toBe(tenants.length)
      for (const manifest of sealed)
        expect((await readAll(archive, manifest.name))[0]!.batch.tenant).toBe(manifest.tenant)
      for (const name of [
        '../../etc/passwd',
        '',
        'a/b/2026-11-24/000000-000000000000.avro',
        `${sealed[0]!.name}.manifest.json`,
      ]) {
        await expect(readAll(archive, name)).rejects.toMatchObject({ code: 'usage' })
      }
    })

    test('has after closing and opening what was acknowledged, and still knows repeats', async () => {
      const place = await newPlace()
      const chain = rawChain(4)
      const before = await open(place)
      await before.append(archived(chain.slice(0, 3)))
      await before.close()
      const after = await open(place)
      await after.append(archived(chain.slice(1)))
      const [manifest] = await after.seal({ all: true })
      expect(manifest).toMatchObject({ batches: 4, records: 8 })
      expect((await readAll(after, manifest!.name)).map(({ batch }) => batch.firstSeq)).toEqual([0, 2, 4, 6])
      await after.close()
      expect(await listAll(await open(place))).toEqual([manifest])
    })

    test('takes many appends at once and keeps the order of calls', async () => {
      const archive = await openNew()
      const chain = rawChain(300)
      await Promise.all(chain.map((batch) => archive.append(archived([batch]))))
      const [manifest] = await archive.seal({ all: true })
      expect((await readAll(archive, manifest!.name)).map(({ batch }) => batch.firstSeq)).toEqual(
        chain.map(({ firstSeq }) => firstSeq),
      )
      expect(manifest!.streams[0]!.ranges).toEqual([[0, 599]])
    })

    test.each(['byte', 'cut', 'delete'] as const)(
      'does not give one batch of a segment that was spoilt: %s',
      async (how) => {
        const place = await newPlace()
        const archive = await open(place)
        for (const batch of rawChain(20)) await archive.append(archived([batch]))
        const [manifest] = await archive.seal({ all: true })
        await place.spoil(manifest!.name, how)
        const seen: unknown[] = []
        const reading = (async () => {
          for await (const item of archive.read(manifest!.name, asking)) seen.push(item)
        })()
        await expect(reading).rejects.toMatchObject({ code: 'state-corrupt', retryable: false })
        expect(seen).toEqual([])
      },
    )

    test('gives up an append whose signal has fired, and works on', async () => {
      const archive = await openNew()
      await expect(
        archive.append(archived(rawChain(1)), { signal: AbortSignal.abort() }),
      ).rejects.toMatchObject({ code: 'aborted' })
      await archive.append(archived(rawChain(2)))
      expect((await archive.seal({ all: true }))[0]).toMatchObject({ batches: 2 })
    })

    test('refuses everything once it is closed; closing again does nothing', async () => {
      const archive = await openNew()
      await archive.close()
      await archive.close()
      await expect(archive.append(archived(rawChain(1)))).rejects.toMatchObject({ code: 'closed' })
      await expect(archive.seal()).rejects.toMatchObject({ code: 'closed' })
      await expect(listAll(archive)).rejects.toMatchObject({ code: 'closed' })
    })
  })
}

export const asking: Asking = { principal: { id: 'local' }, scope: { clusters: '*', classes: '*' } }

export function archived(batches: readonly RawBatch[]): ArchivedBatch[] {
  return batches.map((batch) => ({ batch, receivedMs: 1_795_485_000_123 }))
}

export async function listAll(
  archive: Archive,
  options: Partial<Asking & { class: string }> = {},
): Promise<SegmentManifest[]> {
  return collect(archive.list({ ...asking, ...options }))
}

export async function readAll(
  archive: Archive,
  name: string,
  options: Partial<Asking> = {},
): Promise<ArchivedBatch[]> {
  return collect(archive.read(name, { ...asking, ...options }))
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

function headOf(batch: RawBatch): string {
  return Buffer.from(chainHead(batch)).toString('hex')
}

/** Buffers and byte arrays of the same bytes are the same. */
function comparable({ batch, receivedMs }: ArchivedBatch): unknown {
  const entries = Object.entries(batch).map(([key, value]) => [
    key,
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  ])
  return { receivedMs, ...Object.fromEntries(entries) }
}
