import { chmodSync, existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../src/app/system-clock.ts'
import { Telemetry } from '../../../src/core/telemetry.ts'
import type { Receiver } from '../../../src/ports/receiver.ts'
import { type KubeBenchConfig, startKubeBench } from '../../../src/sources/kube-bench/kube-bench.ts'
import { MemorySpool } from '../../support/memory-spool.ts'

const directory = mkdtempSync(join(tmpdir(), 'decklog-kube-bench-'))
const open: Receiver[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]()
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function start(config: Partial<KubeBenchConfig>): Promise<{ spool: MemorySpool; receiver: Receiver }> {
  const spool = new MemorySpool()
  const receiver = await startKubeBench({
    config: { every: 60_000, timeout: 5_000, ...config },
    spool,
    clock: { ...systemClock, sleep: (_, signal) => systemClock.sleep(20, signal) },
    telemetry: new Telemetry(),
    log: { debug() {}, info() {}, warn() {}, error() {} },
  })
  open.push(receiver)
  return { spool, receiver }
}

const seen = (spool: MemorySpool): string[] =>
  spool.records.map(({ names, bytes }) => `${names.moment} ${bytes.toString()}`)

function old(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  utimesSync(path, 1_700_000_000, 1_700_000_000)
  return path
}

function script(name: string, body: string): string {
  const path = join(directory, name)
  writeFileSync(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
  return path
}

describe('reports that are picked up', () => {
  it('are one record each, on one line, of the moment in their name', async () => {
    const path = old('incident-7.json', '{\n  "Controls": [],\n  "Totals": {}\n}\n')
    old('worker.json', '{"Controls":[]}')
    old('broken.json', '{"Controls":[')
    const { spool, receiver } = await start({ directory })
    await vi.waitFor(() => expect(spool.records.length).toBe(2))
    expect(seen(spool)).toEqual([
      'incident {   "Controls": [],   "Totals": {} }',
      'scheduled {"Controls":[]}',
    ])
    expect(existsSync(`${path}.taken`)).toBe(true)
    expect(receiver.problems()).toEqual(['kube-bench: broken.json is no JSON and is left'])
  })

  it('wait until they are written', async () => {
    const fresh = join(directory, 'fresh.json')
    writeFileSync(fresh, '{"half":')
    const { spool } = await start({ directory })
    await systemClock.sleep(150)
    expect(spool.records.length).toBe(0)
    old('fresh.json', '{"half":1}')
    await vi.waitFor(() => expect(spool.records.length).toBe(1))
  })
})

describe('kube-bench that is run', () => {
  it('is of provisioning at first, then scheduled, and of an incident when asked for', async () => {
    const trigger = join(directory, 'incident-now')
    const command = [script('bench', 'echo "{\\"Totals\\":{}}"; exit 1')]
    const { spool } = await start({ command, trigger, every: 200 })
    await vi.waitFor(() => expect(seen(spool)[0]).toBe('provisioning {"Totals":{}}'))
    await vi.waitFor(() => expect(seen(spool)[1]).toBe('scheduled {"Totals":{}}'))
    writeFileSync(trigger, '')
    await vi.waitFor(() => expect(seen(spool).some((one) => one.startsWith('incident'))).toBe(true))
    await vi.waitFor(() => expect(existsSync(trigger)).toBe(false))
  })

  it('says why it could not be run', async () => {
    const missing = await start({ command: [join(directory, 'nothing')] })
    await vi.waitFor(() => expect(missing.receiver.problems().join()).toMatch(/could not be run \(ENOENT\)/))
    const slow = await start({ command: [script('slow', 'sleep 5')], timeout: 100 })
    await vi.waitFor(() => expect(slow.receiver.problems().join()).toMatch(/was ended after 100 ms/))
    const prose = await start({ command: [script('prose', 'echo hello')] })
    await vi.waitFor(() => expect(prose.receiver.problems().join()).toMatch(/printed no JSON/))
  })
})
