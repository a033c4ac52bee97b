import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Account } from '../../src/bus/kafka/account.ts'
import { type Item, PartitionWindow } from '../../src/bus/kafka/partition-window.ts'

describe('what may be committed of a partition', () => {
  test('is everything below the lowest offset that is not settled, in whatever order answers come', () => {
    fc.assert(
      fc.property(gapsAndOrder(), ({ offsets, order }) => {
        const window = new PartitionWindow({ partition: 0, assignment: 1, nowMs: 0 })
        window.start(offsets[0]!)
        const items = offsets.map((offset) => itemAt(offset))
        for (const item of items) window.add(item)
        const settled = new Set<number>()
        for (const index of order) {
          const before = window.low
          const hasMoved = window.settle(items[index]!)
          settled.add(offsets[index]!)
          const expected = offsets.find((offset) => !settled.has(offset)) ?? offsets.at(-1)! + 1
          expect(window.low).toBe(expected)
          expect(hasMoved).toBe(window.low !== before)
          expect([...window.unsettled()].map(({ offset }) => offset)).toEqual(
            offsets.filter((offset) => !settled.has(offset)),
          )
        }
        expect(window.length).toBe(0)
      }),
      { numRuns: 300 },
    )
  })

  test('a window lets go of what is settled, one message at the front or not', () => {
    const window = new PartitionWindow({ partition: 0, assignment: 1, nowMs: 0 })
    window.start(0)
    const first = itemAt(0)
    window.add(first)
    for (let offset = 1; offset <= 2_000; offset++) {
      const item = itemAt(offset)
      window.add(item)
      window.settle(item)
    }
    expect(window.low).toBe(0)
    expect([...window.unsettled()]).toEqual([first])
    window.settle(first)
    expect(window.low).toBe(2_001)
    expect(window.length).toBe(0)
  })
})

describe('the bytes of a subscription', () => {
  test('one message larger than the bound goes alone', () => {
    const account = new Account(100)
    expect(account.hasRoom(1_000)).toBe(true)
    account.openBytes = 1
    expect(account.hasRoom(1_000)).toBe(false)
    expect(account.hasRoom(99)).toBe(true)
    expect(account.hasRoom(100)).toBe(false)
  })

  test('what was refused counts too, yet holds nobody up while there is little of it', () => {
    const account = new Account(100)
    account.restingBytes = 90
    expect(account.hasRoom(50)).toBe(true)
    account.openBytes = 5
    expect(account.hasRoom(50)).toBe(false)
    account.openBytes = 0
    account.restingBytes = 101
    expect(account.hasRoom(1)).toBe(false)
    expect(account.hasRoomAgain(50)).toBe(true)
  })

  test('nothing is delivered while it is paused or closed', () => {
    const account = new Account(100)
    account.isPaused = true
    expect([account.hasRoom(1), account.hasRoomAgain(1)]).toEqual([false, false])
    account.isPaused = false
    account.isClosed = true
    expect([account.hasRoom(1), account.hasRoomAgain(1)]).toEqual([false, false])
  })
})

test('the timers of kafkajs are quiet: no warning, and no timer while nothing waits', () => {
  const script = `
    import { createRequire } from 'node:module'
    import { mendRequestQueue } from '${new URL('../../src/bus/kafka/mend-kafkajs.ts', import.meta.url).href}'
    mendRequestQueue()
    const RequestQueue = createRequire('${import.meta.url}')('kafkajs/src/network/requestQueue')
    const queue = new RequestQueue({ maxInFlightRequests: 1, requestTimeout: 100, enforceRequestTimeout: false, clientId: '', broker: '', logger: { debug() {} } })
    let timers = 0
    const set = globalThis.setTimeout
    globalThis.setTimeout = (...args) => { timers++; return set(...args) }
    const sent = []
    const request = (correlationId) => ({ entry: { correlationId, resolve() {}, reject() {} }, expectResponse: true, sendRequest: () => sent.push(correlationId) })
    queue.push(request(1))
    queue.fulfillRequest({ correlationId: 1, payload: Buffer.alloc(0), size: 0 })
    const idle = timers
    queue.push(request(2))
    queue.push(request(3))
    queue.fulfillRequest({ correlationId: 2, payload: Buffer.alloc(0), size: 0 })
    await new Promise((resolve) => set(resolve, 100))
    queue.destroy()
    console.log(JSON.stringify({ idle, sent, timers }))
  `
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    stdio: 'pipe',
  })
  const { idle, sent, timers } = JSON.parse(output) as { idle: number; sent: number[]; timers: number }
  expect(idle).toBe(0)
  expect(sent).toEqual([1, 2, 3])
  expect(timers).toBeLessThanOrEqual(2)
})

function gapsAndOrder(): fc.Arbitrary<{ offsets: number[]; order: number[] }> {
  return fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 60 }).chain((steps) => {
    let offset = 0
    const offsets = steps.map((step) => (offset += step))
    const indices = offsets.map((_, i) => i)
    return fc.shuffledSubarray(indices, { minLength: indices.length }).map((order) => ({ offsets, order }))
  })
}

function itemAt(offset: number): Item {
  return {
    offset,
    bytes: 1,
    key: 'k',
    value: new Uint8Array(1),
    headers: {},
    receivedMs: 0,
    attempt: 1,
    failures: 0,
    state: 'open',
  }
}
