import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { DecklogError } from '../../../core/errors.ts'

/** Numbers that were not visible when later ones were; both included. */
export interface Hole {
  readonly first: number
  readonly last: number
  /** When it was seen first, milliseconds since the epoch. */
  readonly sinceMs: number
}

/** How far a scan is in one shard. */
export interface ShardPlace {
  /** Every number below it was given, or is in a hole. */
  readonly next: number
  readonly holes: readonly Hole[]
}

/** By `<uuid of the index>/<shard>`. What is missing has not been begun. */
export type ScanPlaces = ReadonlyMap<string, ShardPlace>

const MARK = 'e1.'
/** Of a cursor that is taken apart: more than any cluster has shards for. */
const BYTES_MAX = 16 * 1024 * 1024

export function encodeScan(places: ScanPlaces): string {
  const plain = [...places].map(([shard, { next, holes }]) => [
    shard,
    next,
    ...holes.flatMap(({ first, last, sinceMs }) => [first, last, sinceMs]),
  ])
  return MARK + deflateRawSync(JSON.stringify(plain)).toString('base64url')
}

/** @throws {DecklogError} `query-invalid` */
export function decodeScan(cursor: string): Map<string, ShardPlace> {
  if (cursor === '') return new Map()
  try {
    if (!cursor.startsWith(MARK)) throw new TypeError('not a cursor')
    const packed = Buffer.from(cursor.slice(MARK.length), 'base64url')
    const text = inflateRawSync(packed, { maxOutputLength: BYTES_MAX }).toString('utf8')
    return new Map((JSON.parse(text) as unknown[]).map(placeOf))
  } catch (cause) {
    throw new DecklogError('query-invalid', 'the cursor is none of ours: begin again with an empty one', {
      cause,
    })
  }
}

function placeOf(entry: unknown): [string, ShardPlace] {
  const [shard, next, ...rest] = entry as unknown[]
  const isNumbers = [next, ...rest].every((each) => Number.isSafeInteger(each) && (each as number) >= 0)
  if (typeof shard !== 'string' || !isNumbers || rest.length % 3 !== 0) throw new TypeError('not a cursor')
  const numbers = rest as number[]
  const holes: Hole[] = []
  for (let at = 0; at < numbers.length; at += 3) {
    holes.push({ first: numbers[at]!, last: numbers[at + 1]!, sinceMs: numbers[at + 2]! })
  }
  return [shard, { next: next as number, holes }]
}
