import type { Json, JsonObject } from '../../core/document.ts'
import { isKeepable } from './free-form.ts'

/** Names that Elastic's integration gives to fields whose name is also the beginning of another's. */
const RENAMED: ReadonlyMap<string, string> = new Map([
  ['container.image', 'container.image.name'],
  ['fd.cip', 'client.ip'],
  ['fd.sip', 'server.ip'],
  ['fd.lip', 'source.ip'],
  ['fd.rip', 'destination.ip'],
  ['proc.ppid', 'process.parent.pid'],
  ['proc.pid', 'process.pid'],
  ['proc.sid', 'process.session_leader.pid'],
  ['proc.vpgid', 'process.group_leader.vpid'],
])
const FIELDS_MAX = 512
const VALUE_MAX = 32_768
const PARTS_MAX = 8

/** `{"proc.name":…}` → `{proc:{name:…}}`. What no object can hold (a value where others have members) keeps its dotted name. */
export function nestFields(values: JsonObject): JsonObject {
  const nested = Object.create(null) as JsonObject
  let count = 0
  for (const name of Object.keys(values)) {
    const value = kept(name, values[name]!)
    if (value === undefined || !isKeepable(name) || count++ >= FIELDS_MAX) continue
    const path = RENAMED.get(name) ?? name
    if (!place(nested, path.split('.', PARTS_MAX + 1), value)) nested[path] = value
  }
  return nested
}

function place(root: JsonObject, names: readonly string[], value: Json): boolean {
  if (names.length > PARTS_MAX || names.includes('')) return false
  let target = root
  for (const name of names.slice(0, -1)) {
    const next = target[name]
    if (next === undefined) target = target[name] = Object.create(null) as JsonObject
    else if (typeof next === 'object' && next !== null && !Array.isArray(next)) target = next
    else return false
  }
  const last = names.at(-1)!
  if (target[last] !== undefined) return false
  target[last] = value
  return true
}

/** `evt.time.iso8601` becomes milliseconds, as Elastic has it; a user's id is text. */
function kept(name: string, value: Json): Json | undefined {
  if (value === null) return undefined
  if (typeof value === 'number') {
    if (name === 'evt.time.iso8601') return Math.floor(value / 1_000_000)
    if (name === 'user.uid' || !Number.isFinite(value)) return String(value)
    return value
  }
  if (typeof value === 'string') return value.slice(0, VALUE_MAX)
  if (typeof value === 'boolean') return value
  const text = Array.isArray(value)
    ? value.slice(0, 256).map(scalar)
    : JSON.stringify(value).slice(0, VALUE_MAX)
  return text
}

function scalar(value: Json): Json {
  return typeof value === 'object' ? JSON.stringify(value) : value
}
