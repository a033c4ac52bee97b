import { DecklogError } from '../../core/errors.ts'
import type { Spool } from '../../ports/spool.ts'
import { type Answer, refusal, TAKEN } from './answer.ts'

const RETRY_SECONDS = 5

/** 200 once the records are on disk; else what the sender must do. Too late is 503 too: the records may come twice then. */
export async function appendAnswer(
  spool: Spool,
  names: Readonly<Record<string, string>>,
  records: readonly Uint8Array[],
  timeoutMs: number,
): Promise<Answer> {
  if (records.length === 0) return TAKEN
  try {
    await spool.append(names, records, { signal: AbortSignal.timeout(timeoutMs) })
    return TAKEN
  } catch (error) {
    if (!(error instanceof DecklogError)) throw error
    if (error.code === 'aborted') {
      return refusal(503, 'slow-disk', 'the disk takes too long; send it again', { retryAfter: 1 })
    }
    if (error.code === 'too-large') return refusal(400, 'names', error.message)
    const reason = error.code === 'spool-full' ? 'spool-full' : 'disk'
    return refusal(503, reason, 'there is no room just now; send it again later', {
      retryAfter: RETRY_SECONDS,
    })
  }
}

/** A spool that is known to be full refuses before it reads. */
export function fullAnswer(spool: Spool): Answer | undefined {
  if (spool.freeBytes > 0) return undefined
  return refusal(503, 'spool-full', 'there is no room just now; send it again later', {
    retryAfter: RETRY_SECONDS,
  })
}
