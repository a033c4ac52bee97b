import { readFileSync } from 'node:fs'
import avro from 'avsc'

/**
 * What is on the bus: an Avro *single-object encoding* (Avro specification: magic C3 01, then the schema's 64-bit Rabin
 * fingerprint, little-endian, then the record), so that a reader knows by which schema a message was written.
 */
const HEADER_BYTES = 10

export interface Coder<Wire> {
  readonly schemaJson: string
  encode(value: Wire): Uint8Array
  /** @throws {Error} when the bytes are no message of a known schema; the caller turns that into a dead letter */
  decode(bytes: Uint8Array): Wire
}

/**
 * A coder for one schema file.
 *
 * Evolution: fields are only ever added at the end, with a default. So an old reader reads a new message by its own schema and
 * stops before the new fields; a new reader reads an old message by the old schema, kept in `schemas/history/`.
 */
export function coderFor<Wire>(file: string, history: readonly string[] = []): Coder<Wire> {
  const schemaJson = readFileSync(new URL(`../../schemas/${file}`, import.meta.url), 'utf8')
  return coderOf<Wire>(schemaJson, history)
}

/** The same from the schemas' texts. */
export function coderOf<Wire>(schemaJson: string, history: readonly string[] = []): Coder<Wire> {
  const type = parseSchema(schemaJson)
  const header = headerOf(type)
  const own = header.toString('hex')
  const older = new Map(history.map((text) => resolverFrom(type, parseSchema(text))))
  return {
    schemaJson,
    encode(value) {
      // Says how long it will be where there is no room: so that the bytes of a large field are copied once.
      const end = type.encode(value, ROOM, 0)
      const bytes = Buffer.allocUnsafe(HEADER_BYTES + (end < 0 ? ROOM.length - end : end))
      header.copy(bytes)
      type.encode(value, bytes, HEADER_BYTES)
      return bytes
    },
    decode(bytes) {
      const buffer = view(bytes)
      const key = buffer.subarray(0, HEADER_BYTES).toString('hex')
      if (key === own) return type.fromBuffer(buffer.subarray(HEADER_BYTES)) as Wire
      const writer = older.get(key)
      if (writer) return type.fromBuffer(buffer.subarray(HEADER_BYTES), writer) as Wire
      return decodeNewer<Wire>(type, buffer)
    },
  }
}

/** The same bytes as avsc wants them, without a copy. */
export function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function resolverFrom(reader: avro.Type, writer: avro.Type): [string, avro.Resolver] {
  return [headerOf(writer).toString('hex'), reader.createResolver(writer)]
}

/** Reads the fields that this version knows of a message written by a later one. */
function decodeNewer<Wire>(type: avro.Type, buffer: Buffer): Wire {
  if (
    buffer[0] !== 0xc3 ||
    buffer[1] !== 0x01 ||
    !STREAM_FIELD.test(buffer.toString('latin1', HEADER_BYTES, HEADER_BYTES + 25))
  ) {
    throw new Error('not a message of decklog: neither its header nor its first field are known')
  }
  const { value, offset } = type.decode(buffer, HEADER_BYTES)
  if (offset < 0) throw new Error('the message is cut off')
  return value
}

/** Every message begins with its stream: Avro's length 24, zigzag-coded as 0x30, then the hex digits. */
const STREAM_FIELD = /^0[0-9a-f]{24}$/

function parseSchema(text: string): avro.Type {
  const typeHook = (schema: avro.Schema): avro.Type | undefined =>
    schema === 'bytes' ? new BytesInPlace() : undefined
  return avro.Type.forSchema(JSON.parse(text) as avro.Schema, { typeHook })
}

/** Room for all but the large fields of a message. */
const ROOM = Buffer.alloc(4096)
/** A shorter field is copied: whoever keeps a digest must not keep the whole message with it. */
const VIEW_BYTES_MIN = 4096

/** What avsc reads from. */
interface Tap {
  readonly buf: Buffer
  pos: number
  readLong(): number
}

/** Large `bytes` are views into the message. avsc copies them into new memory, which costs more than all the rest of reading. */
class BytesInPlace extends avro.types.BytesType {
  _read(tap: Tap): Buffer | undefined {
    const length = tap.readLong()
    const at = tap.pos
    // Behind the end is avsc's way to say that the message is not valid.
    tap.pos = length < 0 ? tap.buf.length + 1 : at + length
    if (tap.pos > tap.buf.length) return undefined
    const view = tap.buf.subarray(at, tap.pos)
    return length < VIEW_BYTES_MIN ? Buffer.from(view) : view
  }
}

/** Magic and the fingerprint of the schema; avsc gives MD5 by default, the specification wants CRC-64-AVRO. */
function headerOf(type: avro.Type): Buffer {
  const canonical = JSON.stringify(type.schema())
  const header = Buffer.alloc(HEADER_BYTES)
  header[0] = 0xc3
  header[1] = 0x01
  header.writeBigUInt64LE(crc64Avro(Buffer.from(canonical)), 2)
  return header
}

const CRC64_EMPTY = 0xc15d213aa4d7a795n

/** CRC-64-AVRO of the Avro specification, "Schema fingerprints". */
export function crc64Avro(bytes: Uint8Array): bigint {
  let fingerprint = CRC64_EMPTY
  for (const byte of bytes) {
    let entry = (fingerprint ^ BigInt(byte)) & 0xffn
    for (let bit = 0; bit < 8; bit++)
      entry = (entry >> 1n) ^ (CRC64_EMPTY & -(entry & 1n) & 0xffffffffffffffffn)
    fingerprint = (fingerprint >> 8n) ^ entry
  }
  return fingerprint
}
