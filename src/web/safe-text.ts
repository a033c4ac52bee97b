import type { Matcher } from './highlight.ts'

/**
 * Log text as pieces that can be shown without harm: characters that would steer a terminal, hide, or reverse what is
 * read come out as visible markers; matched words are told apart. Pure: `render.ts` makes nodes of the pieces.
 */
export interface Piece {
  readonly kind: 'text' | 'marker'
  readonly text: string
  /** Inside a match of the query. */
  readonly matched: boolean
  /** What the marker stands for. */
  readonly title?: string
}

/** C0 without tab, DEL, C1, soft hyphen, bidi controls, zero-width, line and paragraph separators, tags, lone surrogates. */
export const UNSAFE =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}\p{Cs}]/gu

const NAMES: Readonly<Record<number, string>> = {
  0x00: 'NUL',
  0x07: 'BELL',
  0x08: 'BACKSPACE',
  0x0a: 'LINE FEED',
  0x0d: 'CARRIAGE RETURN',
  0x1b: 'ESCAPE',
  0x9b: 'CONTROL SEQUENCE INTRODUCER',
  0xad: 'SOFT HYPHEN',
  0x200b: 'ZERO WIDTH SPACE',
  0x200c: 'ZERO WIDTH NON-JOINER',
  0x200d: 'ZERO WIDTH JOINER',
  0x200e: 'LEFT-TO-RIGHT MARK',
  0x200f: 'RIGHT-TO-LEFT MARK',
  0x2028: 'LINE SEPARATOR',
  0x202a: 'LEFT-TO-RIGHT EMBEDDING',
  0x202b: 'RIGHT-TO-LEFT EMBEDDING',
  0x202c: 'POP DIRECTIONAL FORMATTING',
  0x202d: 'LEFT-TO-RIGHT OVERRIDE',
  0x202e: 'RIGHT-TO-LEFT OVERRIDE',
  0x2066: 'LEFT-TO-RIGHT ISOLATE',
  0x2067: 'RIGHT-TO-LEFT ISOLATE',
  0x2068: 'FIRST STRONG ISOLATE',
  0x2069: 'POP DIRECTIONAL ISOLATE',
  0xfeff: 'BYTE ORDER MARK',
}

/** `keepLines`: a line feed stays a line break (for multi-line views); else it is a marker, so that one event is one line. */
export function pieces(text: string, matcher?: Matcher, keepLines = false): Piece[] {
  const found: Piece[] = []
  let at = 0
  for (const [start, end] of matcher?.(text) ?? []) {
    if (start < at) continue
    pushSafe(found, text.slice(at, start), false, keepLines)
    pushSafe(found, text.slice(start, end), true, keepLines)
    at = end
  }
  pushSafe(found, text.slice(at), false, keepLines)
  return found
}

const SHORT_CHARS = 200

/** The same as one plain string, for titles and labels. */
export function plain(text: string): string {
  return pieces(text)
    .map((piece) => piece.text)
    .join('')
}

/** The beginning of a text that stands in a heading or a title, whatever its length. */
export function short(text: string): string {
  return text.length > SHORT_CHARS ? `${plain(text.slice(0, SHORT_CHARS))}…` : plain(text)
}

function pushSafe(found: Piece[], text: string, matched: boolean, keepLines: boolean): void {
  let at = 0
  for (const hit of text.matchAll(UNSAFE)) {
    if (keepLines && hit[0] === '\n') continue
    if (hit.index > at) found.push({ kind: 'text', text: text.slice(at, hit.index), matched })
    found.push(marker(hit[0], matched))
    at = hit.index + hit[0].length
  }
  if (at < text.length) found.push({ kind: 'text', text: text.slice(at), matched })
}

function marker(character: string, matched: boolean): Piece {
  const code = character.codePointAt(0) ?? 0
  const hex = code.toString(16).toUpperCase().padStart(4, '0')
  const name = NAMES[code]
  return {
    kind: 'marker',
    text: symbol(code, hex),
    matched,
    title: name === undefined ? `U+${hex}` : `U+${hex} ${name}`,
  }
}

/** As programmers write them: every font has these letters, the pictures of control characters few have. */
function symbol(code: number, hex: string): string {
  if (code === 0x0a) return '\\n'
  if (code === 0x0d) return '\\r'
  return code < 0x100 ? `\\x${hex.slice(2).toLowerCase()}` : `U+${hex}`
}
