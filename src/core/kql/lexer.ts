import { queryFault } from './fault.ts'

/**
 * Tokens of KQL:
 * ```
 * query     = token { token }
 * token     = "(" | ")" | "{" | "}" | ":" | "<" | "<=" | ">" | ">=" | quoted | word
 * quoted    = '"' { character | '\"' | '\\' | '\t' | '\r' | '\n' | '\uXXXX' } '"'
 * word      = { character but space and \():<>"*{} | "*" | escape }
 * escape    = "\" one of \():<>"*{} or a space | '\t' | '\r' | '\n' | '\uXXXX'
 * keyword   = word that is and, or, not (any case); "\and" is the word itself
 * ```
 */
export type Token =
  | {
      readonly kind: '(' | ')' | '{' | '}' | ':' | '<' | '<=' | '>' | '>=' | 'end'
      readonly at: number
      readonly end: number
    }
  | { readonly kind: 'and' | 'or' | 'not'; readonly at: number; readonly end: number }
  | TextToken

export interface TextToken {
  readonly kind: 'word' | 'quoted'
  readonly at: number
  /** First character after it. */
  readonly end: number
  /** Without quotes and escapes. */
  readonly text: string
  /** As a pattern of core/query.ts: `*` stands for any run of characters, `\` makes the next one literal. */
  readonly pattern: string
  readonly hasWildcard: boolean
}

const SPECIAL = '\\():<>"*{}'
const SPACE = /\s/u
const WHITESPACE_ESCAPES: Readonly<Record<string, string>> = { t: '\t', r: '\r', n: '\n' }

/** @throws {DecklogError} `query-invalid` */
export function lex(query: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < query.length) {
    const character = query[at]!
    if (SPACE.test(character)) {
      at++
      continue
    }
    const token = character === '"' ? quoted(query, at) : (punctuation(query, at) ?? word(query, at))
    tokens.push(token)
    at = token.end
  }
  tokens.push({ kind: 'end', at: query.length, end: query.length })
  return tokens
}

function punctuation(query: string, at: number): Token | undefined {
  const character = query[at]!
  if (character === '<' || character === '>') {
    return query[at + 1] === '='
      ? { kind: `${character}=`, at, end: at + 2 }
      : { kind: character, at, end: at + 1 }
  }
  if (character === '(' || character === ')' || character === '{' || character === '}' || character === ':') {
    return { kind: character, at, end: at + 1 }
  }
  return undefined
}

function quoted(query: string, at: number): TextToken {
  let text = ''
  let index = at + 1
  while (index < query.length) {
    const character = query[index]!
    if (character === '"') return literal('quoted', { at, end: index + 1, text })
    const escaped = character === '\\' ? quotedEscape(query, index) : undefined
    text += escaped?.text ?? character
    index = escaped?.end ?? index + 1
  }
  throw queryFault(
    query,
    at,
    'this quotation mark is never closed; write " at the end of the phrase, or \\" for the character itself',
  )
}

function literal(kind: 'quoted', from: { at: number; end: number; text: string }): TextToken {
  return { kind, ...from, pattern: escapePattern(from.text), hasWildcard: false }
}

/** In quotes a backslash that escapes nothing stands for itself. */
function quotedEscape(query: string, index: number): { text: string; end: number } | undefined {
  const next = query[index + 1]
  if (next === '"' || next === '\\') return { text: next, end: index + 2 }
  return commonEscape(query, index)
}

function commonEscape(query: string, index: number): { text: string; end: number } | undefined {
  const next = query[index + 1] ?? ''
  const whitespace = WHITESPACE_ESCAPES[next]
  if (whitespace !== undefined) return { text: whitespace, end: index + 2 }
  const hex = /^u([0-9a-fA-F]{4})/.exec(query.slice(index + 1, index + 6))
  return hex ? { text: String.fromCharCode(Number.parseInt(hex[1]!, 16)), end: index + 6 } : undefined
}

function word(query: string, at: number): Token {
  const parts = { text: '', pattern: '', hasWildcard: false }
  let index = at
  while (index < query.length && !SPACE.test(query[index]!)) {
    const character = query[index]!
    if (character === '*') {
      parts.hasWildcard = true
      parts.text += '*'
      if (!parts.pattern.endsWith('*') || parts.pattern.endsWith('\\*')) parts.pattern += '*'
      index++
    } else if (character === '\\') {
      const escaped = wordEscape(query, { index, wordAt: at })
      parts.text += escaped.text
      parts.pattern += escapePattern(escaped.text)
      index = escaped.end
    } else if (SPECIAL.includes(character)) break
    else {
      parts.text += character
      parts.pattern += character
      index++
    }
  }
  const keyword = /^(and|or|not)$/i.exec(query.slice(at, index))
  if (keyword) return { kind: keyword[0].toLowerCase() as 'and' | 'or' | 'not', at, end: index }
  return { kind: 'word', at, end: index, ...parts }
}

function wordEscape(query: string, place: { index: number; wordAt: number }): { text: string; end: number } {
  const { index, wordAt } = place
  const keyword = /^(?:and|or|not)(?![^\s\\():<>"*{}])/i.exec(query.slice(index + 1, index + 5))
  if (index === wordAt && keyword) return { text: keyword[0], end: index + 1 + keyword[0].length }
  const next = query[index + 1]
  if (next !== undefined && (SPECIAL.includes(next) || SPACE.test(next)))
    return { text: next, end: index + 2 }
  const common = commonEscape(query, index)
  if (common) return common
  throw queryFault(
    query,
    index,
    'a backslash stands before one of \\ ( ) : < > " * { } or before and, or, not; write \\\\ for a backslash itself',
  )
}

/** Text as a pattern that matches just it. */
export function escapePattern(text: string): string {
  return text.replace(/[\\*]/g, '\\$&')
}
