import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { Claim } from '../../src/ports/store.ts'
import { Claims } from '../../src/store/duckdb/claims.ts'

const directories: string[] = []
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

function place(): string {
  const directory = mkdtempSync(join(tmpdir(), 'decklog-claims-'))
  directories.push(directory)
  return directory
}

function opened(directory: string): Claims {
  const claims = new Claims(directory, { generationClaims: 1_000 })
  claims.load()
  return claims
}

function claim(id: number, event: number): Claim {
  return { tenant: 't', class: 'c', id: String(id), event: `s:${event}`, timeMs: 0 }
}

test('the last thousand are always remembered, the oldest are forgotten, and files do not gather', async () => {
  const directory = place()
  let claims = opened(directory)
  for (let id = 0; id < 5_000; id += 100) {
    const some = Array.from({ length: 100 }, (_, at) => claim(id + at, id + at))
    expect(await claims.claim(some)).toEqual(Array(100).fill(true))
    if (id % 700 !== 0) continue
    await claims.close()
    claims = opened(directory)
  }
  const recent = Array.from({ length: 1_000 }, (_, at) => claim(4_000 + at, -1))
  expect(await claims.claim(recent)).toEqual(Array(1_000).fill(false))
  expect(await claims.claim([claim(0, -1)])).toEqual([true])
  expect(readdirSync(directory).length).toBeLessThanOrEqual(3)
  await claims.close()
})

test('what a crash left half written is as if it had not been', async () => {
  const directory = place()
  const claims = opened(directory)
  await claims.claim([claim(1, 1)])
  await claims.close()
  appendFileSync(join(directory, readdirSync(directory)[0]!), Buffer.from([16, 0, 0, 0, 1, 2, 3]))
  const again = opened(directory)
  expect(await again.claim([claim(1, 1), claim(1, 2), claim(2, 2)])).toEqual([true, false, true])
  await again.close()
  const third = opened(directory)
  expect(await third.claim([claim(2, 3)])).toEqual([false])
  await third.close()
})
