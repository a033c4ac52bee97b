/** An event as it came from the server, and what the page reads out of it. Any field may be missing, foreign or huge. */
export type Value = null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value }
export type EventDocument = { readonly id: string } & { readonly [key: string]: Value }

export interface FlatField {
  readonly name: string
  readonly value: string
  /** Values that can be asked for one by one. */
  readonly values: readonly string[]
}

const DEPTH_MAX = 64

/** Every field with its dotted name, in the document's order. `limit`: fields at most; the rest is counted. */
export function flatten(
  document: EventDocument,
  limit = Number.POSITIVE_INFINITY,
): { fields: FlatField[]; left: number } {
  const fields: FlatField[] = []
  let left = 0
  const visit = (name: string, value: Value, depth: number): void => {
    if (isObject(value) && depth < DEPTH_MAX && !isExactNumber(value)) {
      const entries = Object.entries(value)
      if (entries.length === 0) add(name, '{}', [])
      for (const [key, inner] of entries) visit(name === '' ? key : `${name}.${key}`, inner, depth + 1)
      return
    }
    const values = (Array.isArray(value) ? value : [value]).map(text)
    add(name, values.join(', '), values)
  }
  const add = (name: string, value: string, values: readonly string[]): void => {
    if (fields.length < limit) fields.push({ name, value, values })
    else left++
  }
  visit('', document, 0)
  return { fields: fields.filter((field) => field.name !== 'id'), left }
}

/** The value of a dotted field name: nested, or with dots in its keys, or both. */
export function valueOf(document: EventDocument, field: string): string | undefined {
  const value = lookUp(document, field, 0)
  if (value === undefined || value === null) return undefined
  return Array.isArray(value) ? value.map(text).join(', ') : text(value)
}

export function text(value: Value): string {
  if (typeof value === 'string') return value
  if (isExactNumber(value)) return value.rawJSON
  return typeof value === 'object' && value !== null ? pretty(value, 0) : String(value)
}

/** JSON text of a document; never throws, also where it is nested deeper than the engine can write. */
export function pretty(value: Value, indent = 2): string {
  try {
    return JSON.stringify(value, undefined, indent)
  } catch {
    return '(nested too deeply to show)'
  }
}

/** Where an event comes from, in one line: what an operator would say. */
export function originOf(document: EventDocument): string {
  const pod = valueOf(document, 'kubernetes.pod.name')
  if (pod !== undefined) return `${valueOf(document, 'kubernetes.namespace') ?? '?'}/${pod}`
  const host = valueOf(document, 'host.name') ?? valueOf(document, 'orchestrator.cluster.name') ?? ''
  const process = valueOf(document, 'process.name') ?? valueOf(document, 'event.dataset')
  if (host === '') return process ?? ''
  return process === undefined ? host : `${host} ${process}`
}

export function messageOf(document: EventDocument): string {
  const message = valueOf(document, 'message') ?? valueOf(document, 'event.original')
  if (message !== undefined && message !== '') return message
  const action = valueOf(document, 'event.action')
  return action ?? ''
}

export interface Signal {
  readonly names: readonly string[]
  /** Undefined when the event does not say. */
  readonly level: Level | undefined
  readonly techniques: readonly { readonly id: string; readonly name: string }[]
  readonly tactics: readonly string[]
}
export const LEVELS = ['informational', 'low', 'medium', 'high', 'critical'] as const
export type Level = (typeof LEVELS)[number]

/** What rules said about an event, or undefined when none matched. */
export function signalOf(document: EventDocument): Signal | undefined {
  const names = listOf(document, 'rule.name')
  if (names.length === 0) return undefined
  return {
    names,
    level: levelOf(document),
    techniques: techniquesOf(document),
    tactics: listOf(document, 'threat.tactic.name'),
  }
}

/** All values of a field, through lists of objects too (`threat` may be a list). */
export function listOf(document: EventDocument, field: string): string[] {
  const found: string[] = []
  const collect = (value: Value | undefined): void => {
    if (value === undefined || value === null) return
    if (Array.isArray(value)) for (const one of value) collect(one)
    else found.push(text(value))
  }
  const visit = (value: Value | undefined, path: readonly string[]): void => {
    if (path.length === 0) return collect(value)
    if (Array.isArray(value)) for (const one of value) visit(one, path)
    else if (isObject(value)) visit(own(value, path[0]!), path.slice(1))
  }
  const direct = own(document, field)
  if (direct === undefined) visit(document, field.split('.'))
  else collect(direct)
  return found
}

/** First and last `seq` of an event's first range: where it stands in its stream. */
export function placeOf(
  document: EventDocument,
): { stream: string; first: number; last: number } | undefined {
  const stream = valueOf(document, 'decklog.stream')
  const first = Number(valueOf(document, 'decklog.seq'))
  if (stream === undefined || Number.isNaN(first)) return undefined
  const ranges = lookUp(document, 'decklog.ranges', 0)
  let last = first
  for (const range of Array.isArray(ranges) ? ranges : []) {
    const end = Number(Array.isArray(range) ? range[1] : undefined)
    if (end > last) last = end
  }
  return { stream, first, last }
}

/** The highest level of the rules: a field of its own, or the tag `decklog.level.high`. */
function levelOf(document: EventDocument): Level | undefined {
  const tags = listOf(document, 'tags').flatMap((tag) => /^decklog\.level\.(\w+)$/u.exec(tag)?.[1] ?? [])
  const said = [...listOf(document, 'rule.level'), ...tags].map((level) => LEVELS.indexOf(level as Level))
  return LEVELS[Math.max(-1, ...said)]
}

/** Sub-techniques, and the techniques that none of them makes more exact. */
function techniquesOf(document: EventDocument): Signal['techniques'] {
  const named = (field: string): { id: string; name: string }[] => {
    const ids = listOf(document, `${field}.id`)
    const names = listOf(document, `${field}.name`)
    // Lists of distinct values: only when they are of one length does each name belong to its id.
    return ids.map((id, index) => ({ id, name: names.length === ids.length ? (names[index] ?? '') : '' }))
  }
  const exact = named('threat.technique.subtechnique')
  const broad = named('threat.technique').filter(
    (one) => !exact.some((sub) => sub.id.startsWith(`${one.id}.`)),
  )
  return [...broad, ...exact]
}

function lookUp(value: Value | undefined, field: string, depth: number): Value | undefined {
  if (!isObject(value) || depth > DEPTH_MAX) return undefined
  const direct = own(value, field)
  if (direct !== undefined) return direct
  for (let dot = field.indexOf('.'); dot > 0; dot = field.indexOf('.', dot + 1)) {
    const found = lookUp(own(value, field.slice(0, dot)), field.slice(dot + 1), depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}

function own(value: { readonly [key: string]: Value }, key: string): Value | undefined {
  return Object.hasOwn(value, key) ? value[key] : undefined
}

function isObject(value: Value | undefined): value is { readonly [key: string]: Value } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A number that a double cannot hold is kept as `JSON.rawJSON`: see `json.ts`. */
function isExactNumber(value: Value): value is { readonly rawJSON: string } {
  return (
    isObject(value) &&
    Object.getPrototypeOf(value) === null &&
    Object.isFrozen(value) &&
    typeof value['rawJSON'] === 'string'
  )
}
