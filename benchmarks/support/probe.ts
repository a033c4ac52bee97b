import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunningDecklog } from './decklog.ts'

export interface ProbeOptions {
  readonly decklog: RunningDecklog
  /** Lines go to the end of this file. */
  readonly path: string
  /** A line that holds the word. */
  readonly lineOf: (word: string) => string
  /** How often a line is written. */
  readonly everyMs: number
  readonly durationMs: number
  /** A line that is not found by then has failed, and counts as this long. */
  readonly patienceMs: number
}

/** One question may ask for so many words at once. */
const WORDS_MAX = 100
const PAUSE_MS = 40

/**
 * Writes lines with words of their own, and asks the API for all that are not yet found, over and over. Returns how long each took
 * from being written until an answer held it, in milliseconds: the pause between two questions is part of it.
 */
export async function probe(options: ProbeOptions): Promise<number[]> {
  const { path, lineOf, everyMs, durationMs, patienceMs } = options
  const open = new Map<string, number>()
  const took: number[] = []
  const startMs = performance.now()
  const run = process.hrtime.bigint().toString(36)
  let written = 0
  for (;;) {
    const nowMs = performance.now()
    if (nowMs - startMs < durationMs && nowMs >= startMs + written * everyMs) {
      const word = `probe${run}n${written++}`
      appendFileSync(path, lineOf(word))
      open.set(word, performance.now())
    }
    if (open.size > 0)
      for (const word of await found(options.decklog, [...open.keys()])) {
        took.push(performance.now() - open.get(word)!)
        open.delete(word)
      }
    for (const [word, atMs] of open) {
      if (performance.now() - atMs < patienceMs) continue
      took.push(patienceMs)
      open.delete(word)
    }
    if (open.size === 0 && performance.now() - startMs >= durationMs) return took
    await sleep(PAUSE_MS)
  }
}

async function found(decklog: RunningDecklog, words: readonly string[]): Promise<string[]> {
  const asked = words.slice(0, WORDS_MAX)
  const query = encodeURIComponent(asked.join(' or '))
  const { hits } = await decklog.get<{ hits: { message?: string }[] }>(
    `/api/search?limit=${asked.length}&from=now-5m&query=${query}`,
  )
  return asked.filter((word) => hits.some(({ message }) => message?.split(/\W+/).includes(word)))
}
