import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openMemoryBus } from '../../src/bus/memory.ts'
import { manualClock } from '../support/manual-clock.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

test('a message that every group has acknowledged is held by nobody', async () => {
  await using bus = openMemoryBus({ clock: manualClock() })
  await using _subscription = await bus.subscribe({
    group: 'process',
    topics: ['decklog.raw.pod'],
    bytesMax: 1024 * 1024,
    handle: (delivery) => delivery.ack(),
  })
  const held: WeakRef<Uint8Array>[] = []
  for (let i = 0; i < 10; i++) held.push(await publishOne(bus, i))
  // The last one may still lie in a register or on the stack of what has just run.
  await turn()
  collectGarbage()
  expect(held.slice(0, -1).filter((one) => one.deref() !== undefined)).toHaveLength(0)
})

async function publishOne(bus: ReturnType<typeof openMemoryBus>, n: number): Promise<WeakRef<Uint8Array>> {
  const value = new Uint8Array(1024).fill(n)
  const held = new WeakRef(value)
  await bus.publish('decklog.raw.pod', [{ key: 'stream', value }])
  return held
}
