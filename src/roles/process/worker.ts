import { parentPort, workerData } from 'node:worker_threads'
import { type CompiledPipeline, compilePipeline } from '../../stages/pipeline.ts'
import type { WorkerForget, WorkerJob, WorkerReply, WorkerSetup } from './messages.ts'
import type { MakeParts } from './parts.ts'
import { WorkerStreams } from './worker-streams.ts'

/** A worker thread of the process role: takes jobs one by one, in order. */
const port = parentPort!
const setup = workerData as WorkerSetup

try {
  const streams = new WorkerStreams({ ...setup, pipelines: await compileAll() })
  port.on('message', (message: WorkerJob | WorkerForget) => {
    if (message.kind === 'forget') streams.forget(message.stream)
    else answer(streams, message)
  })
  reply({ kind: 'ready' })
} catch (error) {
  reply({ kind: 'unusable', message: error instanceof Error ? error.message : 'unknown' })
}

function answer(streams: WorkerStreams, job: WorkerJob): void {
  try {
    reply(streams.run(job))
  } catch (error) {
    reply({ kind: 'failed', id: job.id, reason: reasonOf(error) })
  }
}

function reply(message: WorkerReply): void {
  if (message.kind !== 'done' || message.events === undefined) {
    port.postMessage(message)
    return
  }
  // A small buffer may lie in a pool that others use: only a whole one can be handed over.
  const { events } = message
  const own = events.byteLength === events.buffer.byteLength ? events : new Uint8Array(events)
  const whole = new Uint8Array(own.buffer as ArrayBuffer, own.byteOffset, own.byteLength)
  port.postMessage({ ...message, events: whole }, [whole.buffer])
}

async function compileAll(): Promise<Map<string, CompiledPipeline>> {
  const { makeParts } = (await import(setup.partsModule)) as { makeParts: MakeParts }
  const compiled = new Map<string, CompiledPipeline>()
  for (const pipeline of setup.pipelines) {
    const parts = await makeParts({
      directory: setup.directory,
      rules: pipeline.rules,
      stages: setup.stages[pipeline.class],
    })
    compiled.set(pipeline.class, compilePipeline(pipeline, parts))
  }
  return compiled
}

/** What failed and where, without the message: that could quote what was read. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const where = /at .*[/\\]([^/\\]+:\d+:\d+)/.exec(error.stack ?? '')?.[1]
  return where === undefined ? error.name : `${error.name} at ${where}`
}
