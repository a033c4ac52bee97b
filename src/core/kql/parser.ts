import type { Query } from '../query.ts'
import { queryFault } from './fault.ts'
import { lex, type TextToken, type Token } from './lexer.ts'
import { allOf, anyOf, negated } from './normal.ts'

/**
 * Grammar of KQL, on the tokens of lexer.ts; `not` binds closest, then `and`, then `or`.
 * ```
 * query      = [ or ]
 * or         = and { "or" and }
 * and        = not { "and" not }
 * not        = "not" not | primary
 * primary    = "(" or ")" | field ":" value | field ("<" | "<=" | ">" | ">=") literal | literal
 * field      = word | quoted
 * value      = "(" value-or ")" | literal          value-or, value-and, value-not: as or, and, not, of values
 * literal    = quoted | word { word }
 * ```
 */
export interface Literal {
  readonly tokens: readonly TextToken[]
  readonly quoted: boolean
  readonly at: number
  /** Words with the space between them as it was written. */
  readonly text: string
  readonly pattern: string
  readonly hasWildcard: boolean
}

export type Comparison = '<' | '<=' | '>' | '>='

/** What the leaves of the tree mean. Each may throw a query fault. */
export interface LeafBuilder {
  bare(literal: Literal): Query
  value(field: TextToken, literal: Literal): Query
  range(field: TextToken, comparison: Comparison, literal: Literal): Query
}

const DEPTH_MAX = 100

/** @throws {DecklogError} `query-invalid` */
export function parse(text: string, leaves: LeafBuilder): Query {
  return new Parser(text, leaves).query()
}

type Operand = (depth: number) => Query

class Parser {
  readonly #text: string
  readonly #tokens: readonly Token[]
  readonly #leaves: LeafBuilder
  #next = 0

  constructor(text: string, leaves: LeafBuilder) {
    this.#text = text
    this.#tokens = lex(text)
    this.#leaves = leaves
  }

  query(): Query {
    if (this.#peek().kind === 'end') return { kind: 'all' }
    const query = this.#or(this.#primary, 0)
    const rest = this.#peek()
    if (rest.kind === ')') throw this.#fault(rest, 'this closing parenthesis was never opened')
    if (rest.kind !== 'end') throw this.#fault(rest, 'expected "and", "or" or the end')
    return query
  }

  #or(operand: Operand, depth: number): Query {
    const parts = [this.#and(operand, depth)]
    while (this.#take('or')) parts.push(this.#and(operand, depth))
    return anyOf(parts)
  }

  #and(operand: Operand, depth: number): Query {
    const parts = [this.#not(operand, depth)]
    while (this.#take('and')) parts.push(this.#not(operand, depth))
    return allOf(parts)
  }

  #not(operand: Operand, depth: number): Query {
    const token = this.#take('not')
    if (token === undefined) return operand(depth)
    this.#guardDepth(token, depth)
    return negated(this.#not(operand, depth + 1))
  }

  readonly #primary: Operand = (depth) => {
    const token = this.#peek()
    if (token.kind === '(') return this.#group(this.#primary, depth)
    if (!isText(token)) throw this.#fault(token, `expected a field, a word or "("${insteadOf(token)}`)
    const after = this.#tokens[this.#next + 1]!
    if (after.kind === ':') return this.#fieldValue(token, depth)
    if (isComparison(after)) return this.#fieldRange(token, after.kind)
    return this.#leaves.bare(this.#literal())
  }

  #fieldValue(field: TextToken, depth: number): Query {
    this.#next += 2
    const value: Operand = (inner) => {
      const token = this.#peek()
      if (token.kind === '(') return this.#group(value, inner)
      return this.#leaves.value(field, this.#valueLiteral(field))
    }
    return value(depth)
  }

  #fieldRange(field: TextToken, comparison: Comparison): Query {
    this.#next += 2
    return this.#leaves.range(field, comparison, this.#valueLiteral(field))
  }

  #group(operand: Operand, depth: number): Query {
    const open = this.#peek()
    this.#guardDepth(open, depth)
    this.#next++
    if (this.#peek().kind === ')')
      throw this.#fault(this.#peek(), 'expected something between the parentheses')
    const query = this.#or(operand, depth + 1)
    const close = this.#peek()
    if (close.kind === 'end') throw this.#fault(open, 'this parenthesis is never closed')
    if (close.kind !== ')') throw this.#fault(close, `expected "and", "or" or ")"${hintFor(close)}`)
    this.#next++
    return query
  }

  #valueLiteral(field: TextToken): Literal {
    const token = this.#peek()
    if (token.kind === '{') {
      throw this.#fault(
        token,
        'nested groups { } are not needed here: a list matches when any of its elements does; use parentheses',
      )
    }
    if (token.kind === 'not') {
      throw this.#fault(token, `expected a value; write "not ${field.text}: …", or the values in parentheses`)
    }
    if (!isText(token)) throw this.#fault(token, `expected a value for "${field.text}"${insteadOf(token)}`)
    const literal = this.#literal()
    const rest = this.#peek()
    if (rest.kind === ':') {
      throw this.#fault(
        rest,
        'a value that holds ":" needs quotes, and a further field needs "and" or "or" before it',
      )
    }
    if (isComparison(rest)) throw this.#fault(rest, 'expected "and" or "or" before a further field')
    return literal
  }

  /** Takes a quoted text, or all words that follow each other. */
  #literal(): Literal {
    const first = this.#peek() as TextToken
    const tokens: TextToken[] = []
    for (let token: Token = first; isText(token); token = this.#peek()) {
      if (tokens.length > 0 && (first.kind === 'quoted' || token.kind === 'quoted')) {
        throw this.#fault(token, 'expected "and" or "or" between a quoted phrase and what stands beside it')
      }
      const after = this.#tokens[this.#next + 1]!
      if (tokens.length > 0 && (after.kind === ':' || isComparison(after))) {
        throw this.#fault(token, `expected "and" or "or" before "${token.text}${after.kind}"`)
      }
      tokens.push(token)
      this.#next++
    }
    return joined(this.#text, tokens)
  }

  #peek(): Token {
    return this.#tokens[this.#next]!
  }

  #take(kind: 'and' | 'or' | 'not'): Token | undefined {
    const token = this.#peek()
    if (token.kind !== kind) return undefined
    this.#next++
    return token
  }

  #guardDepth(token: Token, depth: number): void {
    if (depth >= DEPTH_MAX) {
      throw this.#fault(token, `parentheses and "not" may be nested ${DEPTH_MAX} deep at most`)
    }
  }

  #fault(token: Token, expected: string): Error {
    return queryFault(this.#text, token.at, expected)
  }
}

function joined(query: string, tokens: readonly TextToken[]): Literal {
  const first = tokens[0]!
  let { text, pattern, hasWildcard } = first
  for (const [index, token] of tokens.slice(1).entries()) {
    const space = query.slice(tokens[index]!.end, token.at)
    text += space + token.text
    pattern += space + token.pattern
    hasWildcard ||= token.hasWildcard
  }
  return { tokens, quoted: first.kind === 'quoted', at: first.at, text, pattern, hasWildcard }
}

function isText(token: Token): token is TextToken {
  return token.kind === 'word' || token.kind === 'quoted'
}

function isComparison(token: Token): token is Token & { kind: Comparison } {
  return token.kind === '<' || token.kind === '<=' || token.kind === '>' || token.kind === '>='
}

function insteadOf(token: Token): string {
  if (token.kind === 'end') return ', found the end'
  if (token.kind === 'and' || token.kind === 'or') {
    return `, found the operator "${token.kind}"; write \\${token.kind} or "${token.kind}" for the word`
  }
  return `, found "${token.kind}"`
}

function hintFor(token: Token): string {
  return token.kind === ':' ? '; a value that holds ":" needs quotes' : ''
}
