import { fieldType } from '../fields.ts'
import type { Query } from '../query.ts'
import { escapePattern } from './lexer.ts'

/** Writes a Query as KQL that is read back into the same Query (one in the normal form that `parseKql` gives). */
export function printKql(query: Query): string {
  switch (query.kind) {
    case 'all':
      return '*'
    case 'none':
      return 'not *'
    case 'and':
      return query.of
        .map((part) => (part.kind === 'or' ? `(${printKql(part)})` : printKql(part)))
        .join(' and ')
    case 'or':
      return query.of.map(printKql).join(' or ')
    case 'not':
      return `not ${needsGroup(query.of) ? `(${printKql(query.of)})` : printKql(query.of)}`
    case 'words':
      return query.mode === 'phrase' ? quote(query.words.join(' ')) : query.words.map(printWord).join(' ')
    case 'word-wildcard':
      return printPattern(query.pattern)
    case 'term':
      return `${printField(query.field)}: ${quote(query.value)}`
    case 'wildcard':
      return `${printField(query.field)}: ${printPattern(query.pattern)}`
    case 'cidr':
      return `${printField(query.field)}: ${quote(query.cidr)}`
    case 'exists':
      return `${printField(query.field)}: *`
    case 'range':
      return printRange(query)
  }
}

function printTerm(field: string, value: string): string {
  return `${printField(field)}: ${quote(value)}`
}

function needsGroup(query: Query): boolean {
  return query.kind === 'and' || query.kind === 'or' || (query.kind === 'range' && boundsOf(query).length > 1)
}

function printField(field: string): string {
  return /^[\p{L}\p{N}_.@/-]+$/u.test(field) && !isKeyword(field) ? field : quote(field)
}

/** In quotes `\t`, `\n`, `\r` and `\u0000` mean something, so every backslash is doubled. */
function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

function printWord(word: string): string {
  return isKeyword(word) ? `\\${word}` : printPattern(escapePattern(word))
}

function printPattern(pattern: string): string {
  return pattern.replace(
    /\\(.)|([():<>"{}])|(\s)/gsu,
    (part, escaped?: string, special?: string, space?: string) => {
      if (escaped !== undefined) return escaped === '*' || escaped === '\\' ? part : printPattern(escaped)
      if (special !== undefined) return `\\${special}`
      return `\\u${space!.charCodeAt(0).toString(16).padStart(4, '0')}`
    },
  )
}

function isKeyword(word: string): boolean {
  return /^(and|or|not)$/i.test(word)
}

type Range = Extract<Query, { kind: 'range' }>
const SIGNS = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

function boundsOf(range: Range): (keyof typeof SIGNS)[] {
  return (['gt', 'gte', 'lt', 'lte'] as const).filter((bound) => range[bound] !== undefined)
}

/** Two bounds of a date are an interval: as two ranges a list of dates could meet each with another element. */
function printRange(range: Range): string {
  const { gte, lt } = range
  const bounds = boundsOf(range)
  if (gte !== undefined && lt !== undefined && bounds.length === 2 && fieldType(range.field) === 'date') {
    return printTerm(range.field, `${gte}/${lt}`)
  }
  const parts = bounds.map((bound) => `${printField(range.field)} ${SIGNS[bound]} ${quote(range[bound]!)}`)
  return parts.length === 1 ? parts[0]! : `(${parts.join(' and ')})`
}
