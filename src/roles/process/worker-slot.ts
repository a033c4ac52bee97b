import { Worker } from 'node:worker_threads'
import type { WorkerForget, WorkerJob, WorkerReply, WorkerSetup } from './messages.ts'

export interface WorkerSlotOptions {
  readonly setup: WorkerSetup
  /** Heap of the thread in MiB; beyond, the thread dies and the role does not. */
  readonly heapMiB: number
  readonly onReply: (reply: WorkerReply) => void
  /** The thread has ended, and will give no reply any more. */
  readonly onDeath: (reason: string) => void
}

const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)

/** One worker thread, from its start to its end; who wants another one makes another one. */
export class WorkerSlot {
  readonly #worker: Worker
  readonly #options: WorkerSlotOptions
  #isOver = false

  constructor(options: WorkerSlotOptions) {
    this.#options = options
    this.#worker = new Worker(ENTRY, {
      workerData: options.setup,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: options.heapMiB },
    })
    this.#worker.on('message', (reply: WorkerReply) => {
      if (!this.#isOver) options.onReply(reply)
    })
    this.#worker.on('error', (error) => this.#end(nameOf(error)))
    this.#worker.on('exit', () => this.#end('exit'))
  }

  /** The job's bytes are copied, for the bus still owns them. */
  post(job: WorkerJob): void {
    const value = new Uint8Array(job.value)
    this.#worker.postMessage({ ...job, value }, [value.buffer])
  }

  /** After the jobs that were posted before. */
  forget(stream: string): void {
    const message: WorkerForget = { kind: 'forget', stream }
    this.#worker.postMessage(message, [])
  }

  /** Ends a thread that does not answer, as if it had died. */
  kill(): void {
    this.#end('no answer')
    void this.#worker.terminate()
  }

  async close(): Promise<void> {
    this.#isOver = true
    await this.#worker.terminate()
  }

  #end(reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.onDeath(reason)
  }
}

/** Without the message: it could quote what was read. */
function nameOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  if (typeof code === 'string') return code
  return error instanceof Error ? error.name : 'unknown'
}
