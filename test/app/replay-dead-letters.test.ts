import { expect, test, vi } from 'vitest'
import { replayDeadLetters } from '../../src/app/replay-dead-letters.ts'
import { systemClock } from '../../src/app/system-clock.ts'
import { openMemoryBus } from '../../src/bus/memory.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import type { Bus } from '../../src/ports/bus.ts'
import { type DeadLetter, keepDeadLetters, messageOf } from '../../src/roles/index/dead-letters.ts'
import { MemoryStore } from '../support/memory-store.ts'

const ASKING = { principal: { id: 'test' }, scope: { clusters: '*', classes: '*' } } as const
const quiet = (): void => {}
const LOG = { debug: quiet, info: quiet, warn: quiet, error: quiet }

const letter: DeadLetter = {
  id: 'event:s:7',
  reason: 'rejected-by-store',
  detail: 'no such field',
  class: 'ssh',
  stream: 's',
  firstSeq: 7,
  count: 1,
  atMs: 1,
  kind: 'event-batch',
  bytes: Buffer.from('a batch').toString('base64'),
}

/** A bus whose reader of events either takes them or, as the indexer does, writes the letter again before it acknowledges. */
async function kept(isMended: boolean): Promise<{ bus: Bus; store: MemoryStore }> {
  const store = new MemoryStore()
  const bus: Bus = openMemoryBus({
    clock: systemClock,
    telemetry: new Telemetry(),
    groupsOf: () => ['index'],
  })
  await keepDeadLetters({ bus, store, log: LOG })
  await bus.subscribe({
    group: 'index',
    topics: ['decklog.events.ssh'],
    bytesMax: 1_000_000,
    handle: (delivery) => {
      if (isMended) return delivery.ack()
      void bus.publish('decklog.dead-letter', [messageOf(letter)]).then(() => delivery.ack())
    },
  })
  await bus.publish('decklog.dead-letter', [messageOf(letter)])
  await vi.waitFor(async () => expect(await store.getRecord('dead-letter', letter.id, ASKING)).toBeDefined())
  // A person comes later than in the same millisecond.
  await systemClock.sleep(5)
  return { bus, store }
}

test('a letter whose cause is mended leaves the list', async () => {
  const { bus, store } = await kept(true)
  expect(await replayDeadLetters({ bus, store, ids: [letter.id] })).toEqual({
    replayed: [letter.id],
    kept: [],
  })
  expect(await store.getRecord('dead-letter', letter.id, ASKING)).toBeUndefined()
  await bus.close()
})

test('a letter whose cause is not mended comes again, and stays', async () => {
  const { bus, store } = await kept(false)
  expect(await replayDeadLetters({ bus, store, ids: [letter.id] })).toEqual({
    replayed: [],
    kept: [{ id: letter.id, reason: 'its cause is not mended: no such field' }],
  })
  expect(await store.getRecord('dead-letter', letter.id, ASKING)).toMatchObject({ body: { id: letter.id } })
  await bus.close()
})
