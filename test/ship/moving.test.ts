import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { candidates, findRead, ListingMoved } from '../../src/roles/ship/find-files.ts'
import { UNREAD } from '../../src/sources/fingerprint.ts'
import type { LogGroup } from '../../src/sources/log-group.ts'
import { fileLog, podLog, ShipYard, until } from './harness.ts'
import type { RotateFast } from './rotate-fast.ts'

test('a file that was rotated between its listing and its opening is not taken for the one that has its name now', async () => {
  await using yard = new ShipYard()
  const { path } = podLog(yard)
  const group: LogGroup = {
    key: 'pods',
    class: 'pod',
    kind: 'pods',
    format: 'cri',
    names: {},
    livePath: path,
    root: yard.logs,
    history: true,
  }
  const rotated = `${path}.20261124-100000`
  writeFileSync(rotated, 'line 0\n')
  const among = candidates(group)
  renameSync(rotated, `${path}.20261124-095959`)
  writeFileSync(rotated, 'line 1\n')
  const position = { ...UNREAD, id: among[0]!.id }
  expect(() => findRead(position, group, among)).toThrow(ListingMoved)
  expect(findRead(position, group, candidates(group))?.candidate.path).toBe(`${path}.20261124-095959`)
})

for (const style of ['kubelet', 'logrotate'] as const) {
  test(`files that rotate (${style}) all the time while it starts and ends are read once each`, {
    timeout: 60_000,
  }, async () => {
    await using yard = new ShipYard()
    const { path, sources } = style === 'kubelet' ? podLog(yard) : fileLog(yard)
    writeFileSync(path, '')
    await yard.start(sources)
    await yard.stop()
    const shared = new Int32Array(new SharedArrayBuffer(8))
    const workerData: RotateFast = { path, style, linesAFile: 30, everyMs: 2, shared }
    const worker = new Worker(new URL('rotate-fast.ts', import.meta.url), { workerData })
    const over = once(worker, 'exit')
    for (let round = 0; round < 30; round++) {
      await yard.start(sources)
      await sleep((round * 7) % 40)
      await yard.stop()
      await sleep((round * 11) % 30)
    }
    Atomics.store(shared, 0, 1)
    await over
    const count = Atomics.load(shared, 1)
    await yard.start(sources)
    await until(() => new Set(yard.records().values()).size >= count, `${count} records`).catch(
      () => undefined,
    )
    await sleep(500)
    const seen = new Map<string, number>()
    for (const line of yard.records().values()) seen.set(line, (seen.get(line) ?? 0) + 1)
    const missing = Array.from({ length: count }, (_, i) => `line ${i}\n`).filter((line) => !seen.has(line))
    expect(yard.losses()).toEqual([])
    expect(missing).toEqual([])
    expect([...seen].filter(([, times]) => times !== 1)).toEqual([])
  })
}
