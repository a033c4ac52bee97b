import type { Query } from '../query.ts'
import { cutWords } from './words-stand-in.ts'
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
 * through the cutter as a letter or digit, like the character beside it, so that `10.0.0.*` and `foo.*` stay one word.
 */
function wildcardQuery(pattern: string): Query {
  const characters = tokensOf(pattern)
  const standIns = standInsFor(pattern)
  const text = characters.map((part, index) =>
    part === STAR ? standIns[kindBeside(characters, index)] : part,
  )
  const parts: Query[] = []
  for (const word of cutWords(text.join(''))) {
    if (!word.includes(standIns.letter) && !word.includes(standIns.digit)) {
      parts.push({ kind: 'words', words: [word], mode: 'any' })
      continue
    }
    const back = escapePattern(word).replaceAll(standIns.letter, '*').replaceAll(standIns.digit, '*')
    if (/[^*]/.test(back)) parts.push({ kind: 'word-wildcard', pattern: back.replace(/(?<!\\)\*{2,}/g, '*') })
  }
  return parts.length === 0 ? { kind: 'exists', field: 'message' } : allOf(parts)
}

const STAR = Symbol('star')

function tokensOf(pattern: string): (string | typeof STAR)[] {
  const tokens: (string | typeof STAR)[] = []
  for (let index = 0; index < pattern.length; index++) {
    if (pattern[index] === '\\') tokens.push(pattern[++index] ?? '')
    else tokens.push(pattern[index] === '*' ? STAR : pattern[index]!)
  }
  return tokens
}

/** The nearest letter or digit, looking back first. */
function kindBeside(characters: readonly (string | typeof STAR)[], index: number): 'letter' | 'digit' {
  const before = characters.slice(0, index).reverse()
  for (const character of [...before, ...characters.slice(index + 1)]) {
    if (typeof character !== 'string') continue
    if (/\p{Nd}/u.test(character)) return 'digit'
    if (/\p{L}/u.test(character)) return 'letter'
  }
  return 'letter'
}

/** A letter without case and a digit that do not occur in the pattern. */
function standInsFor(pattern: string): { letter: string; digit: string } {
  const letter = ['ꙮ', 'ƻ', 'ǀ', 'ǁ', 'ǂ'].find((candidate) => !pattern.includes(candidate)) ?? 'ꙮ'
  const digit = ['߀', '߁', '߂', '߃', '߄'].find((candidate) => !pattern.includes(candidate)) ?? '߀'
  return { letter, digit }
}
