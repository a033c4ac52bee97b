import { DecklogError } from '../../core/errors.ts'

/** Where a page of a search ended, and what was visible when the first page was made. */
export interface SearchCursor {
  readonly timeNs: bigint
  readonly stream: string
  readonly seq: bigint
  readonly n: bigint
  /** By class: the first arrival that the first page could not see. */
  readonly visible: ReadonlyMap<string, number>
}

export function encodeCursor({ timeNs, stream, seq, n, visible }: SearchCursor): string {
  const plain = [String(timeNs), stream, String(seq), String(n), [...visible]]
  return Buffer.from(JSON.stringify(plain)).toString('base64url')
}

/** @throws {DecklogError} `query-invalid` */
export function decodeCursor(text: string): SearchCursor {
  try {
    const plain = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown[]
    const [timeNs, stream, seq, n, visible] = plain
    if (typeof stream !== 'string' || !Array.isArray(visible)) throw new TypeError('not a cursor')
    return {
      timeNs: BigInt(timeNs as string),
      stream,
      seq: BigInt(seq as string),
      n: BigInt(n as string),
      visible: new Map((visible as unknown[]).map(visibleOf)),
    }
  } catch (cause) {
    throw new DecklogError('query-invalid', 'the cursor is none of ours: begin again without it', { cause })
  }
}

function visibleOf(pair: unknown): [string, number] {
  const [className, arrival] = pair as unknown[]
  if (typeof className !== 'string' || !Number.isSafeInteger(arrival)) throw new TypeError('not a cursor')
  return [className, arrival as number]
}

/** `scan`'s cursor: the next arrival. @throws {DecklogError} `query-invalid` */
export function arrivalOf(cursor: string): number {
  if (cursor === '') return 0
  if (!/^a\d{1,15}$/.test(cursor)) {
    throw new DecklogError('query-invalid', 'the cursor is none of ours: begin again with an empty one')
  }
  return Number(cursor.slice(1))
}

export function scanCursor(arrival: number): string {
  return `a${arrival}`
}
