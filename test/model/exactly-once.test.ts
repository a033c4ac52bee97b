import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Reader, World, type WorldOptions } from './world.ts'

/** mulberry32: a small deterministic generator, so that a failing seed can be run again. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function run(seed: number, shape: WorldOptions['shape'], lossy: boolean): World {
  const random = randomFrom(seed)
  const world = new World({ shape, random, records: 120, lossy })
  const harms = random() * 0.08
  let steps = 0
  while (!world.done) {
    world.step()
    if (steps < 3_000 && random() < harms) world.harm()
    if (++steps % 400 === 0) world.idle()
    if (steps > 200_000) throw new Error(`seed ${seed}: the window stopped moving`)
  }
  return world
}

/** What one undisturbed reader makes of the same cuts. */
function undisturbed(world: World): Map<number, readonly number[]> {
  const reader = new Reader()
  const events = world.journal.flatMap((cut) => reader.read(cut, world.parts).events)
  return new Map(events.map((event) => [event.id, event.records]))
}

describe('identity, order and settling', () => {
  for (const shape of ['embedded', 'distributed'] as const) {
    test(`${shape}: each record is stored exactly once, in the events that an undisturbed run makes`, () => {
      let crashes = 0
      let duplicates = 0
      fc.assert(
        fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => {
          const world = run(seed, shape, false)
          const stored = [...world.store.events.values()].flatMap((event) => event.records)
          expect(stored.sort((a, b) => a - b)).toEqual(Array.from({ length: 120 }, (_, i) => i))
          expect(new Map([...world.store.events].map(([id, event]) => [id, event.records]))).toEqual(
            undisturbed(world),
          )
          crashes += world.crashes
          duplicates += world.store.duplicates
        }),
        { numRuns: 400 },
      )
      expect(crashes).toBeGreaterThan(1_000)
      expect(duplicates).toBeGreaterThan(1_000)
    })
  }

  test('embedded, with a source that loses bytes: each record is stored once or declared lost once', () => {
    let lost = 0
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => {
        const world = run(seed, 'embedded', true)
        const covered = [...world.store.events.values()].flatMap((event) => event.records)
        expect(covered.sort((a, b) => a - b)).toEqual(Array.from({ length: 120 }, (_, i) => i))
        lost += [...world.store.events.values()].filter((event) => event.kind === 'lost').length
      }),
      { numRuns: 400 },
    )
    expect(lost).toBeGreaterThan(100)
  })
})
