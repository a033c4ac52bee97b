import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { type DecklogError, diskError, systemCode } from '../../core/errors.ts'

/** A stream as the commands see it: `process.stdout`, or what a test gives. */
export type Terminal = Writable & {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly hasColors?: () => boolean
}

/**
 * Writes results, waiting for a slow reader. A reader that has gone (`| head`) is no error: `gone` fires, and what is written
 * then is dropped.
 */
export class Output {
  readonly gone: AbortSignal
  readonly #stream: Terminal
  readonly #leaving = new AbortController()
  #failure: DecklogError | undefined
  readonly #onError = (error: unknown): void => {
    if (systemCode(error) !== 'EPIPE') this.#failure ??= diskError(error, 'write the results')
    this.#leaving.abort()
  }

  constructor(stream: Terminal) {
    this.#stream = stream
    this.gone = this.#leaving.signal
    stream.on('error', this.#onError)
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true
  }

  get columns(): number | undefined {
    return this.isTerminal ? (this.#stream.columns ?? 80) : undefined
  }

  /** As Node judges it: NO_COLOR, TERM and the like are respected. */
  get hasColours(): boolean {
    return this.isTerminal && this.#stream.hasColors?.() === true
  }

  async write(text: string): Promise<void> {
    if (this.gone.aborted || text === '') return
    if (this.#stream.write(text)) return
    await once(this.#stream, 'drain', { signal: this.gone }).catch(() => {})
  }

  /** Resolves when all that was written is out. @throws {DecklogError} `disk-full` or `disk-failed` when it could not be */
  async end(): Promise<void> {
    if (!this.gone.aborted) await new Promise<void>((resolve) => this.#stream.write('', () => resolve()))
    this.#stream.off('error', this.#onError)
    if (this.#failure !== undefined) throw this.#failure
  }
}
