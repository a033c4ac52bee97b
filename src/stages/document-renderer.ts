import type { Json, JsonObject, Quality } from '../core/document.ts'
import type { SeqRange } from '../core/event-batch.ts'
import { type DocumentWriter, putInteger } from './document-writer.ts'
import { FULL, putJson, putMembersBut, putPiece, putString } from './json-writer.ts'
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
  /** Names of its members, which the parser cannot set. */
  readonly names: ReadonlySet<string>
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
  /** One behind each piece but the last, with its place among all sections. */
  readonly sections: readonly { readonly section: Section; readonly index: number }[]
  readonly last: Buffer
}

const OPEN = Buffer.from('{"@timestamp":"')
const MESSAGE = Buffer.from('","message":')
const DECKLOG = Buffer.from(',"decklog":')
const SEQ = Buffer.from('"seq":')
const RANGES = Buffer.from(',"ranges":')
const RAW = Buffer.from(',"raw":')
const QUALITY = Buffer.from(',"quality":')
const ORIGINAL = Buffer.from(',"original":')
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const COMMA = 0x2c
const COLON = 0x3a

/** A document's first try has this room: enough for all but long messages. */
const ROOM_MIN = 8 * 1024

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
  /** By name of a field: the place of its section; NEVER for what is always ours. */
  readonly #places = new Map<string, number>([
    ['@timestamp', NEVER],
    ['message', NEVER],
  ])
  readonly #eventPlace: number
  readonly #eventBit: number
  readonly #decklogPlace: number
  readonly #decklogNames: ReadonlySet<string>
  /** Of the document that is written: values of sections by their place, names and values that are in no section. */
  readonly #values: (Json | undefined)[]
  readonly #otherNames: string[] = []
  readonly #otherValues: (Json | undefined)[] = []
  /** By the bits of the sections that a document has fields of its own in. */
  readonly #layouts = new Map<number, Layout>()

  constructor(constants: JsonObject) {
    this.#constants = constants
    const sections = Object.entries(constants).map(([name, value]) => sectionOf(name, value as JsonObject))
    this.#decklog = sections.find(({ name }) => name === 'decklog')!
    this.#event = sections.find(({ name }) => name === 'event')!
    this.#sections = sections.filter((section) => section !== this.#decklog)
    for (const [at, { name }] of this.#sections.entries()) this.#places.set(name, at)
    this.#eventPlace = this.#places.get('event')!
    this.#eventBit = 1 << this.#eventPlace
    this.#decklogPlace = this.#sections.length
    this.#places.set('decklog', this.#decklogPlace)
    this.#decklogNames = new Set([...this.#decklog.names, ...OWN_NAMES])
    this.#values = Array.from({ length: this.#sections.length + 1 }, () => undefined)
    const { kind: _kind, ...event } = constants.event as JsonObject
    this.#eventWithoutKind = sectionOf('event', event)
  }

  /** One line of JSON, valid Unicode, without its newline. What does not fit is begun again in more room. */
  write(writer: DocumentWriter, parts: DocumentParts): void {
    const start = writer.at
    writer.reserve(ROOM_MIN)
    for (;;) {
      const end = this.#tryPut(writer.bytes, start, parts)
      if (end <= writer.bytes.length) {
        writer.at = end
        return
      }
      writer.reserve(writer.bytes.length + 1)
    }
  }

  /** Returns where it ends; Infinity when there is no room. */
  #tryPut(out: Buffer, start: number, parts: DocumentParts): number {
    try {
      return this.#put(out, start, parts)
    } catch (error) {
      if (error !== FULL) throw error
      return Number.POSITIVE_INFINITY
    }
  }

  #put(out: Buffer, start: number, parts: DocumentParts): number {
    const { fields } = parts
    const values = this.#values
    const names = this.#otherNames
    const others = this.#otherValues
    names.length = 0
    others.length = 0
    values[this.#decklogPlace] = undefined
    let bits = parts.original === undefined ? 0 : this.#eventBit
    values[this.#eventPlace] = undefined
    for (const name in fields) {
      const place = this.#places.get(name)
      if (place === undefined) {
        names.push(name)
        others.push(fields[name])
      } else if (place !== NEVER) {
        bits |= 1 << place
        values[place] = fields[name]
      }
    }
    bits &= ~(1 << this.#decklogPlace)
    let at = putPiece(out, start, OPEN)
    at = putPiece(out, putClock(parts, out, at), MESSAGE)
    at = putString(out, at, parts.message)
    at = this.#putSections(out, at, this.#layouts.get(bits) ?? this.#layoutOf(bits), parts.original)
    for (let i = 0; i < names.length; i++) {
      const value = others[i]
      if (value === undefined) continue
      out[at] = COMMA
      at = putString(out, at + 1, names[i]!)
      out[at] = COLON
      at = putJson(out, at + 1, value)
    }
    at = this.#putDecklog(out, at, parts)
    out[at] = CLOSE_OBJECT
    return at + 1
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
    const sections: Layout['sections'][number][] = []
    let piece: Buffer[] = []
    for (const [at, section] of this.#sections.entries()) {
      piece.push(BETWEEN, section.key)
      if ((bits & (1 << at)) === 0) piece.push(section.text)
      else {
        pieces.push(Buffer.concat(piece))
        sections.push({ section, index: at })
        piece = []
      }
    }
    const layout = { pieces, sections, last: Buffer.concat(piece) }
    if (this.#layouts.size < LAYOUTS_MAX) this.#layouts.set(bits, layout)
    return layout
  }

  #putSections(out: Buffer, start: number, layout: Layout, original: string | undefined): number {
    const { pieces, sections, last } = layout
    let at = start
    for (let i = 0; i < pieces.length; i++) {
      const { section, index } = sections[i]!
      at = putPiece(out, at, pieces[i]!)
      at =
        section === this.#event
          ? this.#putEvent(out, at, original)
          : putJoined(out, at, this.#values[index], section)
    }
    return putPiece(out, at, last)
  }

  #putEvent(out: Buffer, start: number, original: string | undefined): number {
    const event = this.#values[this.#eventPlace]
    const hasKind = isObject(event) && typeof event.kind === 'string'
    const end = putJoined(out, start, event, hasKind ? this.#eventWithoutKind : this.#event)
    if (original === undefined) return end
    // In place of the closing brace.
    const at = putString(out, putPiece(out, end - 1, ORIGINAL), original)
    out[at] = CLOSE_OBJECT
    return at + 1
  }

  #putDecklog(out: Buffer, start: number, parts: DocumentParts): number {
    const given = this.#values[this.#decklogPlace]
    const open = putPiece(out, start, DECKLOG)
    let at = open
    if (isObject(given)) at = putMembersBut(out, at, given, this.#decklogNames)
    if (at < 0) return putJoined(out, open, merge(given!, decklogOf(parts)), this.#decklog)
    out[at] = COMMA
    out[open] = OPEN_OBJECT
    return putPiece(out, putOwn(out, at + 1, parts), this.#decklog.rest)
  }

  #isOurs(name: string): boolean {
    return name === '@timestamp' || name === 'message' || Object.hasOwn(this.#constants, name)
  }
}

const BETWEEN = Buffer.from(',')
/** Formats make few combinations. */
const LAYOUTS_MAX = 64

/** Names below `decklog` that are said by `putOwn`. */
const OWN_NAMES = ['seq', 'ranges', 'parser', 'quality', 'raw']

const NEVER = -1

function putOwn(out: Buffer, start: number, parts: DocumentParts): number {
  const { firstSeq, lastSeq, ranges, quality, raw } = parts
  let at = putPiece(out, putInteger(out, putPiece(out, start, SEQ), firstSeq), RANGES)
  if (ranges === undefined) at = putRange(out, at, firstSeq, lastSeq)
  else at = putJson(out, at, ranges as unknown as Json)
  at = putPiece(out, at, parserPiece(parts.parser))
  if (quality.length > 0) at = putJson(out, putPiece(out, at, QUALITY), quality as Json[])
  return raw === undefined ? at : putString(out, putPiece(out, at, RAW), raw)
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
  return { name, value, names: new Set(Object.keys(value)), key: Buffer.from(`"${name}":`), text, rest }
}

/** `{…}` of both; where they have a member in common, it is the constant one. */
function putJoined(out: Buffer, start: number, under: Json | undefined, over: Section): number {
  if (!isObject(under)) return putPiece(out, start, over.text)
  const at = putMembersBut(out, start, under, over.names)
  if (at < 0) return putJson(out, start, merge(under, over.value))
  if (at === start) return putPiece(out, start, over.text)
  out[start] = OPEN_OBJECT
  return putPiece(out, at, over.rest)
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
