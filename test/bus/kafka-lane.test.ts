import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { DecklogError } from '../../src/core/errors.ts'
import { Lane } from '../../src/bus/kafka/lane.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

test('a lane holds nothing of what is safe', async () => {
  const lane = laneOf()
  const held: WeakRef<Uint8Array>[] = []
  for (let i = 0; i < 10; i++) held.push(await sendOne(lane, i))
  // The last one may still lie in a register or on the stack of what has just run.
  await turn()
  collectGarbage()
  expect(held.slice(0, -1).filter((one) => one.deref() !== undefined)).toHaveLength(0)
  expect(lane.takeWaiting()).toEqual([])
})

function laneOf(): Lane {
  return new Lane({
    topic: 'decklog.raw.pod',
    partition: 0,
    sendBytesMax: 900_000,
    send: () => Promise.resolve(),
    renew() {},
    pause: () => Promise.resolve(),
    onRetry() {},
    onSafe: (entries) => entries.forEach(({ publish }) => publish.resolve()),
    refusal: () => new DecklogError('closed', 'refused'),
    onTopicRefused() {},
  })
}

async function sendOne(lane: Lane, n: number): Promise<WeakRef<Uint8Array>> {
  const value = new Uint8Array(1024).fill(n)
  const held = new WeakRef(value)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const publish = { left: 1, resolve, reject }
  lane.push({ message: { key: 'stream', value }, bytes: 1024, timestamp: '1', publish, cancelled: false })
  await promise
  return held
}
