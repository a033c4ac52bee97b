import { type FSWatcher, watch } from 'node:fs'
import { basename } from 'node:path'

export interface DirectoryWatchOptions {
  /** Called with the name of an entry that changed, or null: anything may have. Must not throw. */
  readonly onChange: (name: string | null) => void
  /** The watch could not be set, or ended: only the scan sees this directory now. */
  readonly onLost: (code: string) => void
}

/** Above this many events a second a watch costs more than looking; it rests and everything is looked at in turn. */
const EVENTS_PER_SECOND_MAX = 500
const REST_MS = 5_000
const LOOK_EVERY_MS = 50

/** One directory under inotify, not recursive: node's recursive watch sets a watch on every file. */
export class DirectoryWatch {
  readonly #path: string
  readonly #name: string
  readonly #options: DirectoryWatchOptions
  #watcher: FSWatcher | undefined
  #looking: NodeJS.Timeout | undefined
  #events = 0
  #windowStartMs = 0
  #closed = false

  constructor(path: string, options: DirectoryWatchOptions) {
    this.#path = path
    this.#name = basename(path)
    this.#options = options
    this.#start()
  }

  close(): void {
    this.#closed = true
    this.#watcher?.close()
    clearInterval(this.#looking)
  }

  #start(): void {
    try {
      this.#watcher = watch(this.#path, { persistent: false, encoding: 'utf8' }, (_kind, name) =>
        this.#seen(name),
      )
      this.#watcher.on('error', (error) => this.#lost(error))
    } catch (error) {
      this.#lost(error)
    }
  }

  #seen(name: string | null): void {
    if (this.#closed) return
    // What happens to the directory itself (its mode, its removal) comes under its own name.
    this.#options.onChange(name === this.#name ? null : name)
    if (++this.#events < EVENTS_PER_SECOND_MAX) return
    const nowMs = performance.now()
    if (nowMs - this.#windowStartMs < 1_000) this.#rest()
    this.#windowStartMs = nowMs
    this.#events = 0
  }

  #rest(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    const untilMs = performance.now() + REST_MS
    this.#looking = setInterval(() => {
      if (performance.now() >= untilMs) {
        clearInterval(this.#looking)
        this.#start()
      }
      this.#options.onChange(null)
    }, LOOK_EVERY_MS)
    this.#looking.unref()
  }

  #lost(error: unknown): void {
    if (this.#closed) return
    this.close()
    this.#options.onLost((error as NodeJS.ErrnoException).code ?? 'unknown')
  }
}
