import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ClusterWriter, type WriterClock } from './write-cluster.ts'

export interface DemoOptions {
  /** Where the log files go; made if it is not there. */
  readonly directory: string
  /** Lines a second after the history; 40 looks alive. */
  readonly rate: number
  /** Ends the writing. */
  readonly signal: AbortSignal
  readonly clock: WriterClock
}

export interface Demo {
  /** What to follow: `pods` is the root of the containers' files. */
  readonly paths: { readonly pods: string; readonly audit: string; readonly auth: string }
  /** Records of the history. */
  readonly historyRecords: number
  /** Resolves when the signal has fired and all files are closed; rejects when the disk fails. */
  readonly done: Promise<void>
}

const HISTORY_MINUTES = 28
const HISTORY_RECORDS = 4_000
const DAY_MS = 86_400_000

/**
 * A small cluster for `decklog up --demo`. Resolves once the last 28 minutes, the planted incident among them, are on
 * disk; then the present goes on at `rate`. Files are rotated at 2 MiB and three rotated ones stay, so the disk is bounded.
 */
export async function startDemo({ directory, rate, signal, clock }: DemoOptions): Promise<Demo> {
  mkdirSync(directory, { recursive: true })
  removeOldPods(join(directory, 'pods'), clock.now() - DAY_MS)
  const startMs = clock.now() - HISTORY_MINUTES * 60_000
  const writer = new ClusterWriter({
    directory,
    cluster: {
      // Another seed at each start: pods get new UIDs, and no file is written twice.
      seed: Math.floor(startMs / 1000),
      startMs,
      nodes: 1,
      pods: 12,
      mix: 'mixed',
      churn: true,
      ratePerSecond: rate,
      records: null,
      history: { ticks: HISTORY_MINUTES * 600, records: HISTORY_RECORDS },
      incident: true,
    },
    paced: true,
    bytes: null,
    rotation: 'rename',
    rotateBytes: 2 * 1024 * 1024,
    keep: 3,
    graceMs: 60_000,
    quietMs: 0,
  })
  await writer.writeHistory({ clock, signal })
  const paths = {
    pods: join(directory, 'pods'),
    audit: join(directory, 'kubernetes/audit.log'),
    auth: join(directory, 'auth.log'),
  }
  return { paths, historyRecords: HISTORY_RECORDS, done: writer.write({ clock, signal }) }
}

/** Pods of earlier demos: nobody writes to them any more, and a day is enough to read them. */
function removeOldPods(root: string, beforeMs: number): void {
  let names: string[] = []
  try {
    names = readdirSync(root)
  } catch {
    return
  }
  for (const name of names) {
    const path = join(root, name)
    if (statSync(path).mtimeMs < beforeMs) rmSync(path, { recursive: true, force: true })
  }
}
