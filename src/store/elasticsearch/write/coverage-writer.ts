import { DecklogError } from '../../../core/errors.ts'
import { type EsContext, refusal } from '../context.ts'
import { coverageDocument } from '../coverage-document.ts'
import { coverageIndex, ensureIndex, noteChange } from '../own-indices.ts'
import type { OpenBatch } from './open-batch.ts'

const PAUSE_MS_MAX = 2_000
const ATTEMPTS_MAX = 6

/** Writes what batches cover. */
export class CoverageWriter {
  readonly #context: EsContext
  #isThere = false

  constructor(context: EsContext) {
    this.#context = context
  }

  /** @throws {DecklogError} retryable: the batches must come again */
  async write(opens: readonly OpenBatch[], signal: AbortSignal): Promise<void> {
    const body = opens.map(linesOf).join('')
    if (body === '') return
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#send(body, signal)
        noteChange(this.#context, this.#context.names.coverage)
        return
      } catch (error) {
        if (signal.aborted || !(error instanceof DecklogError) || !error.retryable || attempt >= ATTEMPTS_MAX)
          throw error
        const pauseMs = Math.min(50 * 2 ** attempt, PAUSE_MS_MAX) * (0.5 + Math.random() / 2)
        await this.#context.clock.sleep(pauseMs, signal)
      }
    }
  }

  async #send(body: string, signal: AbortSignal): Promise<void> {
    const { connection, names } = this.#context
    if (!this.#isThere) await ensureIndex(this.#context, coverageIndex(names))
    this.#isThere = true
    const { status, body: answer } = await connection.request({
      method: 'POST',
      path: `/${encodeURIComponent(names.coverage)}/_bulk`,
      query: { filter_path: 'errors,error,items.*.error.type,items.*.error.reason,items.*.status' },
      body,
      signal,
    })
    if (status !== 200) throw refusal('writing what is covered', status, answer)
    const { errors, items = [] } = answer as {
      errors: boolean
      items?: readonly Readonly<Record<string, { status: number; error?: unknown }>>[]
    }
    if (!errors) return
    const failed = items.map((item) => Object.values(item)[0]!).find((item) => item.error !== undefined)
    // The index may have been taken away.
    this.#isThere = false
    throw new DecklogError(
      'unreachable',
      refusal('writing what is covered', failed?.status ?? 500, failed).message,
      {
        retryable: true,
      },
    )
  }
}

function linesOf(open: OpenBatch): string {
  const document = coverageDocument(open)
  if (document === undefined) return ''
  return `{"index":{"_id":${JSON.stringify(open.outline.id)}}}\n${JSON.stringify(document)}\n`
}
