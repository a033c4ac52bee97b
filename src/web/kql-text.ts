import { UNSAFE } from './safe-text.ts'

/**
 * KQL as text under somebody's hands: where its tokens lie, what is being typed, and how a condition is added. The server
 * decides what a query means; this only has to be right about quotes, so that it never edits inside one.
 */
export interface Token {
  readonly kind: 'word' | 'quoted' | 'colon' | 'range' | 'open' | 'close' | 'and' | 'or' | 'not'
  readonly start: number
  readonly end: number
  /** Without quotes and escapes. */
  readonly text: string
}

/** Events that a rule tagged. */
export const SIGNAL_CLAUSE = 'rule.name: *'

const TOKEN = /"(?:\\.|[^"\\])*"?|[(){}]|<=|>=|[:<>]|(?:\\.|[^\s"(){}:<>\\])+|\\/gsu

export function tokens(query: string): Token[] {
  const found: Token[] = []
  for (const match of query.matchAll(TOKEN)) {
    const raw = match[0]
    found.push({ kind: kindOf(raw), start: match.index, end: match.index + raw.length, text: unquoted(raw) })
  }
  return found
}

/** What the caret is in: a field's name, or a value of a field that has been named. */
export interface Typing {
  readonly kind: 'field' | 'value'
  readonly field: string
  readonly prefix: string
  /** What a chosen suggestion replaces. */
  readonly start: number
  readonly end: number
}

export function typingAt(query: string, caret: number): Typing {
  const before = tokens(query).filter((token) => token.start < caret)
  const last = before.at(-1)
  const inside = last !== undefined && last.end >= caret && (last.kind === 'word' || last.kind === 'quoted')
  const rest = inside ? before.slice(0, -1) : before
  const start = inside ? last.start : caret
  const end = inside ? last.end : caret
  const prefix = inside ? unquoted(query.slice(last.start, caret)) : ''
  const field = fieldOfValue(rest)
  return { kind: field === undefined ? 'field' : 'value', field: field ?? '', prefix, start, end }
}

export function condition(field: string, value: string): string {
  return `${escapedField(field)}: ${quoted(value)}`
}

/** Adds `field: "value"` or its negation; what said the opposite is taken out first, what is there already is not repeated. */
export function withCondition(query: string, clause: string, negated: boolean): string {
  const opposite = negated ? clause : `not ${clause}`
  const wanted = negated ? `not ${clause}` : clause
  const kept = withoutClause(query, opposite)
  if (conjuncts(kept).includes(wanted)) return kept
  if (kept === '') return wanted
  return `${hasTopLevelOr(kept) ? `(${kept})` : kept} and ${wanted}`
}

export function hasClause(query: string, clause: string): boolean {
  return conjuncts(query).includes(clause)
}

export function withoutClause(query: string, clause: string): string {
  const parts = conjuncts(query)
  return parts.includes(clause) ? parts.filter((part) => part !== clause).join(' and ') : query.trim()
}

/** The parts between the top-level `and`s; the whole query when `or` binds them. */
export function conjuncts(query: string): string[] {
  const whole = query.trim()
  if (whole === '') return []
  if (hasTopLevelOr(query)) return [whole]
  const parts: string[] = []
  let start = 0
  for (const token of topLevel(query)) {
    if (token.kind !== 'and') continue
    parts.push(query.slice(start, token.start).trim())
    start = token.end
  }
  parts.push(query.slice(start).trim())
  return parts.filter((part) => part !== '')
}

/** In quotes. What cannot be seen or would act is written as an escape, so that a query shows all that it asks. */
export function quoted(value: string): string {
  return `"${escapeUnseen(value.replace(/[\\"]/gu, '\\$&'))}"`
}

/** As a value in a suggestion: bare where that is safe to read, else in quotes. */
export function valueText(value: string): string {
  return /^[\p{L}\p{N}_][\p{L}\p{N}_.\-/]*$/u.test(value) && !/^(?:and|or|not)$/iu.test(value)
    ? value
    : quoted(value)
}

export function escapedField(field: string): string {
  if (/^(?:and|or|not)$/iu.test(field)) return `\\${field}`
  const escaped = field.replace(/[\\():<>"*{}\s]/gu, (found) =>
    found === '\t' || found.match(UNSAFE) ? found : `\\${found}`,
  )
  return escapeUnseen(escaped)
}

function escapeUnseen(text: string): string {
  const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }
  return text
    .replace(/\t/gu, '\\t')
    .replace(
      UNSAFE,
      (found) =>
        short[found] ?? Array.from({ length: found.length }, (_, index) => unit(found, index)).join(''),
    )
}

function unit(text: string, index: number): string {
  return `\\u${text.charCodeAt(index).toString(16).padStart(4, '0')}`
}

function hasTopLevelOr(query: string): boolean {
  return topLevel(query).some((token) => token.kind === 'or')
}

function topLevel(query: string): Token[] {
  let depth = 0
  return tokens(query).filter((token) => {
    if (token.kind === 'open') depth++
    if (token.kind === 'close') depth--
    return depth === 0
  })
}

function fieldOfValue(before: readonly Token[]): string | undefined {
  let index = before.length - 1
  // Within parentheses, `field: (a or b` still types a value of the field.
  while (index >= 0 && before[index]!.kind !== 'colon' && before[index]!.kind !== 'range') {
    const kind = before[index]!.kind
    const inList =
      kind === 'open' ||
      ((kind === 'or' || kind === 'and' || kind === 'word' || kind === 'quoted') && opensList(before, index))
    if (!inList) return undefined
    index--
  }
  const field = before[index - 1]
  return index < 1 || field === undefined || (field.kind !== 'word' && field.kind !== 'quoted')
    ? undefined
    : field.text
}

/** Is the token at `index` inside a parenthesis that directly follows a colon? */
function opensList(before: readonly Token[], index: number): boolean {
  let depth = 0
  for (let at = index; at >= 0; at--) {
    if (before[at]!.kind === 'close') depth++
    if (before[at]!.kind === 'open') depth--
    if (depth < 0) return before[at - 1]?.kind === 'colon'
  }
  return false
}

function kindOf(raw: string): Token['kind'] {
  if (raw.startsWith('"')) return 'quoted'
  if (raw === '(' || raw === '{') return 'open'
  if (raw === ')' || raw === '}') return 'close'
  if (raw === ':') return 'colon'
  if (/^[<>]=?$/u.test(raw)) return 'range'
  const lower = raw.toLowerCase()
  return lower === 'and' || lower === 'or' || lower === 'not' ? lower : 'word'
}

function unquoted(raw: string): string {
  const inner = raw.startsWith('"') ? raw.slice(1, raw.length > 1 && raw.endsWith('"') ? -1 : undefined) : raw
  return inner.replace(/\\(.)/gsu, '$1')
}
