import { describe, expect, test } from 'vitest'
import { readBeside } from '../../src/app/read-beside.ts'
import type { Store } from '../../src/ports/store.ts'
import { MemoryStore } from '../support/memory-store.ts'

const SCOPE = { principal: { id: 'test' }, scope: { clusters: '*', classes: '*' } } as const
const sleep = (): Promise<void> => Promise.resolve()

describe('a store that another process writes', () => {
  test('is opened anew when a file vanishes under a question', async () => {
    let opened = 0
    let closed = 0
    const open = (): Promise<Store> => {
      opened++
      return Promise.resolve(storeOf({ fails: opened <= 2, onClose: () => closed++ }))
    }
    const store = await readBeside({ open, sleep, files: () => [] })
    expect(await store.usage()).toEqual([])
    expect(opened).toBe(3)
    await store.close()
    expect(closed).toBe(3)
  })

  test('is not taken when part of it went elsewhere while it was opened', async () => {
    const files = [['a', 'b'], ['b'], ['b'], ['b', 'c']]
    let opened = 0
    const open = (): Promise<Store> => {
      opened++
      return Promise.resolve(storeOf({ fails: false }))
    }
    await using store = await readBeside({ open, sleep, files: () => files.shift()! })
    expect(opened).toBe(2)
    expect(await store.coverage('x', SCOPE)).toBeUndefined()
  })

  test('a fault that is no vanished file is said at once, and vanishing for ever is said in the end', async () => {
    let tries = 0
    const broken = (): Promise<Store> => Promise.reject(new Error(`broken ${++tries}`))
    await expect(readBeside({ open: broken, sleep, files: () => [] })).rejects.toThrow('broken 1')
    let name = 0
    const open = (): Promise<Store> => Promise.resolve(storeOf({ fails: false }))
    await expect(readBeside({ open, sleep, files: () => [String(name++)] })).rejects.toThrow('faster than')
  })
})

function storeOf({ fails, onClose }: { fails: boolean; onClose?: () => void }): Store {
  const store = new MemoryStore()
  store.usage = () =>
    fails
      ? Promise.reject(Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' }))
      : Promise.resolve([])
  store.close = () => {
    onClose?.()
    return Promise.resolve()
  }
  return store
}
