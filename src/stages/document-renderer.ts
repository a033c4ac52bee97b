import type { Json, JsonObject, Quality } from '../core/document.ts'

/** What is special about one document. */
export interface DocumentParts {
  /** RFC 3339. */
  readonly time: string
  readonly message: string
  /** The parser's. */
  readonly fields: JsonObject
  readonly seq: number
  readonly parser: { readonly name: string; readonly version: number }
  readonly quality: readonly Quality[]
  /** Exact bytes in base64, where they are no text. */
  readonly raw: string | undefined
  readonly original: string | undefined
  /** May a string of it hold half a surrogate pair? */
  readonly mayBreakPairs: boolean
}

interface Section {
  readonly name: string
  readonly value: JsonObject
  readonly keys: readonly string[]
  /** `{…}` */
  readonly text: string
  /** `,"name":{…}` */
  readonly member: string
}

/**
 * Renders documents of one batch. What they share is made into text once, and is joined with what a parser found as text, for most
 * documents have no field of both. Constants win over the parser's fields; only `event.kind` is the parser's to say.
 */
export class DocumentRenderer {
  readonly #constants: JsonObject
  readonly #sections: readonly Section[]
  readonly #decklog: Section
  readonly #eventWithoutKind: Section

  constructor(constants: JsonObject) {
    this.#constants = constants
    const sections = Object.entries(constants).map(([name, value]) => sectionOf(name, value as JsonObject))
    this.#decklog = sections.find(({ name }) => name === 'decklog')!
    this.#sections = sections.filter((section) => section !== this.#decklog)
    const { kind: _kind, ...event } = constants.event as JsonObject
    this.#eventWithoutKind = sectionOf('event', event)
  }

  /** One line of JSON, valid Unicode. */
  render(parts: DocumentParts): string {
    const { fields } = parts
    let text = `{"@timestamp":"${parts.time}","message":${JSON.stringify(parts.message)}`
    for (const section of this.#sections) {
      if (section.name === 'event') text += `,"event":${this.#event(section, parts)}`
      else if (!Object.hasOwn(fields, section.name)) text += section.member
      else text += `,"${section.name}":${joined(fields[section.name]!, section)}`
    }
    for (const name of Object.keys(fields)) {
      if (this.#isOurs(name)) continue
      text += memberOf(name) + JSON.stringify(fields[name])
    }
    text += `,"decklog":${this.#decklogText(parts)}}`
    return parts.mayBreakPairs ? wellFormed(text) : text
  }

  /** The same as an object: what rules look at. */
  assemble(parts: DocumentParts): JsonObject {
    const { fields, original } = parts
    const document: JsonObject = { '@timestamp': parts.time, message: parts.message }
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

  #decklogText(parts: DocumentParts): string {
    const { seq, quality, raw, parser } = parts
    const given = parts.fields.decklog
    if (given !== undefined) return joined(merge(given, decklogOf(parts)), this.#decklog)
    const odd = quality.length === 0 ? '' : `,"quality":${JSON.stringify(quality)}`
    const bytes = raw === undefined ? '' : `,"raw":"${raw}"`
    const own = `"seq":${seq},"ranges":[[${seq},${seq}]],"parser":{"name":"${parser.name}","version":${parser.version}}`
    return `{${own}${odd}${bytes},${this.#decklog.text.slice(1)}`
  }

  #event(section: Section, { fields, original }: DocumentParts): string {
    const event = fields.event
    const hasKind = isObject(event) && typeof event.kind === 'string'
    const text =
      event === undefined ? section.text : joined(event, hasKind ? this.#eventWithoutKind : section)
    return original === undefined ? text : `${text.slice(0, -1)},"original":${JSON.stringify(original)}}`
  }

  #isOurs(name: string): boolean {
    return name === '@timestamp' || name === 'message' || Object.hasOwn(this.#constants, name)
  }
}

function decklogOf({ seq, parser, quality, raw }: DocumentParts): JsonObject {
  const decklog: JsonObject = {
    seq,
    ranges: [[seq, seq]],
    parser: { name: parser.name, version: parser.version },
  }
  if (quality.length > 0) decklog.quality = [...quality]
  if (raw !== undefined) decklog.raw = raw
  return decklog
}

/** `,"name":` of the names that parsers use: the same few for every document. */
const members = new Map<string, string>()
const MEMBERS_MAX = 256

function memberOf(name: string): string {
  let member = members.get(name)
  if (member === undefined) {
    member = `,${JSON.stringify(name)}:`
    if (members.size < MEMBERS_MAX) members.set(name, member)
  }
  return member
}

function sectionOf(name: string, value: JsonObject): Section {
  const text = JSON.stringify(value)
  return { name, value, keys: Object.keys(value), text, member: `,"${name}":${text}` }
}

/** `{…}` of both; where they have a member in common, it is the constant one. */
function joined(under: Json, over: Section): string {
  if (!isObject(under)) return over.text
  if (over.keys.some((key) => Object.hasOwn(under, key))) return JSON.stringify(merge(under, over.value))
  const text = JSON.stringify(under)
  return text === '{}' ? over.text : `${text.slice(0, -1)},${over.text.slice(1)}`
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
