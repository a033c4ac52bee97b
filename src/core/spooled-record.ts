/**
 * How a record lies in a spool: one line, so that a spool is read as any log is. The grammar, RS = 1e, US = 1f, ESC = 1b, LF = 0a:
 *
 *     line    = [ header ] body LF
 *     header  = RS "h" JSON US          first line of a file only: which file, of which names
 *     body    = plain | RS ( "e" | "t" | "p" ) escaped
 *     plain   = the record, where it holds no LF and does not begin with RS
 *     escaped = the record, LF written as ESC "n" and ESC as ESC "e"; "t", "p": it bears the mark `truncated`, `partial`
 *
 * Most records are plain: they travel and are archived as they came. The header makes each file's beginning unlike that of any
 * other, even where senders repeat themselves, so that a file that got an earlier one's inode is never taken for it.
 */

/** In `RawBatch.extra` of a stream that comes from a spool: only there a line that begins with RS is read as above. */
export const SPOOLED = 'decklog.spooled'

/** What a receiver saw of a record's end: there was more of it than is kept, or its sender was gone before its end. */
export type SpooledMark = 'truncated' | 'partial'

export interface SpoolFileHeader {
  /** Unlike that of any other file of the stream. */
  readonly file: string
  readonly names: Readonly<Record<string, string>>
}

const LF = 0x0a
const ESC = 0x1b
const RS = 0x1e
const US = 0x1f
const HEADER = 0x68
const ESCAPED = 0x65
const TRUNCATED = 0x74
const PARTIAL = 0x70
const ESCAPED_LF = 0x6e
const ESCAPED_ESC = 0x65
/** Names are short; a header that is longer is none. */
const HEADER_BYTES_MAX = 64 * 1024

/** By index in a list of records. */
export type SpooledMarks = ReadonlyMap<number, SpooledMark>

/** The lines of records, one after the other, each with its LF. */
export function encodeSpooled(records: readonly Uint8Array[], marks?: SpooledMarks): Buffer {
  const grown = records.map((record, i) => growthOf(record, marks?.has(i) === true))
  let size = 0
  for (const [i, record] of records.entries()) size += record.byteLength + Math.max(0, grown[i]!) + 1
  const out = Buffer.allocUnsafe(size)
  let at = 0
  for (const [i, record] of records.entries()) {
    if (grown[i] === PLAIN) {
      out.set(record, at)
      at += record.byteLength
    } else at = escapeInto(out, at, record, kindOf(marks?.get(i)))
    out[at++] = LF
  }
  return out
}

/** What the first line of a file begins with. */
export function encodeHeader(header: SpoolFileHeader): Buffer {
  return Buffer.from(`\x1eh${JSON.stringify(header)}\x1f`)
}

/** The record of a line (without its LF) that begins with RS. What has not the grammar is the record itself. */
export function decodeSpooled(line: Buffer): Buffer {
  const body = line.subarray(headerBytes(line))
  return body[0] === RS && isKind(body[1]) ? unescape(body) : body
}

/** The mark of the record of a line, if it bears one. */
export function markOf(line: Buffer): SpooledMark | undefined {
  const start = headerBytes(line)
  if (line[start] !== RS) return undefined
  if (line[start + 1] === TRUNCATED) return 'truncated'
  return line[start + 1] === PARTIAL ? 'partial' : undefined
}

/** Undefined: the line has none. */
export function headerOf(line: Buffer): SpoolFileHeader | undefined {
  const bytes = headerBytes(line)
  if (bytes === 0) return undefined
  try {
    const { file, names } = JSON.parse(line.toString('utf8', 2, bytes - 1)) as Partial<SpoolFileHeader>
    if (typeof file !== 'string' || typeof names !== 'object' || names === null) return undefined
    return Object.values(names).every((one) => typeof one === 'string') ? { file, names } : undefined
  } catch {
    return undefined
  }
}

const PLAIN = -1

/** Bytes that escaping adds, or PLAIN. */
function growthOf(record: Uint8Array, isMarked: boolean): number {
  if (!isMarked && record[0] !== RS && record.indexOf(LF) === -1) return PLAIN
  let growth = 2
  for (let at = 0; at < record.length; at++) if (record[at] === LF || record[at] === ESC) growth++
  return growth
}

function kindOf(mark: SpooledMark | undefined): number {
  if (mark === undefined) return ESCAPED
  return mark === 'truncated' ? TRUNCATED : PARTIAL
}

function isKind(byte: number | undefined): boolean {
  return byte === ESCAPED || byte === TRUNCATED || byte === PARTIAL
}

function escapeInto(out: Buffer, start: number, record: Uint8Array, kind: number): number {
  let at = start
  out[at++] = RS
  out[at++] = kind
  for (let i = 0; i < record.length; i++) {
    const byte = record[i]!
    if (byte === LF || byte === ESC) {
      out[at++] = ESC
      out[at++] = byte === LF ? ESCAPED_LF : ESCAPED_ESC
    } else out[at++] = byte
  }
  return at
}

function unescape(body: Buffer): Buffer {
  const out = Buffer.allocUnsafe(body.length - 2)
  let length = 0
  for (let at = 2; at < body.length; at++) {
    const byte = body[at]!
    if (byte !== ESC) out[length++] = byte
    // Where the end is cut off, half an escape says nothing.
    else if (++at < body.length) out[length++] = body[at] === ESCAPED_LF ? LF : ESC
  }
  return out.subarray(0, length)
}

function headerBytes(line: Buffer): number {
  if (line[0] !== RS || line[1] !== HEADER) return 0
  const end = line.indexOf(US)
  return end === -1 || end > HEADER_BYTES_MAX ? 0 : end + 1
}
