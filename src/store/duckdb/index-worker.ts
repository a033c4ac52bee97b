import { closeSync, openSync, readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { SegmentBuilder, type BuiltSegment } from './build-segment.ts'
import { concatSegments, describeMerged } from './merge-files.ts'
import { decodeEntry } from './entry.ts'
import { journalPath } from './journal.ts'
import type { IndexJob, WorkerReply, WorkerRequest } from './worker-messages.ts'

/** The store's worker thread: unpacking, cutting words, writing segments. Stateless; one job at a time. */
parentPort!.on('message', (request: WorkerRequest) => {
  parentPort!.postMessage(run(request), [])
})

function run(request: WorkerRequest): WorkerReply {
  try {
    if (request.kind === 'index') return { id: request.id, built: index(request) }
    if (request.kind === 'concat') return { id: request.id, built: concatSegments(request) }
    return { id: request.id, built: describeMerged(request) }
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string }
    return { id: request.id, error: { code: code ?? 'unknown', message: message ?? String(error) } }
  }
}

function index({ directory, places, path, sidecarPath }: IndexJob): BuiltSegment {
  const builder = new SegmentBuilder(path)
  let file = -1
  let open = -1
  try {
    for (const place of places) {
      if (place.file !== file) {
        if (open >= 0) closeSync(open)
        open = openSync(journalPath(directory, place.file), 'r')
        file = place.file
      }
      // Not one for all: the builder looks back at the document before.
      const payload = Buffer.allocUnsafe(place.length)
      for (let at = 0; at < place.length; ) {
        const count = readSync(open, payload, at, place.length - at, place.offset + at)
        if (count === 0) throw new Error('the journal ends too early')
        at += count
      }
      builder.add(decodeEntry(payload))
    }
    return builder.finish(sidecarPath)
  } catch (error) {
    builder.abandon()
    throw error
  } finally {
    if (open >= 0) closeSync(open)
  }
}
