/**
 * tlog's `timing`: what happened, in order, by a letter and decimal numbers without separators.
 *
 *     =WxH     the window is W columns and H rows        +N       N milliseconds passed
 *     <N  >N   N characters of `in_txt`, `out_txt`
 *     [N/M ]N/M  N characters of text stand for M bytes of `in_bin`, `out_bin` (that are no valid UTF-8)
 */
export interface TlogTiming {
  readonly durationMs: number
  /** `80x24`, in order, without repeats beside each other. */
  readonly windows: readonly string[]
  readonly inputCharacters: number
  readonly outputCharacters: number
  readonly inputBinary: number
  readonly outputBinary: number
}

const WINDOWS_MAX = 64

/** Undefined for a text that is not of this form. */
export function readTiming(text: string): TlogTiming | undefined {
  const counts = { '<': 0, '>': 0, '[': 0, ']': 0, '+': 0 }
  const windows: string[] = []
  let at = 0
  while (at < text.length) {
    const kind = text[at]!
    const first = numberAt(text, at + 1)
    if (first === undefined) return undefined
    at = first.end
    if (kind === '+' || kind === '<' || kind === '>') {
      counts[kind] += first.value
      continue
    }
    const separator = kind === '=' ? 'x' : kind === '[' || kind === ']' ? '/' : undefined
    if (separator === undefined || text[at] !== separator) return undefined
    const second = numberAt(text, at + 1)
    if (second === undefined) return undefined
    at = second.end
    if (kind === '=') {
      const window = `${first.value}x${second.value}`
      if (windows.at(-1) !== window && windows.length < WINDOWS_MAX) windows.push(window)
    } else {
      counts[kind as '[' | ']'] += second.value
      counts[kind === '[' ? '<' : '>'] += first.value
    }
  }
  return {
    durationMs: counts['+'],
    windows,
    inputCharacters: counts['<'],
    outputCharacters: counts['>'],
    inputBinary: counts['['],
    outputBinary: counts[']'],
  }
}

const DIGITS_MAX = 10

function numberAt(text: string, from: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0
  let at = from
  for (let code = text.charCodeAt(at) - 48; code >= 0 && code <= 9; code = text.charCodeAt(++at) - 48) {
    value = value * 10 + code
  }
  return at === from || at - from > DIGITS_MAX ? undefined : { value, end: at }
}
