import { type Token, tokens } from './kql-text.ts'

/** Ranges `[start, end)` of a text that match the query, in order, not overlapping. */
export type Matcher = (text: string) => readonly (readonly [number, number])[]

export interface Highlights {
  readonly message: Matcher | undefined
  field(name: string): Matcher | undefined
}

/** Marked matches in one value: a megabyte of the word asked for must not become a megabyte of nodes. */
const MARKS_MAX = 200

/** What of the query shows in the events: bare words and phrases in the message, values in their own fields. */
export function highlights(query: string): Highlights {
  const byField = new Map<string, string[]>()
  const list = tokens(query)
  let field = 'message'
  let negated = false
  let depth = 0
  for (const [index, token] of list.entries()) {
    if (token.kind === 'open') depth++
    if (token.kind === 'close') depth--
    if (token.kind === 'not') negated = true
    const starts = list[index + 1]?.kind === 'colon' || list[index + 1]?.kind === 'range'
    if (starts) field = token.text
    if (token.kind === 'and' || token.kind === 'or') {
      if (depth === 0) field = 'message'
      negated = false
    }
    if (!negated && !starts && isValue(token) && list[index - 1]?.kind !== 'range') {
      byField.set(field, [...(byField.get(field) ?? []), pattern(token, field)])
    }
  }
  const matchers = new Map([...byField].map(([name, patterns]) => [name, matcher(patterns)]))
  return { message: matchers.get('message'), field: (name) => matchers.get(name) }
}

function isValue(token: Token): boolean {
  return (token.kind === 'word' || token.kind === 'quoted') && token.text.replaceAll('*', '') !== ''
}

function pattern(token: Token, field: string): string {
  const words =
    token.kind === 'quoted'
      ? token.text.split(/[^\p{L}\p{N}_]+/u).filter((word) => word !== '')
      : [token.text]
  if (field !== 'message') return escaped(token.text).replaceAll('\\*', '.*?')
  return words.map((word) => escaped(word).replaceAll('\\*', '[\\p{L}\\p{N}_]*')).join('[^\\p{L}\\p{N}_]+')
}

function matcher(patterns: readonly string[]): Matcher {
  const usable = patterns.filter((one) => one !== '')
  const expression = new RegExp(`(?<![\\p{L}\\p{N}_])(?:${usable.join('|')})(?![\\p{L}\\p{N}_])`, 'giu')
  return (text) => {
    const ranges: [number, number][] = []
    if (usable.length === 0) return ranges
    for (const hit of text.matchAll(expression)) {
      if (hit[0] !== '') ranges.push([hit.index, hit.index + hit[0].length])
      if (ranges.length === MARKS_MAX) break
    }
    return ranges
  }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/gu, '\\$&')
}
