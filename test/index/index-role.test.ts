import { expect, test } from 'vitest'
import { openMemoryBus } from '../../src/bus/memory.ts'
import { encodeEventBatch } from '../../src/codec/event-batch.ts'
import { DecklogError } from '../../src/core/errors.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { Outcome } from '../../src/ports/store.ts'
import { startIndexRole } from '../../src/roles/index/index-role.ts'
import type { Log } from '../../src/roles/log.ts'
import { extraOf } from '../../src/core/foreign-ids.ts'
import { batchOf, streamName } from '../support/event-batches.ts'
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

test('of copies with one id of their sender one is written, whoever brings it; the others are covered', async () => {
  const clock: Clock = { now: () => 0, monotonicNs: () => 0n, sleep: () => Promise.resolve() }
  const bus = openMemoryBus({ clock, groupsOf: () => ['index'] })
  const store = new MemoryStore()
  const claim = store.claim.bind(store)
  let refusals = 3
  store.claim = (claims) =>
    refusals-- > 0
      ? Promise.reject(new DecklogError('unreachable', 'away', { retryable: true }))
      : claim(claims)
  const say = (): void => undefined
  const log: Log = { debug: say, info: say, warn: say, error: say }
  const telemetry = new Telemetry()
  const role = await startIndexRole({ bus, store, classes: ['pod'], clock, telemetry, log })
  for (const [at, ids] of [
    ['x', 'y'],
    ['y', ''],
    ['x', 'y'],
  ].entries()) {
    const batch = batchOf([{ message: 'a' }, { message: 'b' }], { stream: streamName(at + 1), class: 'pod' })
    const value = encodeEventBatch({ ...batch, extra: extraOf(ids) })
    await bus.publish('decklog.events.pod', [{ key: batch.stream, value, headers: {} }])
  }
  await role.close()
  const asking = { principal: { id: 'test' }, scope: { clusters: '*', classes: '*' } as const }
  const { hits } = await store.search({ ...asking, query: { kind: 'all' }, limit: 10 })
  expect(hits.map(({ id }) => id).sort()).toEqual([
    `${streamName(1)}:0`,
    `${streamName(1)}:1`,
    `${streamName(2)}:1`,
  ])
  expect(await store.coverage(streamName(3), asking)).toMatchObject({ lowWater: 2, stored: 0 })
})
