import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FairQueue } from '../../src/roles/process/fair-queue.ts'

const always = (): boolean => true

function served(queue: FairQueue<string>, count: number, bytes = 100): string[] {
  return Array.from({ length: count }, () => {
    const item = queue.next(always)!
    queue.charge(item, bytes)
    return item
  })
}

describe('FairQueue', () => {
  test('serves classes by weight when all have work', () => {
    const queue = new FairQueue<string>(
      new Map([
        ['pod', 1],
        ['ssh', 8],
      ]),
    )
    for (let n = 0; n < 1000; n++) {
      queue.push('pod', 'pod')
      queue.push('ssh', 'ssh')
    }
    const items = served(queue, 900)
    expect(items.filter((item) => item === 'ssh')).toHaveLength(800)
  })

  test('weighs bytes, not items', () => {
    const queue = new FairQueue<string>(
      new Map([
        ['big', 1],
        ['small', 1],
      ]),
    )
    for (let n = 0; n < 1000; n++) {
      queue.push('big', 'big')
      queue.push('small', 'small')
    }
    const bytes = { big: 0, small: 0 }
    for (let n = 0; n < 500; n++) {
      const item = queue.next(always) as 'big' | 'small'
      const size = item === 'big' ? 1000 : 10
      bytes[item] += size
      queue.charge(item, size)
    }
    expect(Math.abs(bytes.big - bytes.small)).toBeLessThanOrEqual(1000)
  })

  test('gives all to a class that is alone, and the next turn to one that comes', () => {
    const queue = new FairQueue<string>(
      new Map([
        ['pod', 1],
        ['ssh', 8],
      ]),
    )
    for (let n = 0; n < 500; n++) queue.push('pod', 'pod')
    expect(new Set(served(queue, 100))).toEqual(new Set(['pod']))
    queue.push('ssh', 'ssh')
    expect(served(queue, 2)).toContain('ssh')
  })

  test('a class that was idle has saved up nothing', () => {
    const queue = new FairQueue<string>(
      new Map([
        ['a', 1],
        ['b', 1],
      ]),
    )
    for (let n = 0; n < 1000; n++) queue.push('a', 'a')
    served(queue, 500)
    for (let n = 0; n < 400; n++) queue.push('b', 'b')
    expect(served(queue, 100).filter((item) => item === 'b').length).toBeLessThanOrEqual(51)
  })

  test('passes over classes that may not go on', () => {
    const queue = new FairQueue<string>(
      new Map([
        ['a', 9],
        ['b', 1],
      ]),
    )
    queue.push('a', 'a')
    queue.push('b', 'b')
    expect(queue.next((name) => name !== 'a')).toBe('b')
    expect(queue.next((name) => name !== 'a')).toBeUndefined()
    expect(queue.next(always)).toBe('a')
  })

  test('keeps the order within a class, and loses nothing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.boolean()), { maxLength: 3000, size: 'max' }),
        (steps) => {
          const queue = new FairQueue<number>(
            new Map([
              ['a', 2],
              ['b', 3],
            ]),
          )
          const given: number[] = []
          const taken: number[] = []
          for (const [n, [name, push]] of steps.entries()) {
            if (push) {
              queue.push(name, n)
              given.push(n)
            } else {
              const item = queue.next(always)
              if (item !== undefined) taken.push(item)
            }
          }
          for (let item = queue.next(always); item !== undefined; item = queue.next(always)) taken.push(item)
          expect([...taken].sort((x, y) => x - y)).toEqual(given)
          for (const name of ['a', 'b']) {
            const own = taken.filter((n) => steps[n]![0] === name)
            expect(own).toEqual([...own].sort((x, y) => x - y))
          }
        },
      ),
      { numRuns: 50 },
    )
  })
})
