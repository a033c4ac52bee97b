import { createRequire } from 'node:module'
import { release } from '../../core/release.ts'

/** The part of kafkajs' encoder that is mended here: bytes grow in `buf`, of which `offset` are written. */
interface Encoder {
  buf: Buffer
  offset: number
  /** What was written before `buf`, in order: pieces of earlier bufs, and large buffers of others by reference. */
  pieces?: Buffer[]
  pieceBytes?: number
  readonly buffer: Buffer
  writeInt32(value: number): Encoder
  writeBufferInternal(buffer: Buffer): void
  writeBytes(value: unknown): Encoder
  writeEncoder(value: Encoder): Encoder
  writeEncoderArray(value: readonly Encoder[]): Encoder
  size(): number
}

/** Shorter ones are copied: that costs less than to remember them. */
const PIECE_BYTES_MIN = 4096
const ROOM_BYTES = 128

interface RecordBatches {
  RecordBatch: (options: object) => Promise<Encoder>
}

/** What encoders copy together while a batch of records is being encoded, in order. */
let gathered: Buffer[] | undefined
/** Encoded batches: copied once more, into their request. */
const batches = new WeakSet<Buffer>()
let isMended = false

/**
 * kafkajs 2.2.4 encodes a message nine times over: record, batch, partition, topic, request and more are each a buffer of their own,
 * zeroed, of the next power of two, into which the one before is copied. For a batch of 64 KiB that is a megabyte, and it keeps the
 * garbage collector busier than everything else. Here an encoder keeps what is large by reference, and copies it when somebody
 * asks for its bytes: for the checksum, for the batch and for the socket. The bytes are the same, and of the three copies only the
 * last one outlives the next: see `Sockets` for that one.
 */
export function mendEncoder(): void {
  if (isMended) return
  isMended = true
  const require = createRequire(import.meta.url)
  const { prototype } = require('kafkajs/src/protocol/encoder') as { prototype: Encoder }
  mendRecordBatch(require('kafkajs/src/protocol/recordBatch/v0') as RecordBatches)
  // oxlint-disable-next-line typescript/unbound-method -- both are called with their encoder
  const { writeBufferInternal, writeBytes } = prototype
  prototype.writeBufferInternal = function (this: Encoder, buffer): void {
    if (buffer.length < PIECE_BYTES_MIN) writeBufferInternal.call(this, buffer)
    else {
      setAside(this)
      this.pieces!.push(buffer)
      this.pieceBytes! += buffer.length
    }
  }
  prototype.writeBytes = function (this: Encoder, value): Encoder {
    if (!Buffer.isBuffer(value) || value.length < PIECE_BYTES_MIN) return writeBytes.call(this, value)
    this.writeInt32(value.length)
    this.writeBufferInternal(value)
    return this
  }
  prototype.writeEncoder = function (this: Encoder, value): Encoder {
    writeAll(this, value)
    return this
  }
  prototype.writeEncoderArray = function (this: Encoder, values): Encoder {
    for (const value of values) writeAll(this, value)
    return this
  }
  prototype.size = function (this: Encoder): number {
    return (this.pieceBytes ?? 0) + this.offset
  }
  Object.defineProperty(prototype, 'buffer', {
    get(this: Encoder): Buffer {
      if (this.pieces === undefined) return this.buf.subarray(0, this.offset)
      if (this.pieces.length === 1 && this.offset === 0) return this.pieces[0]!
      const whole = Buffer.concat([...this.pieces, this.buf.subarray(0, this.offset)])
      gathered?.push(whole)
      for (const piece of this.pieces) if (batches.delete(piece)) release(piece)
      this.pieces = [whole]
      this.pieceBytes = whole.length
      this.buf = Buffer.alloc(ROOM_BYTES)
      this.offset = 0
      return whole
    },
  })
}

/**
 * A batch is encoded in one go when it is not compressed, and kafkajs makes it anew for each attempt: its body, gathered for the
 * checksum, and the batch, gathered for its length, are nobody else's. Loaded before kafkajs encodes its first request, which
 * takes the function for good.
 */
function mendRecordBatch(module: RecordBatches): void {
  const { RecordBatch } = module
  module.RecordBatch = (options) => {
    gathered = []
    const encoding = RecordBatch(options)
    const [body, batch] = gathered
    gathered = undefined
    if (body !== undefined && batch !== undefined) {
      release(body)
      batches.add(batch)
    }
    return encoding
  }
}

function writeAll(into: Encoder, value: Encoder): void {
  for (const piece of value.pieces ?? []) into.writeBufferInternal(piece)
  into.writeBufferInternal(value.buf.subarray(0, value.offset))
}

/** The encoder goes on with a new buf. */
function setAside(encoder: Encoder): void {
  encoder.pieces ??= []
  encoder.pieceBytes ??= 0
  if (encoder.offset === 0) return
  encoder.pieces.push(encoder.buf.subarray(0, encoder.offset))
  encoder.pieceBytes += encoder.offset
  encoder.buf = Buffer.alloc(ROOM_BYTES)
  encoder.offset = 0
}
