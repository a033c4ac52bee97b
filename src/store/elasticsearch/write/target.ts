import type { BackingIndices } from './backing-indices.ts'

/** A data stream as writing sees it: what is known of its indices, and whether it takes documents just now. */
export interface Target {
  readonly name: string
  /** Undefined until asked for, and when the cluster does not say. */
  backing: BackingIndices | undefined
  /** The write index for which it is known that no write to an older one is still under way. */
  quietBefore: string | undefined
  /** Set while the cluster refuses its documents for a reason that a person must mend. */
  hold: Hold | undefined
}

export interface Hold {
  readonly reason: string
  /** Monotonic milliseconds of the next attempt. */
  untilMs: number
  readonly attempts: number
}

/** `untilMs` while a few rows are on their way to find out. */
export const PROBING = Number.POSITIVE_INFINITY

const HOLD_MS_MIN = 500
const HOLD_MS_MAX = 15_000

/** Holds a data stream, or holds it longer when it was tried again: what else was under way then says nothing new. */
export function hold(target: Target, reason: string, nowMs: number): void {
  const before = target.hold
  if (before !== undefined && before.untilMs > nowMs && before.untilMs !== PROBING) return
  const attempts = (before?.attempts ?? 0) + 1
  const pauseMs = Math.min(HOLD_MS_MIN * 2 ** (attempts - 1), HOLD_MS_MAX)
  target.hold = { reason, untilMs: nowMs + pauseMs, attempts }
}

/** The data streams that this process writes to. They are few: clusters × classes × datasets. */
export class Targets {
  readonly #targets = new Map<string, Target>()

  of(name: string): Target {
    let target = this.#targets.get(name)
    if (target === undefined) {
      target = { name, backing: undefined, quietBefore: undefined, hold: undefined }
      this.#targets.set(name, target)
    }
    return target
  }
}
