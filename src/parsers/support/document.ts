import type { Draft, Json, JsonObject } from '../../core/document.ts'

/** The nested object `name` of `fields`, made when there is none. */
export function child(fields: JsonObject, name: string): JsonObject {
  const value = fields[name]
  if (isObject(value)) return value
  const made: JsonObject = {}
  fields[name] = made
  return made
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `process.name` that the header's format has set, or undefined. */
export function processName(draft: Draft): string | undefined {
  const process = draft.fields['process']
  const name = isObject(process) ? process['name'] : undefined
  return typeof name === 'string' ? name : undefined
}

/**
 * Is this message's writer, as the header names it, one of `names`? A writer's PAM stack puts its module in parentheses:
 * `sshd(pam_unix)`. Where no header was read, every writer may be meant.
 */
export function writtenBy(draft: Draft, names: readonly string[]): boolean {
  const name = processName(draft)
  if (name === undefined || names.includes(name)) return true
  const parenthesis = name.indexOf('(')
  return parenthesis > 0 && names.includes(name.slice(0, parenthesis))
}

/** Adds a value to `related.<kind>`, once. */
export function relate(draft: Draft, kind: 'user' | 'ip' | 'hosts' | 'hash', value: string): void {
  if (value === '') return
  const related = child(draft.fields, 'related')
  const values = related[kind]
  if (!Array.isArray(values)) related[kind] = [value]
  else if (!values.includes(value)) values.push(value)
}

/** The name that the writer gives itself (SYSLOG_IDENTIFIER), where `process.name` is what the kernel calls it. */
export function appName(draft: Draft): string | undefined {
  const log = draft.fields['log']
  const syslog = isObject(log) ? log['syslog'] : undefined
  const name = isObject(syslog) ? syslog['appname'] : undefined
  return typeof name === 'string' ? name : undefined
}

/** Joins `user` with what a format before has said of the sender: the journal knows who wrote a line. */
export function putUser(draft: Draft, user: JsonObject): void {
  const fields = child(draft.fields, 'user')
  for (const name of Object.keys(user)) {
    const value = user[name]!
    const known = fields[name]
    if (isObject(value) && isObject(known)) Object.assign(known, value)
    else fields[name] = value
  }
}

export function note(draft: Draft, quality: string): void {
  if (!draft.quality.includes(quality)) draft.quality.push(quality)
}

/**
 * `message` becomes what follows `start`, and what stood before it joins `decklog.header`, so that the record is still one after
 * the other. Where a format before has kept the whole record, that is enough.
 */
export function cutHeader(draft: Draft, text: string, start: number): void {
  draft.message = start === 0 ? text : text.slice(start)
  if (start === 0 || draft.original !== undefined) return
  const decklog = child(draft.fields, 'decklog')
  const before = decklog['header']
  const own = text.slice(0, start)
  decklog['header'] = typeof before === 'string' ? before + own : own
}

/** `message` becomes another text, so the whole record is kept. `text` is the message that is given up. */
export function replaceMessage(draft: Draft, text: string, message: string): void {
  if (message === text) return
  if (draft.original === undefined) {
    const decklog = draft.fields['decklog']
    const header = isObject(decklog) ? decklog['header'] : undefined
    draft.original = typeof header === 'string' ? header + text : text
    if (isObject(decklog)) delete decklog['header']
  }
  draft.message = message
}
