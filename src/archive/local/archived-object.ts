import type { RawBatch } from '../../core/batch.ts'
import type { ArchivedBatch } from '../../ports/archive.ts'
import { decodeLong, encodeLong } from './container-file.ts'

/** How batches are written and read: `codec/raw-batch.ts`, given by whoever opens the archive. */
export interface BatchCodec {
  /** The Avro schema of a raw batch. */
  readonly schemaJson: string
  /** Single-object encoding: ten bytes that name the schema, then the record. */
  readonly encode: (batch: RawBatch) => Uint8Array
  /** @throws {Error} when the bytes are no raw batch */
  readonly decode: (bytes: Uint8Array) => RawBatch
}

/**
 * What a block's data is made of, so that any Avro reader can read a segment:
 * ```
 * object = receivedMs batchBytes batch
 * receivedMs = long     when the bus took it, milliseconds since the epoch
 * batchBytes = long     length of `batch`: finds the next object without knowing the schema of this one
 * batch      = the record of schemas/raw-batch.avsc
 * ```
 * The ten bytes that name the schema are the same for all and stand once, in the header (`decklog.schema`).
 */
const SCHEMA_NAME_BYTES = 10

export function segmentSchema(batchSchemaJson: string): string {
  return JSON.stringify({
    type: 'record',
    name: 'ArchivedBatch',
    namespace: 'io.decklog.v1',
    fields: [
      { name: 'receivedMs', type: 'long' },
      { name: 'batchBytes', type: 'long' },
      { name: 'batch', type: JSON.parse(batchSchemaJson) as unknown },
    ],
  })
}

export interface EncodedObject {
  readonly bytes: Buffer
  /** Hex of the ten bytes that name the schema. */
  readonly schemaName: string
}

export function encodeObject({ batch, receivedMs }: ArchivedBatch, codec: BatchCodec): EncodedObject {
  const coded = codec.encode(batch)
  const body = coded.subarray(SCHEMA_NAME_BYTES)
  const schemaName = Buffer.from(coded.subarray(0, SCHEMA_NAME_BYTES)).toString('hex')
  return { bytes: Buffer.concat([encodeLong(receivedMs), encodeLong(body.length), body]), schemaName }
}

/** The batches of a block. Undefined when the data is not what the grammar says. */
export function decodeObjects(
  data: Uint8Array,
  count: number,
  schemaName: string,
  codec: BatchCodec,
): ArchivedBatch[] | undefined {
  const name = Buffer.from(schemaName, 'hex')
  const batches: ArchivedBatch[] = []
  let at = 0
  for (let i = 0; i < count; i++) {
    const receivedMs = decodeLong(data, at)
    const length = receivedMs && decodeLong(data, receivedMs.next)
    if (receivedMs === undefined || length === undefined) return undefined
    const end = length.next + length.value
    if (length.value < 0 || end > data.length) return undefined
    try {
      const batch = codec.decode(Buffer.concat([name, data.subarray(length.next, end)]))
      batches.push({ batch, receivedMs: receivedMs.value })
    } catch {
      return undefined
    }
    at = end
  }
  return at === data.length ? batches : undefined
}
