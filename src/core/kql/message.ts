import type { Query } from '../query.ts'
import { cutWords } from '../words.ts'
import { allOf, anyOf } from './normal.ts'
import { escapePattern } from './lexer.ts'
import type { Literal } from './parser.ts'

/** What bare words and `message: …` mean: quoted a phrase, unquoted any of the words, with wildcards any that fits. */
export function messageQuery(literal: Literal): Query {
  if (literal.quoted) return wordsQuery(cutWords(literal.text), 'phrase')
  const plain: string[] = []
  const patterns: Query[] = []
  for (const token of literal.tokens) {
    if (token.hasWildcard) patterns.push(wildcardQuery(token.pattern))
    else plain.push(...cutWords(token.text))
  }
  return anyOf([wordsQuery(plain, 'any'), ...patterns])
}

function wordsQuery(words: readonly string[], mode: 'any' | 'phrase'): Query {
  if (words.length === 0) return { kind: 'none' }
  return { kind: 'words', words, mode: words.length === 1 ? 'any' : mode }
}

/**
 * Cuts a pattern into words as a message is cut, and wants all of them: `kube-api*` is `kube` and `api*`. Each star is put
 * through the cutter as a character of the kind beside it, so that `10.0.0.*` and `foo.*` stay one word.
 */
function wildcardQuery(pattern: string): Query {
  const parts: Query[] = []
  for (const word of cutWords(withStandIns(charactersOf(pattern)))) {
    const back = escapePattern(word).replace(STAND_INS, '*')
    if (!hasStandIn(word)) parts.push({ kind: 'words', words: [word], mode: 'any' })
    else if (back !== '*') parts.push({ kind: 'word-wildcard', pattern: back })
  }
  return parts.length === 0 ? { kind: 'exists', field: 'message' } : allOf(parts)
}

const STAR = Symbol('star')
type Characters = readonly (string | typeof STAR)[]

/**
 * One rare character for each kind that the cutter treats alike: U+A66E for letters, U+07C0 for digits, U+30FF for
 * Katakana, U+0EAF for the scripts without blanks. Whoever searches for just these finds a little more.
 */
const STAND_IN = { letter: '\uA66E', digit: '\u07C0', katakana: '\u30FF', complex: '\u0EAF' } as const
const STAND_INS = /[\uA66E\u07C0\u30FF\u0EAF]+/g

function hasStandIn(word: string): boolean {
  return Object.values(STAND_IN).some((standIn) => word.includes(standIn))
}

function charactersOf(pattern: string): Characters {
  const characters: (string | typeof STAR)[] = []
  for (let index = 0; index < pattern.length; index++) {
    if (pattern[index] === '\\') characters.push(pattern[++index] ?? '')
    else characters.push(pattern[index] === '*' ? STAR : pattern[index]!)
  }
  return characters
}

/** For each star a character like the nearest one that belongs to a word, looking back first. */
function withStandIns(characters: Characters): string {
  const kinds = characters.map(kindOf)
  let kind = kinds.find((known) => known !== undefined) ?? 'letter'
  let text = ''
  for (const [index, character] of characters.entries()) {
    kind = kinds[index] ?? kind
    text += typeof character === 'string' ? character : STAND_IN[kind]
  }
  return text
}

function kindOf(character: string | typeof STAR): keyof typeof STAND_IN | undefined {
  if (typeof character !== 'string') return undefined
  if (/\p{Nd}/u.test(character)) return 'digit'
  if (/\p{Script=Katakana}/u.test(character)) return 'katakana'
  if (/[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u.test(character)) return 'complex'
  return /\p{L}/u.test(character) ? 'letter' : undefined
}
