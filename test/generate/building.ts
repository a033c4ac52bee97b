import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { ClusterOptions } from '../../src/generate/cluster.ts'
import type { StreamTruth, Truth } from '../../src/generate/truth.ts'
import { ClusterWriter, type WriteOptions, type WriterClock } from '../../src/generate/write-cluster.ts'

export function clusterOptions(options: Partial<ClusterOptions> = {}): ClusterOptions {
  return {
    seed: 1,
    startMs: Date.UTC(2026, 10, 24, 1, 50),
    nodes: 1,
    pods: 12,
    mix: 'mixed',
    churn: false,
    ratePerSecond: 1000,
    records: 5000,
    history: null,
    incident: true,
    ...options,
  }
}

export function writeOptions(
  options: Partial<Omit<WriteOptions, 'cluster'>> & { cluster?: Partial<ClusterOptions> } = {},
): WriteOptions {
  const { cluster, ...rest } = options
  return {
    directory: mkdtempSync(join(tmpdir(), 'decklog-generate-')),
    paced: false,
    bytes: null,
    rotation: 'none',
    rotateBytes: 64 * 1024,
    keep: 1000,
    graceMs: 60_000,
    quietMs: 5,
    ...rest,
    cluster: clusterOptions(cluster),
  }
}

/** A clock that stands until somebody sleeps; then it is as late as was asked. */
export function steppingClock(startMs = 0): WriterClock & { nowMs: number } {
  const clock = {
    nowMs: startMs,
    now: () => clock.nowMs,
    sleep: async (ms: number) => {
      clock.nowMs += ms
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
  return clock
}

export async function generate(options: WriteOptions, clock: WriterClock = steppingClock()): Promise<Truth> {
  const writer = new ClusterWriter(options)
  await writer.write({ clock, signal: new AbortController().signal })
  return writer.truth()
}

/** All bytes of a stream as they are on disk, packed files unpacked. */
export function bytesOnDisk(directory: string, { files }: Pick<StreamTruth, 'files'>): Buffer {
  return Buffer.concat(
    files
      .map((file) => join(directory, file))
      .filter((file) => existsSync(file))
      .map((file) => (file.endsWith('.gz') ? gunzipSync(readFileSync(file)) : readFileSync(file))),
  )
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export function countLines(bytes: Buffer): number {
  let count = 0
  for (const byte of bytes) if (byte === 0x0a) count++
  return count
}
