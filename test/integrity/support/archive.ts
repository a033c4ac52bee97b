import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { systemClock } from '../../../src/app/system-clock.ts'
import { openLocalArchive } from '../../../src/archive/local.ts'
import { decodeRawBatch, encodeRawBatch, rawBatchSchemaJson } from '../../../src/codec/raw-batch.ts'
import type { Provenance, RawBatch } from '../../../src/core/batch.ts'
import { chainHead } from '../../../src/core/identity.ts'
import { Telemetry } from '../../../src/core/telemetry.ts'

/** What anybody may ask. */
export const ASKING = { principal: { id: 'local' }, scope: { clusters: '*', classes: '*' } } as const

export interface ArchivedStream {
  /** See `keyOf`. */
  readonly key: string
  readonly stream: string
  readonly class: string
  /** Each once, in the order of the chain. */
  readonly batches: readonly RawBatch[]
}

export interface ArchiveContent {
  readonly streams: readonly ArchivedStream[]
  /** Batches that stand there more than once: sent again after a restart. */
  readonly repeated: number
  /** Losses that were declared without a record, by stream: the shipper cannot know whether there was more. */
  readonly vagueLosses: readonly { readonly key: string; readonly reason: string; readonly detail: string }[]
  readonly problems: readonly string[]
}

/** Names a generated stream and a decklog stream alike: the place of the file below the folder of the pods, or its path. */
export function keyOf({ kind, names }: Pick<Provenance, 'kind' | 'names'>): string {
  if (kind !== 'pods') return names['path']!
  const { namespace, pod, uid, container, restart } = names
  return `${namespace}_${pod}_${uid}/${container}/${restart}.log`
}

/** Seals what is open and reads the whole archive: digests, chains and repeats are checked. No decklog may run there. */
export async function readArchive(dataDir: string): Promise<ArchiveContent> {
  await using archive = await openLocalArchive({
    directory: join(dataDir, 'archive'),
    clock: systemClock,
    telemetry: new Telemetry(),
    codec: { schemaJson: rawBatchSchemaJson, encode: encodeRawBatch, decode: decodeRawBatch },
  })
  await archive.seal({ all: true })
  const byStream = new Map<string, Map<string, RawBatch>>()
  const problems: string[] = []
  const vagueLosses: { key: string; reason: string; detail: string }[] = []
  let repeated = 0
  for await (const { name } of archive.list(ASKING)) {
    for await (const { batch } of archive.read(name, ASKING)) {
      const known = byStream.get(batch.stream) ?? new Map<string, RawBatch>()
      byStream.set(batch.stream, known)
      const previous = Buffer.from(batch.previous).toString('hex')
      const first = known.get(previous)
      if (first === undefined) {
        known.set(previous, batch)
        const key = keyOf(batch.provenance)
        problems.push(...damageOf(batch))
        for (const { count, reason, detail } of batch.losses)
          if (count === 0) vagueLosses.push({ key, reason, detail })
      } else if (Buffer.compare(chainHead(first), chainHead(batch)) === 0) repeated++
      else
        problems.push(`${keyOf(batch.provenance)}: two batches follow one head at record ${batch.firstSeq}`)
    }
  }
  const streams = [...byStream].map(([stream, batches]) => inChainOrder(stream, batches, problems))
  return { streams, repeated, vagueLosses, problems }
}

export function bytesOf(batch: RawBatch): Buffer {
  if (batch.codec === 'none') return Buffer.from(batch.payload)
  return zstdDecompressSync(batch.payload, { maxOutputLength: Math.max(1, batch.rawBytes) })
}

function damageOf(batch: RawBatch): string[] {
  const at = `${keyOf(batch.provenance)} at record ${batch.firstSeq}`
  const losses = batch.losses
    .filter(({ count }) => count > 0)
    .map(({ count, reason, detail }) => `${at}: a loss of ${count} is declared: ${reason}, ${detail}`)
  const bytes = bytesOf(batch)
  const isWhole =
    bytes.length === batch.rawBytes && createHash('sha256').update(bytes).digest().equals(batch.digest)
  return isWhole ? losses : [...losses, `${at}: the payload has not the digest that the shipper gave it`]
}

function inChainOrder(
  stream: string,
  byPrevious: ReadonlyMap<string, RawBatch>,
  problems: string[],
): ArchivedStream {
  const batches: RawBatch[] = []
  let head = '0'.repeat(64)
  for (let batch = byPrevious.get(head); batch !== undefined; batch = byPrevious.get(head)) {
    batches.push(batch)
    head = Buffer.from(chainHead(batch)).toString('hex')
  }
  const some = byPrevious.values().next().value!
  const key = keyOf(some.provenance)
  if (batches.length < byPrevious.size)
    problems.push(`${key}: the chain reaches ${batches.length} of ${byPrevious.size} batches`)
  return { key, stream, class: some.class, batches }
}
