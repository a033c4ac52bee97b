import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startDemo } from '../../src/generate/demo.ts'
import { expectedChunks, expectedRecords } from '../../src/generate/truth.ts'
import { ClusterWriter } from '../../src/generate/write-cluster.ts'
import { bytesOnDisk, countLines, generate, sha256, steppingClock, writeOptions } from './building.ts'

describe('the files of a generated cluster', () => {
  it('hold exactly what the truth says, in the number that was asked for', async () => {
    for (const records of [400, 1000, 4321, 20_000]) {
      const options = writeOptions({ cluster: { records, churn: true, nodes: 2 } })
      const truth = await generate(options)
      expect(truth.totals.records).toBe(records)
      for (const stream of truth.streams) {
        const bytes = bytesOnDisk(options.directory, stream)
        expect([countLines(bytes), bytes.length, sha256(bytes)]).toEqual([
          stream.records,
          stream.bytes,
          stream.sha256,
        ])
      }
    }
  })

  it('are the same for the same seed and others for another', async () => {
    const hashes = async (seed: number): Promise<string[]> =>
      (await generate(writeOptions({ cluster: { seed } }))).streams.map(
        ({ path, sha256 }) => `${path} ${sha256}`,
      )
    expect(await hashes(7)).toEqual(await hashes(7))
    expect(await hashes(7)).not.toEqual(await hashes(8))
  })

  it.each(['plain', 'mixed', 'json'] as const)('can be made again from the truth alone (%s)', async (mix) => {
    const options = writeOptions({ cluster: { mix, churn: true, nodes: 2, records: 8000 } })
    const truth = JSON.parse(JSON.stringify(await generate(options)))
    for (const stream of truth.streams) {
      expect(sha256(Buffer.concat([...expectedChunks(truth, stream.path)]))).toBe(stream.sha256)
      expect([...expectedRecords(truth, stream.path)]).toHaveLength(stream.records)
    }
  })

  it('are where kubelet, API server and rsyslog put them, for one node and for several', async () => {
    const one = await generate(writeOptions())
    const three = await generate(writeOptions({ cluster: { nodes: 3 } }))
    expect(one.streams.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['kubernetes/audit.log', 'auth.log']),
    )
    expect(three.streams.map(({ path }) => path)).toEqual(
      expect.arrayContaining([
        'node-1/kubernetes/audit.log',
        'node-1/auth.log',
        'node-2/auth.log',
        'node-3/auth.log',
      ]),
    )
    const pods = three.streams.filter((stream) => stream.class === 'pod')
    for (const { path, node, names } of pods) {
      expect(path).toBe(
        `${node}/pods/${names['namespace']}_${names['pod']}_${names['uid']}/${names['container']}/${names['restart']}.log`,
      )
    }
    expect(new Set(pods.map(({ node }) => node)).size).toBe(3)
  })
})

describe('rotation', () => {
  it.each(['rename', 'copytruncate'] as const)(
    'by %s leaves every byte in one of the files',
    async (rotation) => {
      const options = writeOptions({ rotation, rotateBytes: 20_000, cluster: { records: 10_000 } })
      const clock = steppingClock()
      // Time passes between the looks at the clock, so that quiet times end.
      clock.now = () => clock.nowMs++
      const truth = await generate(options, clock)
      expect(truth.streams.filter(({ rotations }) => rotations > 2).length).toBeGreaterThan(3)
      for (const stream of truth.streams)
        expect(sha256(bytesOnDisk(options.directory, stream))).toBe(stream.sha256)
      const audit = truth.streams.find(({ format }) => format === 'kube-audit')!
      expect(audit.files[0]).toMatch(/^kubernetes\/audit-2026-11-24T01-\d\d-\d\d\.\d{3}\.log$/)
      const gateway = truth.streams.find(({ names }) => names['namespace'] === 'ingress-nginx')!
      expect(gateway.files[0]).toMatch(/\/0\.log\.20261124-\d{6}\.gz$/)
      expect(gateway.files.at(-2)).toMatch(/\/0\.log\.20261124-\d{6}$/)
    },
  )

  it('numbers the files of auth.log, newest first', async () => {
    const options = writeOptions({ rotation: 'rename', rotateBytes: 5000, cluster: { records: 10_000 } })
    const auth = (await generate(options)).streams.find(({ format }) => format === 'syslog')!
    expect(auth.files.slice(-3)).toEqual(['auth.log.2.gz', 'auth.log.1', 'auth.log'])
  })

  it('keeps files that are more than it keeps until they are old enough to have been read', async () => {
    const young = await generate(writeOptions({ rotation: 'rename', rotateBytes: 5000, keep: 1, graceMs: 1 }))
    const lossy = await generate(writeOptions({ rotation: 'rename', rotateBytes: 5000, keep: 1, graceMs: 0 }))
    const filesOf = (truth: typeof young): number =>
      Math.max(...truth.streams.map(({ files }) => files.length))
    expect(filesOf(young)).toBeGreaterThan(5)
    expect(filesOf(lossy)).toBe(2)
  })
})

describe('pods that vanish', () => {
  it('stay for the grace and are then deleted with their directory', async () => {
    const cluster = { churn: true, records: 20_000 }
    const options = writeOptions({ paced: true, graceMs: 2000, cluster })
    const truth = await generate(options, steppingClock())
    const deleted = truth.streams.filter((stream) => stream.deleted)
    expect(deleted.length).toBeGreaterThan(3)
    for (const { path } of deleted) expect(existsSync(join(options.directory, path, '../..'))).toBe(false)
    const stay = await generate(writeOptions({ paced: true, graceMs: 1e9, cluster }), steppingClock())
    expect(stay.streams.some((stream) => stream.deleted)).toBe(false)
    expect(stay.streams.map((stream) => stream.sha256)).toEqual(truth.streams.map((stream) => stream.sha256))
  })
})

describe('writing that does not end by itself', () => {
  it('stops on the signal with an exact truth', async () => {
    const options = writeOptions({ paced: true, cluster: { records: null, ratePerSecond: 500 } })
    const stop = new AbortController()
    const writer = new ClusterWriter(options)
    await writer.write({
      clock: steppingClock(),
      signal: stop.signal,
      progress: ({ ticks }) => ticks === 50 && stop.abort(),
    })
    const truth = writer.truth()
    expect(truth.ticks).toBe(50)
    for (const stream of truth.streams) {
      expect(sha256(bytesOnDisk(options.directory, stream))).toBe(stream.sha256)
      expect(sha256(Buffer.concat([...expectedChunks(truth, stream.path)]))).toBe(stream.sha256)
    }
  })

  it('stops at a size', async () => {
    const truth = await generate(writeOptions({ bytes: 200_000, cluster: { records: null } }))
    expect(truth.totals.bytes).toBeGreaterThanOrEqual(200_000)
    expect(truth.totals.bytes).toBeLessThan(400_000)
  })
})

describe('the demo', () => {
  it('has the incident in its past of half an hour, and goes on', async () => {
    const { directory } = writeOptions()
    const nowMs = Date.UTC(2026, 10, 24, 9, 0)
    const clock = steppingClock(nowMs)
    const stop = new AbortController()
    const demo = await startDemo({ directory, rate: 40, signal: stop.signal, clock })
    const history = bytesOnDisk(directory, { files: ['auth.log', 'kubernetes/audit.log'] }).toString()
    expect(history).toContain('Accepted publickey for breakglass from 198.51.100.23')
    expect(history).toContain('Removed session 4711')
    expect(history).toContain('/secrets/ledger-db-credentials')
    expect(history).not.toContain('2026-11-24T08:31')
    const before = everyByte(directory).length
    while (clock.nowMs < nowMs + 10_000) await new Promise((resolve) => setImmediate(resolve))
    stop.abort()
    await demo.done
    const lines = countLines(everyByte(directory)) - demo.historyRecords
    expect(everyByte(directory).length).toBeGreaterThan(before)
    expect(lines).toBeGreaterThan(300)
    expect(lines).toBeLessThan(600)
  })
})

function everyByte(directory: string): Buffer {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.log/.test(name.split('/').at(-1)!),
  )
  return bytesOnDisk(directory, { files })
}
