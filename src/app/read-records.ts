import { createReadStream } from 'node:fs'
import { createHash } from 'node:crypto'
import type { Provenance, RawBatch } from '../core/batch.ts'
import { DecklogError, systemCode } from '../core/errors.ts'
import { CHAIN_START, chainHead, streamId } from '../core/identity.ts'
import { BATCH_BYTES_MAX } from '../core/limits.ts'
import { cutChunk } from '../roles/ship/cut-chunk.ts'

export interface RawRecords {
  readonly batch: RawBatch
  /** Unpacked payload. */
  readonly raw: Buffer
}

export interface ReadOptions {
  /** A path, or `-` for standard input. */
  readonly path: string
  readonly class: string
  readonly provenance: Provenance
  readonly wallTimeMs: number
  readonly pipelineVersion: string
}

/** Lineage of what a command reads: the same file gives the same ids each time. */
const LINEAGE = '0'.repeat(16)

/**
 * A file or standard input as raw batches, cut as the shipper would, without its journal; ends with a `closed` mark.
 * @throws {DecklogError} `usage` when the file cannot be read
 */
export async function* readRecords(options: ReadOptions): AsyncGenerator<RawRecords> {
  const batches = new BatchMaker(options)
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of bytesOf(options.path)) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      const made = batches.cut(rest, false)
      if (made === undefined) break
      rest = rest.subarray(made.raw.length)
      yield made
    }
  }
  // Whole lines first; what then is left lacks its newline, and is a batch of its own.
  while (rest.length > 0) {
    const made = batches.cut(rest, true)
    if (made === undefined) break
    rest = rest.subarray(made.raw.length)
    yield made
  }
  yield batches.closed()
}

async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  const stream = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: BATCH_BYTES_MAX })
  try {
    for await (const chunk of stream) yield chunk as Buffer
  } catch (error) {
    const code = systemCode(error)
    const why =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EACCES'
          ? 'this user may not read it'
          : code === 'EISDIR'
            ? 'it is a folder'
            : `it cannot be read (${code ?? 'unknown error'})`
    throw new DecklogError('usage', `${path}: ${why}`, { cause: error })
  }
}

class BatchMaker {
  readonly #options: ReadOptions
  readonly #stream: string
  #nextSeq = 0
  #position = 0
  #fragment = 0
  #previous = CHAIN_START

  constructor(options: ReadOptions) {
    this.#options = options
    this.#stream = streamId(options.provenance, LINEAGE, '')
  }

  /** One batch off the front of `bytes`; undefined when more is needed. A line without its end is a record at the end only. */
  cut(bytes: Buffer, final: boolean): RawRecords | undefined {
    if (bytes.length < BATCH_BYTES_MAX && !final) return undefined
    const inRecord = this.#fragment > 0
    const cut = cutChunk(
      bytes.subarray(0, BATCH_BYTES_MAX),
      inRecord,
      final && bytes.length <= BATCH_BYTES_MAX,
    )
    if (cut === undefined || (cut.end === 0 && !inRecord)) return undefined
    // A short line at the end of a file that lacks its newline is an ordinary record.
    const isFragment = cut.fragment && (inRecord || cut.end === BATCH_BYTES_MAX)
    const fragment = isFragment ? { index: this.#fragment, last: cut.last } : null
    this.#fragment = isFragment && !cut.last ? this.#fragment + 1 : 0
    return this.#make(bytes.subarray(0, cut.end), cut.count, fragment, [])
  }

  closed(): RawRecords {
    return this.#make(Buffer.alloc(0), 0, null, ['closed'])
  }

  #make(raw: Buffer, count: number, fragment: RawBatch['fragment'], marks: RawBatch['marks']): RawRecords {
    const { provenance, wallTimeMs, pipelineVersion } = this.#options
    const batch: RawBatch = {
      stream: this.#stream,
      lineage: LINEAGE,
      class: this.#options.class,
      tenant: provenance.cluster,
      provenance,
      firstSeq: this.#nextSeq,
      count,
      fragment,
      source: { file: this.#options.path, from: this.#position, to: this.#position + raw.length },
      streamOffset: this.#position,
      rawBytes: raw.length,
      codec: 'none',
      digest: createHash('sha256').update(raw).digest(),
      digestKind: 'plain',
      previous: this.#previous,
      wallTimeMs,
      monotonicNs: 0n,
      marks,
      losses: [],
      sender: { id: 'decklog', run: LINEAGE },
      keyEpoch: null,
      signature: null,
      pipelineVersion,
      extra: {},
      payload: raw,
    }
    this.#previous = chainHead(batch)
    this.#nextSeq += count
    this.#position += raw.length
    return { batch, raw }
  }
}
