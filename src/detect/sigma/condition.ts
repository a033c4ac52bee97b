import { and, atLeast, type Node, not, or } from './node.ts'
import { RuleError } from './problem.ts'

/**
 * Grammar, `or` binding least (Sigma 2.1, "Condition"):
 * ```
 * or    = and { 'or' and }
 * and   = not { 'and' not }
 * not   = 'not' not | atom
 * atom  = '(' or ')' | count 'of' ( 'them' | pattern ) | identifier
 * count = 'all' | 'any' | a number
 * ```
 * `them` and patterns (`selection_*`) leave out identifiers that start with `_`, unless the pattern does itself.
 */
export function compileCondition(source: string, searches: ReadonlyMap<string, Node>): Node {
  if (source.length > LENGTH_MAX) throw new RuleError('the condition is too long', 'split the rule')
  const tokens: readonly string[] = source.match(/[()]|[^\s()]+/g) ?? []
  if (tokens.includes('|')) {
    throw new RuleError(
      'aggregations in a condition are no longer part of Sigma',
      'write a correlation rule instead',
    )
  }
  return new Reader(tokens, searches).read()
}

const LENGTH_MAX = 8 * 1024

class Reader {
  #at = 0
  readonly #tokens: readonly string[]
  readonly #searches: ReadonlyMap<string, Node>

  constructor(tokens: readonly string[], searches: ReadonlyMap<string, Node>) {
    this.#tokens = tokens
    this.#searches = searches
  }

  read(): Node {
    const node = this.#or()
    const rest = this.#tokens[this.#at]
    if (rest !== undefined)
      throw new RuleError(`"${rest}" is not expected here`, 'write "and" or "or" before it')
    return node
  }

  #take(word: string): boolean {
    if (this.#tokens[this.#at]?.toLowerCase() !== word) return false
    this.#at++
    return true
  }

  #or(): Node {
    const of = [this.#and()]
    while (this.#take('or')) of.push(this.#and())
    return or(of)
  }

  #and(): Node {
    const of = [this.#not()]
    while (this.#take('and')) of.push(this.#not())
    return and(of)
  }

  #not(): Node {
    return this.#take('not') ? not(this.#not()) : this.#atom()
  }

  #atom(): Node {
    if (this.#take('(')) {
      const inner = this.#or()
      if (!this.#take(')')) throw new RuleError('"(" without ")"', 'close the parenthesis')
      return inner
    }
    const word = this.#tokens[this.#at++]
    if (word === undefined)
      throw new RuleError('the condition ends too early', `name one of: ${this.#names()}`)
    if (this.#tokens[this.#at]?.toLowerCase() === 'of') return this.#countOf(word)
    const search = this.#searches.get(word)
    if (search !== undefined) return search
    throw new RuleError(`"${word}" is not defined`, `name one of: ${this.#names()}`)
  }

  #countOf(count: string): Node {
    this.#at++
    const pattern = this.#tokens[this.#at++]
    if (pattern === undefined)
      throw new RuleError('"of" without what', 'write "them" or a pattern such as selection_*')
    const of = this.#matching(pattern)
    if (of.length === 0) throw new RuleError(`"${pattern}" names nothing`, `name one of: ${this.#names()}`)
    if (count.toLowerCase() === 'all') return and(of)
    if (count.toLowerCase() === 'any') return or(of)
    if (!/^[1-9]\d{0,3}$/.test(count)) {
      throw new RuleError(`"${count} of" is no count`, 'write "1 of", "2 of" or "all of"')
    }
    return atLeast(Number(count), of)
  }

  #matching(pattern: string): Node[] {
    const wanted = pattern.toLowerCase() === 'them' ? '*' : pattern
    const matches = wildcard(wanted)
    return [...this.#searches]
      .filter(([name]) => matches(name) && (!name.startsWith('_') || wanted.startsWith('_')))
      .map(([, node]) => node)
  }

  #names(): string {
    return [...this.#searches.keys()].join(', ')
  }
}

function wildcard(pattern: string): (name: string) => boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[^\w]/g, String.raw`\$&`))
  const expression = new RegExp(`^${parts.join('.*')}$`, 's')
  return (name) => expression.test(name)
}
