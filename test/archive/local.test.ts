import { createHash } from 'node:crypto'
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { zstdDecompress } from 'node:zlib'
import avro from 'avsc'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { decodeLong, encodeLong } from '../../src/archive/local/container-file.ts'
import type { RawBatch } from '../../src/core/batch.ts'
import { armFaults } from '../../src/core/faults.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import { archiveContract, archived, listAll, readAll } from '../contracts/archive.ts'
import { rawBatch, rawChain } from '../support/raw-batches.ts'
import { emptyDirectory, localPlace, openAt } from './local-place.ts'

archiveContract('local', localPlace)

const openPath = (directory: string): string =>
  join(directory, 'open', readdirSync(join(directory, 'open'))[0]!)
const seqs = (items: readonly { batch: { firstSeq: number } }[]): number[] =>
  items.map(({ batch }) => batch.firstSeq)

describe('a segment file', () => {
  it('is an Avro object container file that any Avro reader reads', async () => {
    const directory = emptyDirectory()
    await using archive = await openAt(directory)
    const chain = rawChain(20)
    for (const batch of chain) await archive.append(archived([batch]))
    const [manifest] = await archive.seal({ all: true })
    const codecs = {
      zstandard: (data: Buffer, done: (error: Error | null, result: Buffer) => void) =>
        zstdDecompress(data, done),
    }
    const decoder = avro.createFileDecoder(join(directory, 'sealed', manifest!.name), { codecs })
    const objects = (await decoder.toArray()) as {
      receivedMs: number
      batch: { firstSeq: number; payload: Buffer }
    }[]
    expect(objects.map(({ batch }) => batch.payload.toString())).toEqual(
      chain.map(({ payload }) => Buffer.from(payload).toString()),
    )
    expect(objects[0]!.receivedMs).toBe(1_795_485_000_123)
  })

  it('codes every whole number as Avro does', () => {
    const long = avro.Type.forSchema('long')
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        // avsc itself rounds beyond 2^52.
        if (Math.abs(value) < 2 ** 52) expect(encodeLong(value).equals(long.toBuffer(value))).toBe(true)
        expect(decodeLong(encodeLong(value), 0)).toEqual({ value, next: encodeLong(value).length })
      }),
    )
    expect(decodeLong(Buffer.alloc(20, 0xff), 0)).toBeUndefined()
  })
})

describe('after a crash', () => {
  it('a torn last block is cut at every length, what was acknowledged stays, and it goes on', async () => {
    const chain = rawChain(4)
    const lengths = [1, 2, 3, 10, 17, 40, -1, -16, -17]
    for (const length of lengths) {
      const directory = emptyDirectory()
      const first = await openAt(directory)
      await first.append(archived([chain[0]!]))
      const acknowledged = statSync(openPath(directory)).size
      await first.append(archived([chain[1]!]))
      await first.close()
      const whole = statSync(openPath(directory)).size
      truncateSync(openPath(directory), length > 0 ? acknowledged + length : whole + length)
      const remarks: string[] = []
      await using archive = await openAt(directory, { onRemark: (remark) => remarks.push(remark) })
      expect(remarks).toEqual([expect.stringContaining('torn block')])
      expect(statSync(openPath(directory)).size).toBe(acknowledged)
      await archive.append(archived(chain.slice(1)))
      const [manifest] = await archive.seal({ all: true })
      expect(seqs(await readAll(archive, manifest!.name))).toEqual([0, 2, 4, 6])
    }
  })

  it.each([
    ['zeros', Buffer.alloc(500)],
    ['noise', Buffer.from(Array.from({ length: 500 }, (_, i) => (i * 2654435761) >>> 24))],
  ])('a tail of %s is cut', async (_, tail) => {
    const directory = emptyDirectory()
    const first = await openAt(directory)
    await first.append(archived(rawChain(2)))
    await first.close()
    appendFileSync(openPath(directory), tail)
    await using archive = await openAt(directory)
    const [manifest] = await archive.seal({ all: true })
    expect(seqs(await readAll(archive, manifest!.name))).toEqual([0, 2])
  })

  it('damage before a whole block is not taken for a crash: the file is set aside whole, and the archive goes on', async () => {
    const directory = emptyDirectory()
    const first = await openAt(directory)
    await first.append(archived([rawBatch()]))
    const at = statSync(openPath(directory)).size
    for (const batch of rawChain(2, { firstSeq: 10 })) await first.append(archived([batch]))
    await first.close()
    const bytes = readFileSync(openPath(directory))
    bytes[at + 20]! ^= 0xff
    writeFileSync(openPath(directory), bytes)
    const remarks: string[] = []
    await using archive = await openAt(directory, { onRemark: (remark) => remarks.push(remark) })
    expect(remarks).toEqual([expect.stringContaining('set aside')])
    const [aside] = readdirSync(join(directory, 'damaged'))
    expect(readFileSync(join(directory, 'damaged', aside!)).equals(bytes)).toBe(true)
    await archive.append(archived([rawBatch()]))
    expect(await archive.seal({ all: true })).toHaveLength(1)
  })

  it('a segment that was sealed and not moved is brought to its place', async () => {
    for (const moved of ['nothing', 'segment'] as const) {
      const directory = emptyDirectory()
      const first = await openAt(directory)
      await first.append(archived(rawChain(2)))
      const [manifest] = await first.seal({ all: true })
      await first.close()
      const place = join(directory, 'sealed', manifest!.name)
      const onTheWay = join(directory, 'open', manifest!.name.split('/').at(-1)!)
      renameSync(`${place}.manifest.json`, `${onTheWay}.manifest.json`)
      if (moved === 'nothing') renameSync(place, onTheWay)
      await using archive = await openAt(directory)
      expect(await listAll(archive)).toEqual([manifest])
      expect(seqs(await readAll(archive, manifest!.name))).toEqual([0, 2])
      expect(readdirSync(join(directory, 'open'))).toEqual([])
    }
  })

  it('left temporary files and a segment without a batch disappear', async () => {
    const directory = emptyDirectory()
    mkdirSync(join(directory, 'open'), { recursive: true })
    writeFileSync(join(directory, 'open', '000000-000000000000.avro.tmp'), 'Obj')
    await using archive = await openAt(directory)
    expect(await archive.seal({ all: true })).toEqual([])
    expect(readdirSync(join(directory, 'open'))).toEqual([])
  })
})

describe('when the disk fails', () => {
  afterEach(() => armFaults(''))

  // At the first step the file is made, at the second its first block is written.
  it.each([
    ['ENOSPC', 1, 'disk-full'],
    ['ENOSPC', 2, 'disk-full'],
    ['EIO', 1, 'disk-failed'],
    ['EIO', 2, 'disk-failed'],
    ['EROFS', 2, 'disk-failed'],
  ])(
    '%s at step %i acknowledges nothing, can be tried again, and leaves no trace',
    async (fault, at, code) => {
      const directory = emptyDirectory()
      const telemetry = new Telemetry()
      await using archive = await openAt(directory, { telemetry })
      const chain = rawChain(3)
      const append = (batch: RawBatch): Promise<void> => archive.append(archived([batch]))
      armFaults(`archive-append=${fault}@${at}*3`)
      for (let i = 0; i < 3; i++)
        await expect(append(chain[0]!)).rejects.toMatchObject({ code, retryable: true })
      await append(chain[0]!)
      armFaults(`archive-append=${fault}`)
      await expect(append(chain[1]!)).rejects.toMatchObject({ code, retryable: true })
      await append(chain[1]!)
      armFaults(`archive-append=${fault}`)
      await expect(append(chain[2]!)).rejects.toMatchObject({ code, retryable: true })
      expect(telemetry.get('decklog_archive_errors_total', { class: 'pod' })).toBe(5)
      const [manifest] = await archive.seal({ all: true })
      expect(seqs(await readAll(archive, manifest!.name))).toEqual([0, 2])
      expect(readdirSync(join(directory, 'open'))).toEqual([])
    },
  )

  it('what a failed write left behind is cut off, also where the next block is shorter', async () => {
    await using archive = await openAt(emptyDirectory())
    await archive.append(archived([rawBatch()]))
    const large = createHash('shake256', { outputLength: 100_000 }).update('noise').digest()
    armFaults('archive-append=ENOSPC')
    await expect(
      archive.append(archived([rawBatch({ payload: large, firstSeq: 10 })])),
    ).rejects.toMatchObject({ code: 'disk-full' })
    await archive.append(archived([rawBatch({ firstSeq: 4000 })]))
    const [manifest] = await archive.seal({ all: true })
    expect(seqs(await readAll(archive, manifest!.name))).toEqual([0, 4000])
  })

  it('a seal that fails leaves the segment open and is done later', async () => {
    const directory = emptyDirectory()
    await using archive = await openAt(directory)
    const chain = rawChain(2)
    await archive.append(archived([chain[0]!]))
    armFaults('seal-inside=ENOSPC*2')
    for (let i = 0; i < 2; i++)
      await expect(archive.seal({ all: true })).rejects.toMatchObject({ code: 'disk-full', retryable: true })
    await archive.append(archived([chain[1]!]))
    const [manifest] = await archive.seal({ all: true })
    expect(seqs(await readAll(archive, manifest!.name))).toEqual([0, 2])
  })

  it('an append is safe although the seal that follows it fails', async () => {
    await using archive = await openAt(emptyDirectory(), { sealBytes: 1 })
    armFaults('seal-inside=EIO')
    await archive.append(archived(rawChain(1)))
    expect(await archive.seal()).toHaveLength(1)
  })
})

describe('a manifest that was spoilt', () => {
  it('is named, and does not hide the others', async () => {
    const directory = emptyDirectory()
    await using archive = await openAt(directory)
    for (const cls of ['pod', 'ssh', 'node']) await archive.append(archived([rawBatch({ class: cls })]))
    const sealed = await archive.seal({ all: true })
    const victim = sealed.find((manifest) => manifest.class === 'node')!
    writeFileSync(join(directory, 'sealed', `${victim.name}.manifest.json`), '{"name":')
    const seen: string[] = []
    const listing = (async () => {
      for await (const manifest of archive.list({
        principal: { id: 'local' },
        scope: { clusters: '*', classes: '*' },
      }))
        seen.push(manifest.class)
    })()
    await expect(listing).rejects.toMatchObject({ code: 'state-corrupt' })
    expect(seen).toEqual(['pod', 'ssh'])
    await expect(readAll(archive, victim.name)).rejects.toMatchObject({ code: 'state-corrupt' })
    expect(dirname(victim.name)).toMatch(/^prod-eu-1\/node\/2026-11-24$/)
  })
})
