import type { Json, JsonObject, Quality } from '../core/document.ts'
import type { SeqRange } from '../core/event-batch.ts'
import { type DocumentWriter, put, putInteger } from './document-writer.ts'
import { writeJson, writeMembers, writeString } from './json-writer.ts'
import { formatTime, putClock } from './times.ts'

/** What is special about one document. */
export interface DocumentParts {
  /** Since the epoch, UTC. */
  readonly seconds: number
  readonly nanos: number
  /** Digits of the second's fraction. */
  readonly digits: number
  readonly message: string
  /** The parser's. */
  readonly fields: JsonObject
  readonly firstSeq: number
  /** Last record of the first range. */
  readonly lastSeq: number
  /** All ranges, where there is more than one. */
  readonly ranges: readonly SeqRange[] | undefined
  readonly parser: { readonly name: string; readonly version: number }
  readonly quality: readonly Quality[]
  /** Exact bytes in base64, where they are no text. */
  readonly raw: string | undefined
  readonly original: string | undefined
}

/** What all documents of a batch have below one name, as text and as bytes. */
interface Section {
  readonly name: string
  readonly value: JsonObject
  /** `"name":` */
  readonly key: Buffer
  /** `{…}` */
  readonly text: Buffer
  /** The same without its opening brace, behind members of the parser: `,…}` */
  readonly rest: Buffer
}

/** A document's constants between the sections that this document has fields of its own in. */
interface Layout {
  readonly pieces: readonly Buffer[]
  /** One behind each piece but the last. */
  readonly sections: readonly Section[]
  readonly last: Buffer
}

const OPEN = Buffer.from('{"@timestamp":"')
const MESSAGE = Buffer.from('","message":')
const DECKLOG = Buffer.from(',"decklog":')
const SEQ = Buffer.from('"seq":')
const RANGES = Buffer.from(',"ranges":')
const RAW = Buffer.from(',"raw":"')
const QUALITY = Buffer.from(',"quality":')
const ORIGINAL = Buffer.from(',"original":')
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const COMMA = 0x2c
const COLON = 0x3a
const QUOTE = 0x22

/** Everything of a document but its texts and constants: brackets, numbers, the names of `decklog`. */
const FIXED_BYTES_MAX = 512

/**
 * Writes documents of one batch. What they share is made into bytes once, and is joined with what a parser found as bytes, for most
 * documents have no field of both. Constants win over the parser's fields; only `event.kind` is the parser's to say.
 */
export class DocumentRenderer {
  readonly #constants: JsonObject
  readonly #sections: readonly Section[]
  readonly #decklog: Section
  readonly #event: Section
  readonly #eventWithoutKind: Section
  /** By name of a field: the bit of its section; 0 for what is always ours. */
  readonly #bits = new Map<string, number>([
    ['@timestamp', 0],
    ['message', 0],
    ['decklog', 0],
  ])
  /** By the bits of the sections that a document has fields of its own in. */
  readonly #layouts = new Map<number, Layout>()

  constructor(constants: JsonObject) {
    this.#constants = constants
    const sections = Object.entries(constants).map(([name, value]) => sectionOf(name, value as JsonObject))
    this.#decklog = sections.find(({ name }) => name === 'decklog')!
    this.#event = sections.find(({ name }) => name === 'event')!
    this.#sections = sections.filter((section) => section !== this.#decklog)
    for (const [at, { name }] of this.#sections.entries()) this.#bits.set(name, 1 << at)
    const { kind: _kind, ...event } = constants.event as JsonObject
    this.#eventWithoutKind = sectionOf('event', event)
  }

  /** One line of JSON, valid Unicode, without its newline. */
  write(writer: DocumentWriter, parts: DocumentParts): void {
    const { fields, original } = parts
    writer.reserve(FIXED_BYTES_MAX)
    const out = writer.bytes
    writer.at = put(out, putClock(parts, out, put(out, writer.at, OPEN)), MESSAGE)
    writeString(writer, parts.message)
    let bits = original === undefined ? 0 : this.#bits.get('event')!
    let hasOthers = false
    for (const name in fields) {
      const bit = this.#bits.get(name)
      if (bit === undefined) hasOthers = true
      else bits |= bit
    }
    this.#writeSections(writer, this.#layouts.get(bits) ?? this.#layoutOf(bits), parts)
    if (hasOthers) this.#writeOthers(writer, fields)
    this.#writeDecklog(writer, parts)
    writer.byte(CLOSE_OBJECT)
  }

  /** The same as an object: what rules look at. */
  assemble(parts: DocumentParts): JsonObject {
    const { fields, original } = parts
    const time = formatTime(parts.seconds, parts.nanos, parts.digits)
    const document: JsonObject = { '@timestamp': time, message: parts.message }
    for (const [name, value] of Object.entries(this.#constants)) {
      document[name] = Object.hasOwn(fields, name) ? merge(fields[name]!, value) : value
    }
    for (const name of Object.keys(fields)) if (!this.#isOurs(name)) setOwn(document, name, fields[name]!)
    document.decklog = merge(decklogOf(parts), document.decklog!)
    const kind = isObject(fields.event) ? fields.event.kind : undefined
    if (typeof kind === 'string') document.event = { ...(document.event as JsonObject), kind }
    if (original !== undefined) document.event = { ...(document.event as JsonObject), original }
    return document
  }

  #layoutOf(bits: number): Layout {
    const pieces: Buffer[] = []
    const sections: Section[] = []
    let piece: Buffer[] = []
    for (const [at, section] of this.#sections.entries()) {
      piece.push(BETWEEN, section.key)
      if ((bits & (1 << at)) === 0) piece.push(section.text)
      else {
        pieces.push(Buffer.concat(piece))
        sections.push(section)
        piece = []
      }
    }
    const layout = { pieces, sections, last: Buffer.concat(piece) }
    if (this.#layouts.size < LAYOUTS_MAX) this.#layouts.set(bits, layout)
    return layout
  }

  #writeSections(writer: DocumentWriter, { pieces, sections, last }: Layout, parts: DocumentParts): void {
    for (let i = 0; i < pieces.length; i++) {
      const section = sections[i]!
      writer.piece(pieces[i]!)
      if (section === this.#event) this.#writeEvent(writer, parts)
      else writeJoined(writer, parts.fields[section.name]!, section)
    }
    writer.piece(last)
  }

  #writeEvent(writer: DocumentWriter, { fields, original }: DocumentParts): void {
    const event = fields.event
    const hasKind = isObject(event) && typeof event.kind === 'string'
    writeJoined(writer, event, hasKind ? this.#eventWithoutKind : this.#event)
    if (original === undefined) return
    // In place of the closing brace.
    writer.at--
    writer.piece(ORIGINAL)
    writeString(writer, original)
    writer.byte(CLOSE_OBJECT)
  }

  #writeOthers(writer: DocumentWriter, fields: JsonObject): void {
    for (const name in fields) {
      if (this.#bits.has(name) || fields[name] === undefined) continue
      writer.byte(COMMA)
      writeString(writer, name)
      writer.byte(COLON)
      writeJson(writer, fields[name])
    }
  }

  #writeDecklog(writer: DocumentWriter, parts: DocumentParts): void {
    const given = parts.fields.decklog
    writer.piece(DECKLOG)
    if (isObject(given) && (hasAny(given, OWN_NAMES) || hasAny(given, this.#decklog.value))) {
      writeJoined(writer, merge(given, decklogOf(parts)), this.#decklog)
      return
    }
    writer.byte(OPEN_OBJECT)
    if (isObject(given) && writeMembers(writer, given)) writer.byte(COMMA)
    writeOwn(writer, parts)
    writer.piece(this.#decklog.rest)
  }

  #isOurs(name: string): boolean {
    return name === '@timestamp' || name === 'message' || Object.hasOwn(this.#constants, name)
  }
}

const BETWEEN = Buffer.from(',')
/** Formats make few combinations. */
const LAYOUTS_MAX = 64

/** Names below `decklog` that are said by `writeOwn`. */
const OWN_NAMES: JsonObject = { seq: 0, ranges: 0, parser: 0, quality: 0, raw: 0 }

function writeOwn(writer: DocumentWriter, parts: DocumentParts): void {
  const { firstSeq, lastSeq, ranges, quality, raw } = parts
  writer.reserve(FIXED_BYTES_MAX)
  const out = writer.bytes
  let at = put(out, putInteger(out, put(out, writer.at, SEQ), firstSeq), RANGES)
  if (ranges === undefined) at = putRange(out, at, firstSeq, lastSeq)
  writer.at = at
  if (ranges !== undefined) writeJson(writer, ranges as unknown as Json)
  writer.piece(parserPiece(parts.parser))
  if (quality.length > 0) {
    writer.piece(QUALITY)
    writeJson(writer, quality as Json[])
  }
  if (raw === undefined) return
  writer.piece(RAW)
  writer.text(raw)
  writer.byte(QUOTE)
}

/** `[[1,1]]` */
function putRange(out: Buffer, start: number, first: number, last: number): number {
  let at = start
  out[at++] = 0x5b
  out[at++] = 0x5b
  at = putInteger(out, at, first)
  out[at++] = COMMA
  at = putInteger(out, at, last)
  out[at++] = 0x5d
  out[at++] = 0x5d
  return at
}

const parserPieces = new WeakMap<DocumentParts['parser'], Buffer>()

/** `,"parser":{…}` */
function parserPiece(parser: DocumentParts['parser']): Buffer {
  let piece = parserPieces.get(parser)
  if (piece === undefined) {
    const { name, version } = parser
    piece = Buffer.from(`,"parser":${JSON.stringify({ name, version })}`)
    parserPieces.set(parser, piece)
  }
  return piece
}

function decklogOf({ firstSeq, lastSeq, ranges, parser, quality, raw }: DocumentParts): JsonObject {
  const decklog: JsonObject = {
    seq: firstSeq,
    ranges: ranges === undefined ? [[firstSeq, lastSeq]] : ranges.map((range) => [...range]),
    parser: { name: parser.name, version: parser.version },
  }
  if (quality.length > 0) decklog.quality = [...quality]
  if (raw !== undefined) decklog.raw = raw
  return decklog
}

function sectionOf(name: string, value: JsonObject): Section {
  const text = Buffer.from(wellFormed(JSON.stringify(value)))
  const rest = text.length === 2 ? text.subarray(1) : Buffer.concat([BETWEEN, text.subarray(1)])
  return { name, value, key: Buffer.from(`"${name}":`), text, rest }
}

/** `{…}` of both; where they have a member in common, it is the constant one. */
function writeJoined(writer: DocumentWriter, under: Json | undefined, over: Section): void {
  if (!isObject(under)) writer.piece(over.text)
  else if (hasAny(under, over.value)) writeJson(writer, merge(under, over.value))
  else {
    writer.byte(OPEN_OBJECT)
    if (writeMembers(writer, under)) writer.piece(over.rest)
    else {
      writer.at--
      writer.piece(over.text)
    }
  }
}

function hasAny(object: JsonObject, names: JsonObject): boolean {
  for (const name in names) if (object[name] !== undefined && Object.hasOwn(object, name)) return true
  return false
}

/** A name such as `__proto__` is only a name. */
function setOwn(object: JsonObject, name: string, value: Json): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
}

/** `over` wins; its keys are ours. Spreading keeps a foreign `__proto__` a key like any other. */
function merge(under: Json, over: Json): Json {
  if (!isObject(under) || !isObject(over)) return over
  const merged: JsonObject = { ...under }
  for (const name of Object.keys(over)) {
    merged[name] = Object.hasOwn(under, name) ? merge(under[name]!, over[name]!) : over[name]!
  }
  return merged
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** JSON.stringify writes half a surrogate pair as `\udXXX`, which stores refuse; a backslash of the text is `\\`. */
function wellFormed(json: string): string {
  if (!json.includes('\\ud')) return json
  return json.replace(/\\(?:\\|u(d[89a-f][0-9a-f]{2})|.)/g, (escape, surrogate) =>
    surrogate === undefined ? escape : '\ufffd',
  )
}
