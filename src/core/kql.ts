import { queryFault } from './kql/fault.ts'
import type { TextToken } from './kql/lexer.ts'
import { messageQuery } from './kql/message.ts'
import { anyOf } from './kql/normal.ts'
import { type LeafBuilder, type Literal, parse } from './kql/parser.ts'
import { type Fitted, isStars, knownFields, rangeQuery, valueQuery } from './kql/values.ts'
import type { Query } from './query.ts'

export const QUERY_LENGTH_MAX = 10_000
export const QUERY_TERMS_MAX = 1_000

/** Something about a query that is allowed and worth saying. */
export interface QueryNote {
  /** 0-based, in UTF-16 units. */
  readonly position: number
  readonly message: string
}

export interface ParsedQuery {
  readonly query: Query
  readonly notes: readonly QueryNote[]
}

/**
 * Reads KQL, the query language of Kibana, into a Query. An empty text matches all. `nowMs` is what `now` means, in
 * milliseconds since the epoch. The language is described in `docs/api.md`.
 * @throws {DecklogError} `query-invalid`, with `position`; nothing else, whatever the text is
 */
export function parseKql(text: string, options: { readonly nowMs: number }): ParsedQuery {
  if (text.length > QUERY_LENGTH_MAX) {
    throw queryFault(
      text,
      QUERY_LENGTH_MAX,
      `a query has ${QUERY_LENGTH_MAX} characters at most, this one has ${text.length}`,
    )
  }
  const leaves = new Leaves(text, options.nowMs)
  const query = parse(text, leaves)
  return { query, notes: leaves.notes }
}

class Leaves implements LeafBuilder {
  readonly notes: QueryNote[] = []
  readonly #text: string
  readonly #nowMs: number
  #terms = 0

  constructor(text: string, nowMs: number) {
    this.#text = text
    this.#nowMs = nowMs
  }

  bare(literal: Literal): Query {
    if (isStars(literal)) return { kind: 'all' }
    this.#noteForeign(literal)
    return this.#message(literal)
  }

  value(field: TextToken, literal: Literal): Query {
    if (field.hasWildcard) return this.#everyField(field, literal, (name) => this.#valueOf(name, literal))
    if (field.text === 'message' && !isStars(literal)) return this.#message(literal)
    this.#count(literal, 1)
    if (!isStars(literal)) {
      this.#noteWildcards(literal)
      this.#noteQuotes(literal)
    }
    return this.#fitted(literal, valueQuery(field.text, literal, this.#nowMs))
  }

  range(field: TextToken, comparison: '<' | '<=' | '>' | '>=', literal: Literal): Query {
    const fit = (name: string): Fitted => rangeQuery(name, { comparison, literal, nowMs: this.#nowMs })
    if (field.hasWildcard) return this.#everyField(field, literal, fit)
    this.#count(literal, 1)
    return this.#fitted(literal, fit(field.text))
  }

  #message(literal: Literal): Query {
    const query = messageQuery(literal)
    this.#count(literal, Math.max(1, termsOf(query)))
    this.#noteWildcards(literal)
    if (query.kind === 'none') {
      this.#note(literal.at, 'this holds no word (only letters and digits make words), so it matches nothing')
    }
    return query
  }

  #valueOf(name: string, literal: Literal): Fitted {
    return name === 'message' && !isStars(literal)
      ? messageQuery(literal)
      : valueQuery(name, literal, this.#nowMs)
  }

  /** Fields that the value does not fit are left out, unless it fits none. */
  #everyField(field: TextToken, literal: Literal, fit: (name: string) => Fitted): Query {
    const names = knownFields(field)
    if (names.length === 0)
      throw queryFault(
        this.#text,
        field.at,
        `no known field is named like "${field.text}"; write the whole name`,
      )
    const fitting = names.map(fit).filter((fitted): fitted is Query => !('misfit' in fitted))
    if (fitting.length === 0)
      throw queryFault(this.#text, literal.at, `this value fits no field named like "${field.text}"`)
    this.#count(literal, fitting.length)
    this.#note(
      field.at,
      `"${field.text}" stands for ${fitting.length} known fields, and each of them is searched`,
    )
    return anyOf(fitting)
  }

  #fitted(literal: Literal, fitted: Fitted): Query {
    if ('misfit' in fitted) throw queryFault(this.#text, literal.at, fitted.misfit)
    return fitted
  }

  #count(literal: Literal, terms: number): void {
    this.#terms += terms
    if (this.#terms > QUERY_TERMS_MAX) {
      throw queryFault(
        this.#text,
        literal.at,
        `a query has ${QUERY_TERMS_MAX} terms at most; here it has more`,
      )
    }
  }

  #noteWildcards(literal: Literal): void {
    if (literal.quoted) return
    for (const token of literal.tokens) {
      if (token.hasWildcard && token.pattern.startsWith('*')) {
        this.#note(token.at, 'a wildcard in front is dear: every value has to be looked at')
      }
    }
  }

  /** Other query languages, whose signs would silently be words here. */
  #noteForeign(literal: Literal): void {
    if (literal.quoted) return
    for (const { text, at } of literal.tokens) {
      if (/^[\w.@-]*[!=]?=/.test(text)) {
        this.#note(
          at,
          `"${text}" is searched as text: a field's value is asked for with a colon, user.name: root`,
        )
      } else if (text === '&&' || text === '||') {
        this.#note(at, `"${text}" is searched as text: write ${text === '&&' ? 'and' : 'or'}`)
      }
    }
  }

  #noteQuotes(literal: Literal): void {
    const [first] = literal.tokens
    if (!literal.quoted && first?.text.startsWith("'"))
      this.#note(first.at, `the ' is part of the value here: a phrase stands in "double quotes"`)
  }

  #note(position: number, message: string): void {
    if (this.notes.length < 20) this.notes.push({ position, message })
  }
}

function termsOf(query: Query): number {
  if (query.kind === 'words') return query.words.length
  if (query.kind === 'and' || query.kind === 'or')
    return query.of.reduce((sum, part) => sum + termsOf(part), 0)
  return query.kind === 'none' ? 0 : 1
}
