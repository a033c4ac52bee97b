import type { JsonObject } from '../core/document.ts'
import { qualitiesOf } from '../core/quality.ts'
import type { SourceConstants } from './enrich/constants.ts'

/**
 * A line's document is written in this order; what lies between the moving parts is rendered once a batch, as bytes:
 * ```
 * {"@timestamp":" TIME ","message":" TEXT "  ,<constants>,"log":{"file":{…}  [,"level":…,"logger":…]
 * },"decklog":{<constants>,"seq": SEQ ,"ranges":[ RANGES ]  [,"quality":[…],"parts":[…],"raw":…,"payload":{…}]
 * },"stream":"stdout"  [,"error":{…},"trace":{…},"span":{…},"rule":{…},"tags":[…],"threat":{…}] }
 * ```
 */
export interface LineSegments {
  /** From the end of the text up to the open `log`. */
  readonly beforeLevel: Buffer
  /** From there up to `"seq":`. */
  readonly beforeSeq: Buffer
  /** Both, for a line without a level. */
  readonly plain: Buffer
  /** By key of the line: from the open `decklog` up to what follows `stream`. */
  readonly afterDecklog: readonly Buffer[]
}

export interface LineParser {
  readonly name: string
  readonly version: number
  readonly keys: readonly string[]
}

/** `zone`: as `event.timezone` has it; empty for UTC. `keys`: index 0… as in the format, then one entry without `stream`. */
export function lineSegments(constants: SourceConstants, parser: LineParser, zone: string): LineSegments {
  const { log, decklog, event, ...others } = constants.fields as Record<string, JsonObject>
  const zoned = zone === '' ? event! : { ...event, timezone: zone }
  const parserFields = { name: parser.name, version: parser.version }
  const beforeLevel = `",${members({ ...others, event: zoned })},"log":{${members(log!)}`
  const beforeSeq = `},"decklog":{${members({ ...decklog, parser: parserFields })},"seq":`
  return {
    beforeLevel: Buffer.from(beforeLevel),
    beforeSeq: Buffer.from(beforeSeq),
    plain: Buffer.from(beforeLevel + beforeSeq),
    afterDecklog: [...parser.keys.map((key) => Buffer.from(`},"stream":"${key}"`)), Buffer.from('}')],
  }
}

/** Members of an object, without its braces. */
function members(object: JsonObject): string {
  return JSON.stringify(object).slice(1, -1)
}

const qualityPieces = new Map<number, Buffer>()

/** `,"quality":[…]`. */
export function qualityPiece(bits: number): Buffer {
  let piece = qualityPieces.get(bits)
  if (piece === undefined) {
    piece = Buffer.from(`,"quality":${JSON.stringify(qualitiesOf(bits))}`)
    if (qualityPieces.size < 4096) qualityPieces.set(bits, piece)
  }
  return piece
}

/** `+08:00` of minutes east of UTC. */
export function zoneText(minutes: number): string {
  if (minutes === 0) return ''
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60))}:${pad(size % 60)}`
}

function pad(value: number): string {
  return String(value).padStart(2, '0')
}
