/**
 * Named steps at which a test may kill this process or make the disk fail. In production nothing is armed and a step
 * costs one comparison. What is armed comes from the configuration edge (`config/`), never from here.
 */
export const FAULT_STEPS = [
  'cut-journaled', // ship: the cut is on disk, nothing published
  'batch-published', // ship: the bus has acknowledged, the checkpoint has not moved
  'checkpoint-before', // ship: about to write the checkpoint
  'checkpoint-inside', // ship: the temporary file is written, not renamed
  'events-published', // process: the bus has the events, the raw batch is not acknowledged
  'assignment-inside', // bus: partitions were assigned, nothing of them is delivered
  'offsets-commit-before', // bus: about to commit what is settled
  'offsets-committed', // bus: the broker has committed
  'rollover-inside', // store: the data stream has a new write index, and nobody has been told
  'cut-journal-write', // ship: writing the journal of cuts (EIO, ENOSPC)
  'store-commit-inside', // store: half of the commit is written
  'store-committed', // store: committed, not yet acknowledged
  'store-write', // store: writing (EIO, ENOSPC)
  'store-merge-inside', // store: segments are merged, the manifest not yet switched
  'retention-inside', // store: some of the expired files are deleted
  'archive-append', // archive: writing (EIO, ENOSPC)
  'seal-inside', // archive: the segment is written, its manifest not yet
  'spool-write', // source: about to write into the spool (EIO, ENOSPC)
  'spool-written', // source: records are written, not flushed: nobody was told
  'spool-safe', // source: records are flushed, the sender was not told
  'spool-rotated', // source: the live file has its other name, there is no new one
  'spool-removed', // source: a shipped file is gone, the shipper has not noted it
] as const

export type FaultStep = (typeof FAULT_STEPS)[number]

/** `step=kill`, `step=EIO`, `step=ENOSPC`; `@3` after it means the third time; `*4` for that many times. */
interface Armed {
  readonly action: string
  skip: number
  times: number
}

let armed: Map<string, Armed> | undefined

/** Arms steps from a text such as `store-commit-inside=kill@2,cut-journal-write=EIO@1*5`. An empty text disarms all. */
export function armFaults(text: string): void {
  armed = undefined
  for (const part of text.split(',').filter(Boolean)) {
    const match = /^([a-z-]+)=(kill|EIO|ENOSPC|EROFS)(?:@(\d+))?(?:\*(\d+))?$/.exec(part.trim())
    if (!match || !(FAULT_STEPS as readonly string[]).includes(match[1]!)) {
      throw new Error(`unknown fault "${part}"; steps: ${FAULT_STEPS.join(', ')}`)
    }
    armed ??= new Map()
    armed.set(match[1]!, { action: match[2]!, skip: Number(match[3] ?? 1) - 1, times: Number(match[4] ?? 1) })
  }
}

/** Passes a named step. Throws a system error, or kills this process with SIGKILL, when a test has armed it. */
export function passStep(step: FaultStep): void {
  if (armed === undefined) return
  const fault = armed.get(step)
  if (fault === undefined || fault.times === 0) return
  if (fault.skip > 0) {
    fault.skip--
    return
  }
  fault.times--
  if (fault.action === 'kill') {
    process.kill(process.pid, 'SIGKILL')
    // SIGKILL of oneself is delivered at once on Linux; should it not be, nothing may go on.
    for (;;);
  }
  throw Object.assign(new Error(`${fault.action}: injected at ${step}`), { code: fault.action })
}
