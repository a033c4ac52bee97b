import { createHash, randomBytes, type Hash } from 'node:crypto'
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { diskError } from '../../core/errors.ts'
import { passStep } from '../../core/faults.ts'
import { chainHead } from '../../core/identity.ts'
import type { ArchivedBatch } from '../../ports/archive.ts'
import { encodeObject, segmentSchema, type BatchCodec } from './archived-object.ts'
import { encodeBlock, encodeHeader, SYNC_BYTES } from './container-file.ts'
import { segmentName, syncDirectory } from './places.ts'
import { SegmentSummary } from './summary.ts'

export interface SegmentIdentity {
  /** Where it goes when it is sealed. */
  readonly name: string
  readonly tenant: string
  readonly class: string
  readonly openedMs: number
}

export interface SegmentState {
  readonly identity: SegmentIdentity
  readonly handle: FileHandle
  readonly path: string
  readonly sync: Buffer
  readonly schemaName: string
  /** Bytes that are safe; what lies behind is not ours. */
  readonly bytes: number
  readonly hash: Hash
  readonly summary: SegmentSummary
}

/** A batch that the segment does not hold yet, with its chain's head. */
export interface Fresh {
  readonly item: ArchivedBatch
  readonly head: Uint8Array
}

/**
 * The file of an open segment. One block is written at a time and flushed before the next, so after a crash at most the
 * last block is torn. A failed write changes nothing that counts: what it left is cut off before the next one.
 */
export class SegmentFile {
  readonly identity: SegmentIdentity
  readonly path: string
  readonly summary: SegmentSummary
  readonly schemaName: string
  bytes: number
  readonly #handle: FileHandle
  readonly #sync: Buffer
  readonly #hash: Hash
  /** Something of unknown length may lie behind `bytes`. */
  #dirty = false

  constructor(state: SegmentState) {
    this.identity = state.identity
    this.path = state.path
    this.summary = state.summary
    this.schemaName = state.schemaName
    this.bytes = state.bytes
    this.#handle = state.handle
    this.#sync = state.sync
    this.#hash = state.hash
  }

  /** Those that are not in it yet, each once. */
  fresh(batches: readonly ArchivedBatch[]): Fresh[] {
    const heads = new Set<string>()
    const fresh: Fresh[] = []
    for (const item of batches) {
      const head = chainHead(item.batch)
      const key = Buffer.from(head).toString('hex')
      if (this.summary.knows(head) || heads.has(key)) continue
      heads.add(key)
      fresh.push({ item, head })
    }
    return fresh
  }

  /** Writes one block and flushes it. @throws {DecklogError} retryable; then nothing was added */
  async add(fresh: readonly Fresh[], codec: BatchCodec): Promise<void> {
    const objects = fresh.map(({ item }) => encodeObject(item, codec).bytes)
    const block = await encodeBlock(objects.length, Buffer.concat(objects), this.#sync)
    try {
      if (this.#dirty) await this.#handle.truncate(this.bytes)
      this.#dirty = true
      await writeInTwo(this.#handle, block, this.bytes)
      await this.#handle.datasync()
      this.#dirty = false
    } catch (error) {
      throw diskError(error, `append to the archive's segment ${this.path}`)
    }
    this.#hash.update(block)
    this.bytes += block.length
    for (const { item, head } of fresh) this.summary.add(item, head)
  }

  /** Cuts off what a failed write left. @throws {DecklogError} retryable */
  async trim(): Promise<void> {
    if (!this.#dirty) return
    try {
      await this.#handle.truncate(this.bytes)
      await this.#handle.datasync()
      this.#dirty = false
    } catch (error) {
      throw diskError(error, `cut the archive's segment ${this.path}`)
    }
  }

  sha256(): string {
    return this.#hash.copy().digest('hex')
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}

export interface NewSegment {
  readonly directory: string
  readonly tenant: string
  readonly class: string
  readonly nowMs: number
  readonly codec: BatchCodec
  readonly schemaName: string
}

/** Creates the file with its header, flushed: under its name the header is whole. @throws {DecklogError} retryable; then no file is left, if the disk lets us */
export async function createSegment(options: NewSegment): Promise<SegmentFile> {
  const { directory, tenant, class: cls, nowMs, codec, schemaName } = options
  const identity = { name: segmentName(tenant, cls, nowMs), tenant, class: cls, openedMs: nowMs }
  const path = join(directory, basename(identity.name))
  const sync = randomBytes(SYNC_BYTES)
  const header = encodeHeader(metadataOf(identity, codec.schemaJson, schemaName), sync)
  let handle: FileHandle | undefined
  try {
    handle = await open(`${path}.tmp`, 'wx+', 0o600)
    await writeInTwo(handle, header, 0)
    await handle.datasync()
    await rename(`${path}.tmp`, path)
    await syncDirectory(directory)
  } catch (error) {
    await handle?.close().catch(() => undefined)
    for (const left of [path, `${path}.tmp`]) await rm(left, { force: true }).catch(() => undefined)
    throw diskError(error, `begin the archive's segment ${path}`)
  }
  const hash = createHash('sha256').update(header)
  return new SegmentFile({
    identity,
    handle,
    path,
    sync,
    schemaName,
    bytes: header.length,
    hash,
    summary: new SegmentSummary(),
  })
}

function metadataOf(identity: SegmentIdentity, schemaJson: string, schemaName: string): Map<string, string> {
  return new Map([
    ['avro.schema', segmentSchema(schemaJson)],
    ['avro.codec', 'zstandard'],
    ['decklog.schema', schemaName],
    ['decklog.name', identity.name],
    ['decklog.tenant', identity.tenant],
    ['decklog.class', identity.class],
    ['decklog.openedMs', String(identity.openedMs)],
  ])
}

/** In two parts, so that a test can stop between them and leave what a crash would leave. */
async function writeInTwo(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  const half = bytes.length >>> 1
  await writeAll(handle, bytes.subarray(0, half), position)
  passStep('archive-append')
  await writeAll(handle, bytes.subarray(half), position + half)
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written)
    written += bytesWritten
  }
}
