import type { Json, JsonObject } from '../core/document.ts'
import { formatIso } from '../core/instant.ts'

/** Renders documents of one batch: what they share is made into text once. */
export class DocumentRenderer {
  readonly #constants: JsonObject
  readonly #rendered = new Map<string, string>()

  constructor(constants: JsonObject) {
    this.#constants = constants
    for (const [name, value] of Object.entries(constants)) this.#rendered.set(name, JSON.stringify(value))
  }

  /** The whole document. Constants win over `fields`; only `event.kind` is the parser's to say. */
  assemble(made: {
    readonly timeNs: bigint
    readonly message: string
    readonly fields: JsonObject
    readonly decklog: JsonObject
    readonly original: string | undefined
  }): JsonObject {
    const document = Object.create(null) as JsonObject
    const { fields } = made
    document['@timestamp'] = formatIso(made.timeNs)
    document.message = made.message
    for (const [name, value] of Object.entries(this.#constants)) {
      document[name] = Object.hasOwn(fields, name) ? merge(fields[name]!, value) : value
    }
    for (const name of Object.keys(fields)) {
      if (!Object.hasOwn(document, name)) document[name] = fields[name]!
    }
    document.decklog = merge(made.decklog, document.decklog!)
    const event = fields.event
    if (isObject(event) && typeof event.kind === 'string') setEvent(document, 'kind', event.kind)
    if (made.original !== undefined) setEvent(document, 'original', made.original)
    return document
  }

  /** Adds what rules say: lists are joined with what the parser put there. */
  add(document: JsonObject, more: JsonObject): void {
    for (const [name, value] of Object.entries(more)) {
      const before = document[name]
      if (Array.isArray(before) && Array.isArray(value)) document[name] = [...new Set([...before, ...value])]
      else document[name] = isObject(before) && isObject(value) ? merge(before, value) : value
    }
  }

  /** One line of JSON, valid Unicode. */
  render(document: JsonObject): string {
    let text = '{'
    for (const name of Object.keys(document)) {
      const value = document[name]!
      const known = value === this.#constants[name] ? this.#rendered.get(name) : undefined
      text += `${text.length === 1 ? '' : ','}${JSON.stringify(name)}:${known ?? JSON.stringify(value)}`
    }
    return wellFormed(`${text}}`)
  }
}

function setEvent(document: JsonObject, name: string, value: string): void {
  document.event = { ...(document.event as JsonObject), [name]: value }
}

/** `over` wins. Foreign keys stay data: the result has no prototype. */
function merge(under: Json, over: Json): Json {
  if (!isObject(under) || !isObject(over)) return over
  const merged = Object.create(null) as JsonObject
  for (const name of Object.keys(under)) merged[name] = under[name]!
  for (const name of Object.keys(over)) {
    merged[name] = Object.hasOwn(merged, name) ? merge(merged[name]!, over[name]!) : over[name]!
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
