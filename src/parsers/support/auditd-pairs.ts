/**
 * The body of a record:
 *
 *     key=value key="value" [old ]key=value msg='words key=value key="value"'\x1dKEY="name" SADDR={ key=value }
 *
 * A value in quotes ends at the next quote, for what holds a quote is written in hexadecimal. A bare value goes on over words that
 * are no pair (`op=adding user to group`). What stands behind \x1d is auditd's own translation (log_format = ENRICHED).
 */

/** Pairs in the order in which they stand. One object is used for each record again. */
export interface Pairs {
  count: number
  readonly keys: string[]
  readonly values: string[]
  /** Was it in quotes? Then it is no hexadecimal. */
  readonly quoted: boolean[]
  /** `avc:  denied  { read write } for`: what was decided, and of what. */
  avcAction: string
  avcRequest: string
  /** The name that stands before a translated structure, `SADDR`. */
  structure: string
  /** Words before the first pair. */
  words: string
  /** Within `msg='…'`: what looks like another one in there is a text. */
  isNested: boolean
}

export function newPairs(): Pairs {
  return {
    count: 0,
    keys: [],
    values: [],
    quoted: [],
    avcAction: '',
    avcRequest: '',
    structure: '',
    words: '',
    isNested: false,
  }
}

/** More pairs than any record has; an attacker's message may have more. */
const PAIRS_MAX = 2048

const SPACE = 32
const QUOTE = 34
const APOSTROPHE = 39
const OPEN_PARENTHESIS = 40
const COLON = 58
const EQUALS = 61
const OPEN_BRACE = 123
const CLOSE_BRACE = 125
const GROUP_SEPARATOR = 29

export function readPairs(text: string, from: number, pairs: Pairs): void {
  pairs.count = 0
  pairs.avcAction = ''
  pairs.avcRequest = ''
  pairs.structure = ''
  pairs.words = ''
  pairs.isNested = false
  // A relay that ends its lines as Windows does: the CR is no part of the last value.
  read(text, from, text.endsWith('\r') ? text.length - 1 : text.length, pairs)
}

function read(text: string, from: number, to: number, pairs: Pairs): void {
  let at = readDecision(text, from, to, pairs)
  const first = pairs.count
  let prefix = ''
  while (at < to && pairs.count < PAIRS_MAX) {
    let unit = text.charCodeAt(at)
    if (unit === SPACE || unit === GROUP_SEPARATOR || unit === OPEN_PARENTHESIS) {
      if (unit === GROUP_SEPARATOR) prefix = ''
      at++
      continue
    }
    const start = at
    while (at < to) {
      unit = text.charCodeAt(at)
      if (unit === EQUALS || unit === SPACE || unit === GROUP_SEPARATOR) break
      at++
    }
    if (at >= to || unit !== EQUALS || at === start) {
      // A word that is no pair. At `=` without a name: passed over.
      const end = at === start ? ++at : at
      prefix = takeWord({ text, start, end, first }, pairs)
      continue
    }
    const key = prefix === '' ? text.slice(start, at) : `${prefix}_${text.slice(start, at)}`
    prefix = ''
    at = readValue(text, at + 1, to, key, pairs)
  }
}

/** `old auid=700 new auid=700` names its pair; other words go on with the value before them. */
function takeWord(
  { text, start, end, first }: { text: string; start: number; end: number; first: number },
  pairs: Pairs,
): string {
  const last = pairs.count - 1
  const word = text.slice(start, end)
  if ((word === 'old' || word === 'new') && isIdNext(text, end)) return word
  if (last < first) {
    pairs.words = pairs.words === '' ? word : `${pairs.words} ${word}`
  } else if (!pairs.quoted[last] && word !== '}' && isGoingOn(pairs, last, word)) {
    pairs.values[last] += ` ${word}`
  }
  return ''
}

/** Of old PAM messages, `acct=root : exe=…`, the colon is no part; of a class of X objects it is. */
function isGoingOn(pairs: Pairs, last: number, word: string): boolean {
  return word !== ':' || pairs.keys[last] === 'tclass'
}

function isIdNext(text: string, at: number): boolean {
  return text.startsWith(' auid=', at) || text.startsWith(' ses=', at)
}

function readValue(text: string, from: number, to: number, key: string, pairs: Pairs): number {
  const unit = text.charCodeAt(from)
  if (unit === QUOTE && from < to) return readQuoted(text, from, to, key, pairs)
  if (unit === APOSTROPHE && from < to) return readNested(text, from, to, key, pairs)
  if (unit === OPEN_BRACE && from < to) {
    pairs.structure = key
    return from + 1
  }
  let at = from
  while (at < to) {
    const next = text.charCodeAt(at)
    if (next === SPACE || next === GROUP_SEPARATOR) break
    at++
  }
  if (key === 'res' || key === 'result') at = endOfResult(text, from, at)
  let end = at
  const last = text.charCodeAt(end - 1)
  // `(hostname=h, addr=a, terminal=t res=success)`
  if (end > from && (last === 44 || (last === 41 && (key === 'res' || key === 'result')))) end--
  if (end > from + 1 && text.charCodeAt(end - 1) === CLOSE_BRACE) end--
  add(pairs, key, text.slice(from, end), false)
  return at
}

/** Where a relay has dropped the separator, a translation follows at once: `res=successUID="root"`. */
function endOfResult(text: string, from: number, end: number): number {
  for (let at = from + 1; at < end; at++) {
    const unit = text.charCodeAt(at)
    if (unit >= 65 && unit <= 90) return at
  }
  return end
}

function readQuoted(text: string, from: number, to: number, key: string, pairs: Pairs): number {
  const quote = text.indexOf('"', from + 1)
  const end = quote < 0 || quote > to ? to : quote
  // RHEL 4 and some tools put the whole message into these.
  if (key === 'msg' && !pairs.isNested && text.slice(from + 1, end).includes('=')) {
    const last = Math.max(text.lastIndexOf('"', to - 1), from + 1)
    readInside(text, from + 1, last, pairs)
    return last + 1
  }
  add(pairs, key, text.slice(from + 1, end), true)
  return end + 1
}

/** `msg='…'` is what a program of user space has sent: its pairs come after the kernel's own. */
function readNested(text: string, from: number, to: number, key: string, pairs: Pairs): number {
  const separator = text.indexOf('\x1d', from)
  const limit = separator < 0 || separator > to ? to : separator
  const last = text.lastIndexOf("'", limit - 1)
  const end = last > from ? last : limit
  if (key === 'msg' && !pairs.isNested) {
    const before = pairs.count
    readInside(text, from + 1, end, pairs)
    if (pairs.count === before) add(pairs, key, text.slice(from + 1, end), true)
  } else {
    const next = text.indexOf("'", from + 1)
    const own = next < 0 || next > limit ? limit : next
    add(pairs, key, text.slice(from + 1, own), true)
    return own + 1
  }
  return end + 1
}

function readInside(text: string, from: number, to: number, pairs: Pairs): void {
  pairs.isNested = true
  read(text, from, to, pairs)
  pairs.isNested = false
}

function add(pairs: Pairs, key: string, value: string, quoted: boolean): void {
  const at = pairs.count++
  pairs.keys[at] = key
  pairs.values[at] = value
  pairs.quoted[at] = quoted
}

/** `avc:  denied  { read write } for  ` of SELinux; returns where it ends. */
function readDecision(text: string, from: number, to: number, pairs: Pairs): number {
  let at = from
  while (at < to && text.charCodeAt(at) === SPACE) at++
  if (!text.startsWith('avc:', at) && !text.startsWith('user avc:', at)) return from
  const colon = text.indexOf(':', at)
  const open = text.indexOf('{', at)
  const close = text.indexOf('}', at)
  if (open < 0 || close < open || close > to || text.charCodeAt(colon) !== COLON) return from
  pairs.avcAction = text.slice(colon + 1, open).trim()
  pairs.avcRequest = text.slice(open + 1, close).trim()
  return text.startsWith(' for ', close + 1) ? close + 6 : close + 1
}
