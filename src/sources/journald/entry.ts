import { isUtf8 } from 'node:buffer'
import type { ExportedEntry } from './export-reader.ts'

/** What decides where an entry goes. The names with an underscore are the journal's own: a program cannot make them up. */
export interface Entry {
  readonly cursor: string
  readonly machine: string
  readonly unit: string
  readonly executable: string
  readonly transport: string
  /** One line of JSON. */
  readonly record: Buffer
}

/** Counts what was cut off an entry; no program can give a field such a name. */
const CUT = '__DECKLOG_CUT_BYTES'

/**
 * An entry as one JSON object: names as the journal has them, in their order; a value that is no UTF-8 as `{"base64": "…"}`, one that
 * comes more than once as a list. Undefined: it has no cursor, so it is no entry.
 */
export function toEntry({ fields, cutBytes }: ExportedEntry): Entry | undefined {
  const values = new Map<string, string>()
  const repeated = new Set<string>()
  const texts = new Map<string, string>()
  for (const { name, value } of fields) {
    const isText = isUtf8(value)
    const text = isText ? value.toString('utf8') : ''
    const json = isText ? JSON.stringify(text) : `{"base64":"${value.toString('base64')}"}`
    const before = values.get(name)
    values.set(name, before === undefined ? json : `${before},${json}`)
    if (before !== undefined) repeated.add(name)
    else if (isText) texts.set(name, text)
  }
  const cursor = texts.get('__CURSOR')
  const parts: string[] = []
  for (const [name, json] of values)
    parts.push(`${JSON.stringify(name)}:${repeated.has(name) ? `[${json}]` : json}`)
  if (cutBytes > 0) parts.push(`"${CUT}":"${cutBytes}"`)
  if (cursor === undefined) return undefined
  return {
    cursor,
    machine: texts.get('_MACHINE_ID') ?? '',
    unit: texts.get('_SYSTEMD_UNIT') ?? '',
    executable: texts.get('_EXE') ?? '',
    transport: texts.get('_TRANSPORT') ?? '',
    record: Buffer.from(`{${parts.join(',')}}`),
  }
}

/** What a cursor says (sd_journal_get_cursor(3)): numbers in hexadecimal. */
export interface Position {
  /** Of a sequence of entries, and the entry's number in it. */
  readonly sequence: string
  readonly number: bigint
  readonly boot: string
  readonly monotonicUs: bigint
}

/** Undefined: it has not the form that it has had since systemd 38; it still serves as a mark. */
export function positionOf(cursor: string): Position | undefined {
  const match = /^s=([0-9a-f]+);i=([0-9a-f]{1,16});b=([0-9a-f]+);m=([0-9a-f]{1,16});/.exec(cursor)
  if (match === null) return undefined
  return {
    sequence: match[1]!,
    number: BigInt(`0x${match[2]}`),
    boot: match[3]!,
    monotonicUs: BigInt(`0x${match[4]}`),
  }
}

/** Whether one entry came at or before another of the same stream. False where nothing tells. */
export function isUpTo(entry: Position | undefined, last: Position | undefined): boolean {
  if (entry === undefined || last === undefined) return false
  if (entry.sequence === last.sequence) return entry.number <= last.number
  return entry.boot === last.boot && entry.monotonicUs <= last.monotonicUs
}
