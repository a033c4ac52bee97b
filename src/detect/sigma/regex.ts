import { type CharSet, single } from './char-set.ts'
import { fold } from './fold.ts'
import { bestLiteral, isLiteralUnit } from './literals.ts'
import type { ValueTest } from './node.ts'
import { compileAutomaton } from './regex-automaton.ts'
import { parseRegex, type RegexNode } from './regex-parse.ts'

/** Sigma's `re`: matches anywhere in the value, with case unless the flag `i` is set. @throws RuleError */
export function regexTest(source: string, flags: string): ValueTest {
  const { root } = parseRegex(source, flags)
  const needs = neededTexts(root)?.map((text) => bestLiteral([text]))
  return {
    matches: compileAutomaton(root),
    needs: needs?.every((literal) => literal !== undefined) ? needs : undefined,
  }
}

/** Texts of which one is in whatever matches, folded; undefined when there is none. */
function neededTexts(node: RegexNode): readonly string[] | undefined {
  switch (node.kind) {
    case 'set': {
      const text = letter(node.set)
      return text === undefined ? undefined : [text]
    }
    case 'assert':
      return undefined
    case 'repeat':
      return node.min > 0 ? neededTexts(node.of) : undefined
    case 'choice': {
      const all = node.of.map(neededTexts)
      return all.every((texts) => texts !== undefined) ? all.flat() : undefined
    }
    case 'sequence':
      return best(sequenceNeeds(node.of))
  }
}

/** Runs of single characters stand for one text; everything else says what it needs itself. */
function sequenceNeeds(nodes: readonly RegexNode[]): (readonly string[])[] {
  const needs: (readonly string[])[] = []
  let run = ''
  const flush = (): void => {
    if (run !== '') needs.push([run])
    run = ''
  }
  for (const node of nodes) {
    const text = node.kind === 'set' ? letter(node.set) : undefined
    if (text !== undefined) {
      run += text
      continue
    }
    flush()
    const inner = neededTexts(node)
    if (inner !== undefined) needs.push(inner)
  }
  flush()
  return needs
}

/** The character that a set stands for, if all it holds is one character in either case, and a literal may have it. */
function letter(set: CharSet): string | undefined {
  const [first, , second] = set
  const isPair = set.length === 4 && first === set[1] && second === set[3]
  if (!isPair && single(set) === undefined) return undefined
  const units = isPair ? [first!, second!] : [first!]
  const folded = new Set(units.map((unit) => fold(String.fromCharCode(unit))))
  return folded.size === 1 && units.every(isLiteralUnit) ? [...folded][0] : undefined
}

function best(needs: readonly (readonly string[])[]): readonly string[] | undefined {
  const shortest = (texts: readonly string[]): number => Math.min(...texts.map((text) => text.length))
  return needs.toSorted((left, right) => shortest(right) - shortest(left))[0]
}
