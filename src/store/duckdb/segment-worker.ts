import { Worker } from 'node:worker_threads'
import { DecklogError, diskError } from '../../core/errors.ts'
import type { BuiltSegment } from './build-segment.ts'
import type { ConcatJob, DescribeJob, IndexJob, MergedSegment, WorkerReply } from './worker-messages.ts'

/** The store's worker thread, as a function. One that dies is started again with the next job. */
export interface SegmentWorker {
  index(job: Omit<IndexJob, 'kind' | 'id'>): Promise<BuiltSegment>
  concat(job: Omit<ConcatJob, 'kind' | 'id'>): Promise<MergedSegment>
  describe(job: Omit<DescribeJob, 'kind' | 'id'>): Promise<MergedSegment>
  close(): Promise<void>
}

interface Waiting {
  readonly resolve: (built: BuiltSegment | MergedSegment) => void
  readonly reject: (error: unknown) => void
}

type Job = Omit<IndexJob, 'id'> | Omit<ConcatJob, 'id'> | Omit<DescribeJob, 'id'>

export function startSegmentWorker(): SegmentWorker {
  const waiting = new Map<number, Waiting>()
  let worker: Worker | undefined
  let next = 1

  function failAll(error: unknown): void {
    worker = undefined
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }

  function running(): Worker {
    if (worker !== undefined) return worker
    const file = import.meta.url.endsWith('.ts') ? './index-worker.ts' : './index-worker.js'
    const started = new Worker(new URL(file, import.meta.url), { name: 'decklog-store' })
    started.unref()
    started.on('message', (reply: WorkerReply) => settle(reply))
    started.on('error', (cause) =>
      failAll(
        new DecklogError('internal', 'the worker of the store died; it is started again', {
          retryable: true,
          cause,
        }),
      ),
    )
    started.on('exit', () => {
      if (worker === started)
        failAll(new DecklogError('closed', 'the worker of the store has ended', { retryable: true }))
    })
    worker = started
    return started
  }

  function settle(reply: WorkerReply): void {
    const call = waiting.get(reply.id)
    waiting.delete(reply.id)
    if (reply.error === undefined) call?.resolve(reply.built)
    else
      call?.reject(
        diskError(
          Object.assign(new Error(reply.error.message), { code: reply.error.code }),
          'write a segment',
        ),
      )
  }

  function call(job: Job): Promise<BuiltSegment | MergedSegment> {
    return new Promise((resolve, reject) => {
      const id = next++
      waiting.set(id, { resolve, reject })
      running().postMessage({ ...job, id }, [])
    })
  }

  return {
    index: (job) => call({ kind: 'index', ...job }) as Promise<BuiltSegment>,
    concat: (job) => call({ kind: 'concat', ...job }),
    describe: (job) => call({ kind: 'describe', ...job }),
    async close() {
      const running = worker
      failAll(new DecklogError('closed', 'the store is closed'))
      await running?.terminate()
    },
  }
}
