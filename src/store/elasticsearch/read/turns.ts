import { DecklogError } from '../../../core/errors.ts'
import type { RawAnswer } from './ask.ts'
import type { FoundHit } from './hits.ts'

/** Documents in one answer at most, and at first, when nobody knows how large they are. */
const TURN_MAX = 1_000
const TURN_FIRST = 128
/** What an answer may hold; documents vary, so now and then one is larger. */
const TURN_BYTES = 16 * 1024 * 1024

export interface Turn {
  readonly answer: RawAnswer
  readonly found: readonly FoundHit[]
}

export interface Turns {
  readonly wanted: number
  /** Ends early when so much was found. @default no bound */
  readonly bytesMax?: number
  readonly after?: readonly unknown[] | undefined
  /** Asks for `size` hits after the sort values. */
  readonly ask: (size: number, after: readonly unknown[] | undefined) => Promise<Turn>
}

export interface Found {
  readonly found: readonly FoundHit[]
  /** It ended because of `bytesMax`: there may be more. */
  readonly isCut: boolean
}

/** Asks in turns, for an answer is held in memory as a whole: many small documents at a time, or a few large ones. */
export async function inTurns({
  wanted,
  bytesMax = Number.POSITIVE_INFINITY,
  ...turns
}: Turns): Promise<Found> {
  const found: FoundHit[] = []
  let { after } = turns
  let bytes = 0
  let sizeMax = TURN_FIRST
  while (found.length < wanted) {
    const size = Math.min(sizeMax, wanted - found.length)
    const turn = await askSmaller(turns.ask, size, after)
    found.push(...turn.found)
    if (turn.found.length < turn.asked) return { found, isCut: false }
    after = turn.found.at(-1)!.sort
    bytes += turn.answer.text.length
    if (bytes >= bytesMax) return { found, isCut: true }
    const each = turn.answer.text.length / turn.found.length
    sizeMax = Math.max(1, Math.min(TURN_MAX, Math.floor(TURN_BYTES / each)))
  }
  return { found, isCut: false }
}

async function askSmaller(
  ask: Turns['ask'],
  size: number,
  after: readonly unknown[] | undefined,
): Promise<Turn & { readonly asked: number }> {
  for (let asked = size; ; asked = Math.ceil(asked / 4)) {
    try {
      return { ...(await ask(asked, after)), asked }
    } catch (error) {
      if (asked === 1 || !isTooLarge(error)) throw error
    }
  }
}

/** The client refuses an answer that would not fit in memory. */
function isTooLarge(error: unknown): boolean {
  return error instanceof DecklogError && /bigger than the maximum allowed/.test(error.message)
}
