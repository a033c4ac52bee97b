import { afterEach, describe, expect, it } from 'vitest'
import { openMemoryBus } from '../../src/bus/memory.ts'
import { decodeRawBatch, encodeRawBatch } from '../../src/codec/raw-batch.ts'
import type { RawBatch } from '../../src/core/batch.ts'
import { DecklogError, diskError } from '../../src/core/errors.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import type { Archive } from '../../src/ports/archive.ts'
import type { Bus } from '../../src/ports/bus.ts'
import { startArchiveRole, type ArchiveRoleOptions } from '../../src/roles/archive.ts'
import { listAll, readAll } from '../contracts/archive.ts'
import { manualClock } from '../support/manual-clock.ts'
import { rawBatch, rawChain } from '../support/raw-batches.ts'
import { emptyDirectory, openAt } from './local-place.ts'

describe('the archive role', () => {
  const open: AsyncDisposable[] = []
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
  })

  async function start(
    options: Partial<ArchiveRoleOptions> = {},
  ): Promise<ArchiveRoleOptions & { logged: string[]; clock: ReturnType<typeof manualClock> }> {
    const clock = manualClock()
    const telemetry = new Telemetry()
    const classes = ['pod', 'ssh']
    const bus = openMemoryBus({ clock, telemetry, groupsOf: () => ['archive'] })
    const archive = options.archive ?? (await openAt(emptyDirectory(), { clock, telemetry }))
    const logged: string[] = []
    const note = (_: object, message: string): unknown => logged.push(message)
    const log = { debug: note, info: note, warn: note, error: note }
    const all = { bus, archive, classes, clock, telemetry, log, decode: decodeRawBatch, ...options }
    open.push(archive, bus, await startArchiveRole(all))
    return { ...all, clock, logged }
  }

  it('acknowledges what is safe, and keeps it in the order of each stream', async () => {
    const { bus, archive } = await start()
    const chain = rawChain(50)
    const ssh = rawBatch({ class: 'ssh', stream: 'a'.repeat(24) })
    await Promise.all([...chain, ssh].map((batch) => publish(bus, batch)))
    const sealed = await archive.seal({ all: true })
    expect(sealed.map((manifest) => [manifest.class, manifest.batches])).toEqual(
      expect.arrayContaining([
        ['pod', 50],
        ['ssh', 1],
      ]),
    )
    const pods = sealed.find((manifest) => manifest.class === 'pod')!
    const items = await readAll(archive, pods.name)
    expect(items.map(({ batch }) => batch.firstSeq)).toEqual(chain.map(({ firstSeq }) => firstSeq))
    expect(items[0]!.receivedMs).toBe(Date.UTC(2026, 10, 24, 2, 0))
  })

  it('acknowledges nothing while the disk fails, waits longer each time, and goes on by itself', async () => {
    let calls = 0
    let broken = true
    const inner = await openAt(emptyDirectory())
    const archive = wrap(inner, async (batches) => {
      calls++
      if (broken) throw diskError(Object.assign(new Error('x'), { code: 'ENOSPC' }), 'append')
      return inner.append(batches)
    })
    const { bus, clock, logged } = await start({ archive })
    let safe = false
    const published = publish(bus, rawBatch()).then(() => (safe = true))
    for (let i = 0; i < 30; i++) await clock.advance(100)
    expect(safe).toBe(false)
    // 100, 200, 400, 800 and 1,600 ms lie within three seconds.
    expect(calls).toBe(5)
    broken = false
    for (let i = 0; i < 40; i++) await clock.advance(100)
    await published
    expect(logged).toEqual([expect.stringContaining('archiving waits'), 'archiving goes on'])
    expect(await inner.seal({ all: true })).toHaveLength(1)
  })

  it('one class that waits does not hold up another', async () => {
    const inner = await openAt(emptyDirectory())
    const archive = wrap(inner, async (batches) => {
      if (batches[0]!.batch.class === 'pod')
        throw diskError(Object.assign(new Error('x'), { code: 'EIO' }), 'append')
      return inner.append(batches)
    })
    const { bus } = await start({ archive })
    const stuck = publish(bus, rawBatch()).catch((error: unknown) => (error as DecklogError).code)
    await publish(bus, rawBatch({ class: 'ssh' }))
    await open.pop()![Symbol.asyncDispose]()
    await bus.close()
    expect(await stuck).toBe('closed')
  })

  it('gives a batch back to the bus when the archive refuses it for good, and does not drop it', async () => {
    const inner = await openAt(emptyDirectory())
    let refuse = true
    const archive = wrap(inner, async (batches) => {
      if (refuse) throw new DecklogError('internal', 'refused')
      return inner.append(batches)
    })
    const { bus, clock } = await start({ archive })
    const published = publish(bus, rawBatch())
    await clock.advance(1)
    refuse = false
    const ticking = tickUntil(clock, published)
    await published
    await ticking
    expect((await inner.seal({ all: true }))[0]).toMatchObject({ batches: 1 })
  })

  it('a message that is no batch is said and does not block what follows', async () => {
    const { bus, archive, telemetry, logged } = await start()
    await bus.publish('decklog.raw.pod', [{ key: 'x', value: Buffer.from('garbage') }])
    await publish(bus, rawBatch())
    expect(telemetry.get('decklog_archive_errors_total', { class: 'pod' })).toBe(1)
    expect(logged[0]).toContain('no raw batch')
    expect((await archive.seal({ all: true }))[0]).toMatchObject({ batches: 1 })
  })

  it('seals while it runs, at the age that is set', async () => {
    const { bus, archive, clock } = await start({ sealEveryMs: 1000 })
    await publish(bus, rawBatch())
    await clock.advance(299_000)
    await settled()
    expect(await listAll(archive)).toEqual([])
    while ((await listAll(archive)).length === 0) {
      await clock.advance(1000)
      await settled()
    }
    expect(await listAll(archive)).toHaveLength(1)
  })
})

function publish(bus: Bus, batch: RawBatch): Promise<void> {
  return bus.publish(`decklog.raw.${batch.class}`, [{ key: batch.stream, value: encodeRawBatch(batch) }])
}

/** An archive whose `append` is another one. */
function wrap(inner: Archive, append: Archive['append']): Archive {
  return {
    append,
    seal: (options) => inner.seal(options),
    list: (asked) => inner.list(asked),
    read: (name, asked) => inner.read(name, asked),
    expire: (rules, nowMs, mayDelete) => inner.expire(rules, nowMs, mayDelete),
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => inner.close(),
  }
}

async function tickUntil(clock: ReturnType<typeof manualClock>, done: Promise<unknown>): Promise<void> {
  let over = false
  void done.finally(() => (over = true))
  while (!over) await clock.advance(100)
}

/** Lets file operations that are under way come to their end. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50))
}
