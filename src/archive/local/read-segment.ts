import { createHash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { DecklogError, diskError, systemCode } from '../../core/errors.ts'
import type { ArchivedBatch, SegmentManifest } from '../../ports/archive.ts'
import { decodeObjects, type BatchCodec } from './archived-object.ts'
import { readAt, readBlock, readHeader } from './container-file.ts'
import type { Places } from './places.ts'

/**
 * The batches of a sealed segment, in order of arrival. Its SHA-256 is checked before the first batch is given, so nobody
 * works with half of an altered segment. Memory: one block.
 * @throws {DecklogError} `state-corrupt` when the file is missing, torn or altered
 */
export async function* readSegment(
  manifest: SegmentManifest,
  places: Places,
  codec: BatchCodec,
  signal: AbortSignal | undefined,
): AsyncGenerator<ArchivedBatch> {
  const path = join(places.sealed, manifest.name)
  const handle = await openSealed(path)
  try {
    if ((await sha256Of(handle, signal)) !== manifest.sha256)
      throw corrupt(path, 'its SHA-256 is not the one in its manifest')
    let batches = 0
    for await (const batch of batchesOf(handle, path, codec, signal)) {
      batches++
      yield batch
    }
    if (batches !== manifest.batches)
      throw corrupt(path, 'it holds another number of batches than its manifest says')
  } catch (error) {
    throw error instanceof DecklogError ? error : diskError(error, `read the archive's segment ${path}`)
  } finally {
    await handle.close()
  }
}

async function* batchesOf(
  handle: FileHandle,
  path: string,
  codec: BatchCodec,
  signal: AbortSignal | undefined,
): AsyncGenerator<ArchivedBatch> {
  const header = await readHeader(handle)
  const schemaName = header?.metadata.get('decklog.schema')
  if (header === undefined || schemaName === undefined) throw corrupt(path, 'its header is torn')
  for (let at = header.bytes; ; ) {
    stopIf(signal)
    const block = await readBlock(handle, at, header.sync)
    if (block.kind === 'end') return
    const batches =
      block.kind === 'block' ? decodeObjects(block.data, block.count, schemaName, codec) : undefined
    if (block.kind === 'torn' || batches === undefined) throw corrupt(path, `the block at byte ${at} is torn`)
    yield* batches
    at += block.raw.length
  }
}

async function openSealed(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw corrupt(path, 'its manifest is there and the file is not')
    throw diskError(error, `read the archive's segment ${path}`)
  }
}

async function sha256Of(handle: FileHandle, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256')
  for (let at = 0; ; ) {
    stopIf(signal)
    const chunk = await readAt(handle, at, 1024 * 1024)
    if (chunk.length === 0) return hash.digest('hex')
    hash.update(chunk)
    at += chunk.length
  }
}

function stopIf(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new DecklogError('aborted', 'reading the archive was called off')
}

function corrupt(path: string, why: string): DecklogError {
  return new DecklogError('state-corrupt', `the archive's segment ${path} is torn or altered: ${why}`)
}
