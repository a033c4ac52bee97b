import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/app/system-clock.ts'
import { ClusterWriter } from '../../src/generate/write-cluster.ts'
import type { Mix } from '../../src/generate/pods.ts'
import type { Truth } from '../../src/generate/truth.ts'

export interface ClusterFiles {
  readonly directory: string
  readonly truth: Truth
}

/** Log files of a synthetic cluster, written at full speed before anything is measured. */
export async function writeClusterFiles(options: {
  readonly directory: string
  readonly mix: Mix
  readonly records: number
  readonly pods: number
}): Promise<ClusterFiles> {
  const { directory, mix, records, pods } = options
  mkdirSync(directory, { recursive: true })
  const writer = new ClusterWriter({
    directory,
    cluster: {
      seed: 7,
      startMs: Date.now() - 3_600_000,
      nodes: 1,
      pods,
      mix,
      churn: false,
      ratePerSecond: Math.max(1_000, records / 1_800),
      records,
      history: null,
      incident: true,
    },
    paced: false,
    bytes: null,
    rotation: 'none',
    rotateBytes: Number.MAX_SAFE_INTEGER,
    keep: 1,
    graceMs: 0,
    quietMs: 0,
  })
  await writer.write({ clock: systemClock, signal: new AbortController().signal })
  return { directory, truth: writer.truth() }
}

/** Moves log files from one folder to another, file by file: they appear whole, and at once. */
export function moveLogs(from: string, to: string, parts: readonly ('pods' | 'audit' | 'auth')[]): void {
  mkdirSync(join(to, 'pods'), { recursive: true })
  if (parts.includes('pods')) {
    mkdirSync(join(from, 'pods'), { recursive: true })
    for (const name of readdirSync(join(from, 'pods')))
      renameSync(join(from, 'pods', name), join(to, 'pods', name))
  }
  if (parts.includes('audit')) moveFile(auditIn(from), auditIn(to))
  if (parts.includes('auth')) moveFile(join(from, 'auth.log'), join(to, 'auth.log'))
}

function moveFile(from: string, to: string): void {
  mkdirSync(join(to, '..'), { recursive: true })
  if (existsSync(from)) renameSync(from, to)
}

export function auditIn(directory: string): string {
  return join(directory, 'kubernetes/audit.log')
}
