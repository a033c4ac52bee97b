import { expect, test } from 'vitest'
import { openMemoryBus } from '../../src/bus/memory.ts'
import { encodeEventBatch } from '../../src/codec/event-batch.ts'
import { DecklogError } from '../../src/core/errors.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { Outcome } from '../../src/ports/store.ts'
import { startIndexRole } from '../../src/roles/index/index-role.ts'
import type { Log } from '../../src/roles/log.ts'
import { batchOf } from '../support/event-batches.ts'
import { MemoryStore } from '../support/memory-store.ts'

/** Writes one event to a store that `refuse`s it so often; returns what the role has said. */
async function written(refusals: number, refuse: MemoryStore['write']): Promise<string[]> {
  const clock: Clock = { now: () => 0, monotonicNs: () => 0n, sleep: () => Promise.resolve() }
  const bus = openMemoryBus({ clock, groupsOf: () => ['index'] })
  const store = new MemoryStore()
  const write = store.write.bind(store)
  let left = refusals
  store.write = (...asked) => (left-- > 0 ? refuse(...asked) : write(...asked))
  const said: string[] = []
  const say = (_: object, message: string): void => void said.push(message)
  const log: Log = { debug: say, info: say, warn: say, error: say }
  const role = await startIndexRole({ bus, store, classes: ['pod'], clock, telemetry: new Telemetry(), log })
  const value = encodeEventBatch(batchOf([{ message: 'a' }]))
  await bus.publish('decklog.events.pod', [{ key: 'a', value, headers: {} }])
  await role.close()
  return said
}

test('a store that refuses for long is said once, and so is its recovery', async () => {
  const said = await written(50, () => Promise.reject(new DecklogError('disk-full', 'class pod is full')))
  expect(said).toEqual([
    'writing class pod to the store: class pod is full; trying again',
    'writing class pod to the store: it works again',
  ])
})

const again: MemoryStore['write'] = (batches) =>
  Promise.resolve(
    batches.map(() => ({
      outcomes: Uint8Array.of(Outcome.retry),
      reasons: new Map([[0, 'a shard is moving']]),
    })),
  )

test('a store that wants events again and again is said, with its reason; once or twice is nothing', async () => {
  expect(await written(2, again)).toEqual([])
  expect(await written(50, again)).toEqual([
    'writing class pod to the store: a shard is moving; trying again',
    'writing class pod to the store: it works again',
  ])
})
