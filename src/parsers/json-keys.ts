import { QualityBit } from '../core/quality.ts'
import { PayloadSlot } from '../ports/line-format.ts'

/**
 * Keys that common loggers use: pino, bunyan, zap, logrus, slog, zerolog, Logback and log4j (ECS and Logstash encoders),
 * Serilog, structlog, GELF. In a list the first that a line has wins. A dot means a key in an object, or a dot in the key.
 */
const KNOWN: readonly (readonly [slot: number, keys: readonly string[]])[] = [
  [
    PayloadSlot.message,
    [
      'message',
      'msg',
      'log',
      'short_message',
      '@m',
      '@mt',
      'event',
      'MESSAGE',
      'RenderedMessage',
      'Message',
      'MessageTemplate',
      'body',
    ],
  ],
  [
    PayloadSlot.level,
    [
      'log.level',
      'level',
      'severity',
      'lvl',
      '@l',
      'level_name',
      'levelname',
      'loglevel',
      'logLevel',
      'PRIORITY',
      'Level',
      'LogLevel',
      'severity_text',
    ],
  ],
  [
    PayloadSlot.logger,
    ['log.logger', 'logger', 'logger_name', 'loggerName', 'SourceContext', 'name', 'Category'],
  ],
  [
    PayloadSlot.errorType,
    ['error.type', 'err.type', 'exception.exception_class', 'exception.type', 'thrown.name', 'error_type'],
  ],
  [
    PayloadSlot.errorMessage,
    [
      'error.message',
      'err.message',
      'exception.exception_message',
      'exception.message',
      'error',
      'err',
      'thrown.message',
      'error_message',
    ],
  ],
  [
    PayloadSlot.errorStack,
    [
      'error.stack_trace',
      'err.stack',
      'error.stack',
      'exception.stacktrace',
      'stack_trace',
      'stacktrace',
      'stack',
      '@x',
      'exc_info',
      'exception',
      'Exception',
      'stackTrace',
      'thrown.extendedStackTrace',
    ],
  ],
  [PayloadSlot.trace, ['trace.id', 'trace_id', 'traceId', 'traceID', 'dd.trace_id', '@tr', 'TraceId']],
  [PayloadSlot.span, ['span.id', 'span_id', 'spanId', 'spanID', 'dd.span_id', '@sp', 'SpanId']],
]

interface KnownKey {
  readonly slot: number
  readonly rank: number
  readonly bytes: Uint8Array
}

const FNV_START = 0x811c9dc5 | 0
const FNV_PRIME = 0x01000193
const TABLE_SIZE = 4096
const KNOWN_SIZE = 1024

const known: KnownKey[] = []
const knownAt = new Int16Array(KNOWN_SIZE).fill(-1)
const knownHash: number[] = []
/** Hash of `parent.`, where the hash of its inner keys begins, by known key; 0 for a key that is no parent. */
const parentHash: number[] = []

for (const [slot, keys] of KNOWN) {
  for (const [rank, key] of keys.entries()) addKnown(key, slot, rank)
}
for (const parent of ['log', 'error', 'err', 'exception', 'trace', 'span', 'dd', 'thrown']) {
  const text = new TextEncoder().encode(parent)
  const at = findKnown(hashOf(FNV_START, text, 0, text.length), text, 0, text.length)
  const index = at >= 0 ? at : addKnown(parent, -1, 255)
  parentHash[index] = hashOf(FNV_START, new TextEncoder().encode(`${parent}.`), 0, text.length + 1)
}

/**
 * The keys of one JSON text: says which are there twice in one object and which are known, in constant time a key. An open
 * hash table that is cleared by counting up a stamp.
 */
export class KeyTable {
  /** Index of the known key that was added last, or -1. */
  known = -1
  /** Is the key that was added last one that naive code would let change its prototypes? */
  proto = false
  readonly #max: number
  #count = 0
  #stamp = 0
  readonly #stamps = new Int32Array(TABLE_SIZE)
  readonly #frames = new Int32Array(TABLE_SIZE)
  readonly #hashes = new Int32Array(TABLE_SIZE)
  readonly #starts = new Int32Array(TABLE_SIZE)
  readonly #ends = new Int32Array(TABLE_SIZE)

  constructor(max: number) {
    this.#max = max
  }

  clear(): void {
    this.#count = 0
    this.#stamp = (this.#stamp + 1) | 0
  }

  /**
   * Adds the key between start and end (its quotes excluded) to object `frame`. `parent`: what `parentOf` gave for the key that
   * the object belongs to, else 0. Returns 0, or why the whole text is odd.
   */
  add(bytes: Uint8Array, start: number, end: number, frame: number, parent: number): number {
    if (++this.#count > this.#max) return QualityBit.jsonTooManyKeys
    let hash = parent === 0 ? FNV_START : parent
    let escaped = false
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!
      if (byte === 0x5c) escaped = true
      hash = Math.imul(hash ^ byte, FNV_PRIME)
    }
    if (escaped) return this.#addEscaped(bytes, start, end, frame)
    this.proto = isProto(bytes, start, end)
    this.known = findKnown(hash, bytes, start, end, parent)
    return this.#insert(bytes, start, end, frame, parent === 0 ? hash : hashOf(FNV_START, bytes, start, end))
  }

  slotOf(index: number): number {
    return known[index]!.slot
  }

  rankOf(index: number): number {
    return known[index]!.rank
  }

  parentOf(index: number): number {
    return parentHash[index] ?? 0
  }

  /** Keys are compared as what they mean: `\u0061` is `a`. */
  #addEscaped(bytes: Uint8Array, start: number, end: number, frame: number): number {
    this.known = -1
    const text = decoded(bytes, start, end)
    this.proto = text === '__proto__' || text === 'constructor' || text === 'prototype'
    if (text.includes('\0')) return QualityBit.jsonKeyNul
    const plain = Buffer.from(text)
    return this.#insert(bytes, start, end, frame, hashOf(FNV_START, plain, 0, plain.length))
  }

  #insert(bytes: Uint8Array, start: number, end: number, frame: number, hash: number): number {
    let at = (hash ^ Math.imul(frame, 0x9e3779b1)) & (TABLE_SIZE - 1)
    while (this.#stamps[at] === this.#stamp) {
      if (this.#hashes[at] === hash && this.#frames[at] === frame) {
        if (sameKey(bytes, this.#starts[at]!, this.#ends[at]!, start, end)) return QualityBit.jsonDuplicateKey
      }
      at = (at + 1) & (TABLE_SIZE - 1)
    }
    this.#stamps[at] = this.#stamp
    this.#frames[at] = frame
    this.#hashes[at] = hash
    this.#starts[at] = start
    this.#ends[at] = end
    return 0
  }
}

function addKnown(key: string, slot: number, rank: number): number {
  const bytes = new TextEncoder().encode(key)
  const hash = hashOf(FNV_START, bytes, 0, bytes.length)
  const index = known.push({ slot, rank, bytes }) - 1
  knownHash.push(hash)
  parentHash.push(0)
  let at = hash & (KNOWN_SIZE - 1)
  while (knownAt[at]! >= 0) at = (at + 1) & (KNOWN_SIZE - 1)
  knownAt[at] = index
  return index
}

/** With a parent the bytes are only the last part of the known key; the hash has both. */
function findKnown(hash: number, bytes: Uint8Array, start: number, end: number, parent = 0): number {
  let at = hash & (KNOWN_SIZE - 1)
  for (let index = knownAt[at]!; index >= 0; index = knownAt[at]!) {
    if (knownHash[index] === hash && endsWith(known[index]!.bytes, bytes, start, end, parent !== 0))
      return index
    at = (at + 1) & (KNOWN_SIZE - 1)
  }
  return -1
}

function endsWith(key: Uint8Array, bytes: Uint8Array, start: number, end: number, isInner: boolean): boolean {
  const skip = key.length - (end - start)
  if (isInner ? skip < 2 || key[skip - 1] !== 0x2e : skip !== 0) return false
  for (let i = start; i < end; i++) if (bytes[i] !== key[skip + i - start]) return false
  return true
}

function hashOf(start: number, bytes: Uint8Array, from: number, to: number): number {
  let hash = start
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, FNV_PRIME)
  return hash
}

function isProto(bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start
  if (length !== 9 && length !== 11) return false
  const first = bytes[start]
  if (first !== 0x5f && first !== 0x63 && first !== 0x70) return false
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString('latin1', 0, length)
  return text === '__proto__' || text === 'constructor' || text === 'prototype'
}

function sameKey(bytes: Uint8Array, aStart: number, aEnd: number, bStart: number, bEnd: number): boolean {
  return decoded(bytes, aStart, aEnd) === decoded(bytes, bStart, bEnd)
}

/** The scanner has found the escapes to be valid. */
function decoded(bytes: Uint8Array, start: number, end: number): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString(
    'utf8',
    0,
    end - start,
  )
  return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text
}
