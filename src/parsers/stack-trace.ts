import type { LineFilter } from '../core/tagging.ts'
import type { TraceFormat, TraceProgress } from '../ports/line-format.ts'

/**
 * Stack traces as the runtimes print them, one line at a time:
 * ```
 * Java, .NET, JS   …SomeException: text | …Error: text      then indented lines, "Caused by: …", " ---> …", "}"
 * Python           Traceback (most recent call last):       then indented lines, "SomeError: text", and chained tracebacks
 * Go               panic: text | fatal error: text | goroutine N [state]:    then calls, indented files, more goroutines
 * Ruby             file.rb:1:in `method': text (SomeError)  then indented "from …"
 * ```
 * Invariant: a reader that begins in the middle of a trace never takes a line that one from its start would not have taken: the
 * kind that a middle line begins accepts a part of what the kind around it accepts. See docs/decisions/settling.md.
 */
export const stackTrace: TraceFormat = { prepare, begin, continues, describe }

/** The phase of `python` is 0 in a traceback and 1 after its last line; the others have none. */
const Kind = { block: 1, python: 2, go: 3 } as const

/** Heads are looked for in the first bytes of a line only: a megabyte without a space must not be searched again and again. */
const HEAD_CHARACTERS_MAX = 2048

const GO_HEAD = /^(?:panic: |fatal error: |goroutine \d+ \[[^\]]*\]:)/

/** A head that does not begin with a letter of these four holds one of the needles, so most batches need no look at a line. */
const NEEDLES = ['Exception', 'Error'].map((text) => Buffer.from(text))
const FIRST_LETTERS = new Set(['T', 'p', 'f', 'g'].map((letter) => letter.charCodeAt(0)))

function prepare(bytes: Uint8Array): LineFilter {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const next = NEEDLES.map((needle) => raw.indexOf(needle))
  let nearest = nearestOf(next)
  return {
    none: false,
    may(start, end) {
      if (isAnchoredHead(bytes, start, end)) return true
      if (nearest >= end) return false
      for (const [i, needle] of NEEDLES.entries()) {
        if (next[i]! >= 0 && next[i]! < start) next[i] = raw.indexOf(needle, start)
      }
      nearest = nearestOf(next)
      return nearest < end
    },
  }
}

/** `Trac…`, `pani…`, `fata…`, `goro…`: what stands at the beginning of a text only. */
function isAnchoredHead(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 4 || !FIRST_LETTERS.has(bytes[start]!)) return false
  const second = bytes[start + 1]
  return second === 0x72 || second === 0x61 || second === 0x6f
}

function nearestOf(positions: readonly number[]): number {
  let nearest = Number.POSITIVE_INFINITY
  for (const at of positions) if (at >= 0 && at < nearest) nearest = at
  return nearest
}

function begin(line: string): TraceProgress | undefined {
  const text = line.slice(0, HEAD_CHARACTERS_MAX)
  if (text.startsWith('Traceback (most recent call last)')) return { kind: Kind.python, phase: 0 }
  if (GO_HEAD.test(text)) return { kind: Kind.go, phase: 0 }
  return isBlockHead(text) ? { kind: Kind.block, phase: 0 } : undefined
}

function isBlockHead(text: string): boolean {
  return classEnd(text) >= 0 || (text.endsWith('Error)') && text.includes(':in '))
}

/** Where the name of an error's class ends that a colon or the end follows, or -1. */
function classEnd(text: string): number {
  for (const word of ['Exception', 'Error']) {
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
      const after = text.charCodeAt(at + word.length)
      if (Number.isNaN(after) || after === 0x3a || after === 0x0d) return at + word.length
    }
  }
  return -1
}

function continues(trace: TraceProgress, line: string): boolean {
  const text = line.slice(0, HEAD_CHARACTERS_MAX)
  // An empty line belongs if a later one does: its caller keeps it until then.
  if (text === '' || text === '\r') return trace.kind !== Kind.block
  if (continuesBlock(text)) return true
  if (trace.kind === Kind.python) return continuesPython(trace, text)
  return trace.kind === Kind.go && continuesGo(text)
}

function continuesBlock(text: string): boolean {
  return /^[\t ]/.test(text) || /^(?:Caused by: |Suppressed: |---> |--- End of |\}$)/.test(text)
}

function continuesPython(trace: TraceProgress, text: string): boolean {
  if (trace.phase === 0) {
    if (!/^[A-Za-z_][\w.]*(?::|$)/.test(text) || GO_HEAD.test(text)) return false
    trace.phase = 1
    return true
  }
  if (text.startsWith('Traceback (most recent call last)')) {
    trace.phase = 0
    return true
  }
  return (
    text.startsWith('During handling of the above exception') ||
    text.startsWith('The above exception was the direct cause')
  )
}

function continuesGo(text: string): boolean {
  if (/^(?:goroutine \d+ \[|\[signal |created by |exit status |runtime: |runtime stack:)/.test(text))
    return true
  return isGoCall(text)
}

/** `main.(*server).serve(0xc0000b2000, {0x1, 0x2})`: no space before the first parenthesis, and one at the end. */
function isGoCall(text: string): boolean {
  if (!text.endsWith(')') || !/^[A-Za-z_]/.test(text)) return false
  const open = text.indexOf('(')
  const space = text.indexOf(' ')
  return open > 0 && (space < 0 || open < space)
}

function describe(trace: TraceProgress, text: string): { type?: string; message?: string } {
  if (trace.kind === Kind.go) return describeGo(text)
  const line = trace.kind === Kind.python ? lastPlainLine(text) : (text.split('\n', 1)[0] ?? '')
  return describeLine(line.slice(0, HEAD_CHARACTERS_MAX))
}

function describeGo(text: string): { type?: string; message?: string } {
  const first = (text.split('\n', 1)[0] ?? '').slice(0, HEAD_CHARACTERS_MAX)
  const match = /^(panic|fatal error): (.*)$/.exec(first)
  return match ? { type: match[1]!, message: match[2]! } : {}
}

function describeLine(line: string): { type?: string; message?: string } {
  if (line.endsWith(')') && line.includes(':in ')) return describeRuby(line)
  const at = classEnd(line) < 0 ? nameEnd(line) : classEnd(line)
  if (at < 0) return {}
  const type = /[\w$.]{1,200}$/.exec(line.slice(Math.max(0, at - 200), at))?.[0]
  if (type === undefined) return {}
  const message = line.slice(at).replace(/^: ?/, '').trimEnd()
  return message === '' ? { type } : { type, message }
}

/** `file.rb:1:in `method': text (SomeError)` */
function describeRuby(line: string): { type?: string; message?: string } {
  const open = line.lastIndexOf(' (')
  const from = line.indexOf(': ', line.indexOf(':in '))
  if (open < 0 || from < 0) return {}
  const type = line.slice(open + 2, -1)
  return from + 2 < open ? { type, message: line.slice(from + 2, open) } : { type }
}

/** In Python a class need not be called so: `KeyboardInterrupt`. */
function nameEnd(line: string): number {
  return /^[A-Za-z_][\w.]{0,200}(?=:|$)/.exec(line)?.[0].length ?? -1
}

/** Python says what it was in the last line that is not indented. */
function lastPlainLine(text: string): string {
  const lines = text.split('\n')
  for (let i = lines.length - 1; i > 0; i--) if (/^[A-Za-z_]/.test(lines[i]!)) return lines[i]!
  return ''
}
