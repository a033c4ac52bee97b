/**
 * What a terminal's output says, for people and for search: without escape sequences and control characters, with what was
 * erased by backspaces gone, lines ended by a newline. Not an emulation: the screen of a full-screen program stays a jumble.
 *
 * One pass, linear. Sequences: CSI (`ESC [ … final`), OSC, DCS, SOS, PM, APC (`ESC ] … BEL or ESC \`), and two-character ones.
 */
export function terminalText(text: string): string {
  if (!hasControl(text)) return text
  // Units are written forward and taken back in place: a string would be copied at every backspace.
  const out = new Uint16Array(text.length)
  let length = 0
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at)
    if (code === 27) {
      at = sequenceEnd(text, at + 1)
      continue
    }
    if (code === 8 || code === 127) length = erased(out, length)
    else if (code === 9 || code === 10 || !isControl(code)) out[length++] = code
    at++
  }
  return Buffer.from(out.buffer, 0, length * 2).toString('utf16le')
}

/** One character less, but never back over the end of a line. */
function erased(out: Uint16Array, length: number): number {
  if (length === 0 || out[length - 1] === 10) return length
  const isPair =
    length > 1 && (out[length - 1]! & 0xfc00) === 0xdc00 && (out[length - 2]! & 0xfc00) === 0xd800
  return length - (isPair ? 2 : 1)
}

function isControl(code: number): boolean {
  return code < 32 || (code >= 127 && code <= 159)
}

function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    if (isControl(text.charCodeAt(at))) return true
  }
  return false
}

/** `at` is behind ESC. Where a sequence is cut off at the text's end, it ends there. */
function sequenceEnd(text: string, at: number): number {
  const kind = text.charCodeAt(at)
  if (kind === 91) {
    let end = at + 1
    while (end < text.length && isParameter(text.charCodeAt(end))) end++
    return Math.min(end + 1, text.length)
  }
  if (kind === 93 || kind === 80 || kind === 88 || kind === 94 || kind === 95) return stringEnd(text, at + 1)
  // `ESC ( B` and the like: intermediates before the final character.
  let end = at
  while (end < text.length && text.charCodeAt(end) >= 32 && text.charCodeAt(end) <= 47) end++
  return Math.min(end + 1, text.length)
}

function isParameter(code: number): boolean {
  return code >= 32 && code <= 63
}

const STRING_MAX = 4096

/** Ends with BEL or `ESC \`; one that goes on for longer is none, and its text is kept. */
function stringEnd(text: string, from: number): number {
  const limit = Math.min(text.length, from + STRING_MAX)
  for (let at = from; at < limit; at++) {
    const code = text.charCodeAt(at)
    if (code === 7) return at + 1
    if (code === 27) return text.charCodeAt(at + 1) === 92 ? at + 2 : at
  }
  return limit === text.length ? limit : from
}
