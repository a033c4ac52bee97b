import { type CharSet, includes, LINE_ENDS, WORD } from './char-set.ts'
import { RuleError } from './problem.ts'
import type { Assertion, RegexNode } from './regex-parse.ts'

/**
 * Says whether a regular expression matches anywhere in a text, in time proportional to the text: the states of Thompson's
 * automaton that can be reached are followed together, and each set of them that was met becomes a state of a deterministic
 * one, with its transitions kept. No input makes it slow, so a log line cannot stall a worker through a rule.
 *
 * Invariants:
 * - A kept state is a set of positions *before* their empty moves, and the kind of the character before it: assertions need
 *   the character on both sides, so empty moves are made when the next one is known.
 * - Characters that no set of the pattern tells apart share a class; the end of the text is a class of its own.
 * - At most STATES_MAX states are kept; beyond, all are forgotten and the walk goes on from the one it is in.
 */
const STATES_MAX = 2000
/** Positions of the automaton at most: counted repetitions are written out. It bounds the work a character may cause. */
export const POSITIONS_MAX = 2000

const MATCH = -1
const UNKNOWN = -2

type Position =
  | { readonly kind: 'set'; readonly set: CharSet; next: number }
  | { readonly kind: 'split'; first: number; second: number }
  | { readonly kind: 'assert'; readonly what: Assertion; next: number }
  | { readonly kind: 'accept' }

/** What stands on one side of a place in the text. */
type Side = 'edge' | 'line-end' | 'word' | 'other'

interface State {
  readonly positions: readonly number[]
  readonly before: Side
  /** By class of the next character: a state, MATCH or UNKNOWN. */
  readonly moves: Int32Array
}

export function compileAutomaton(root: RegexNode): (text: string) => boolean {
  const program = new Program()
  const start = program.add(root, program.push({ kind: 'accept' }))
  return new Automaton(program.positions, start).test
}

/** Builds the positions from the end to the start, so that each knows where it goes on. */
class Program {
  readonly positions: Position[] = []

  push(position: Position): number {
    if (this.positions.length >= POSITIONS_MAX) {
      throw new RuleError('the regular expression is too large', 'use smaller counts in {n,m}')
    }
    this.positions.push(position)
    return this.positions.length - 1
  }

  add(node: RegexNode, next: number): number {
    switch (node.kind) {
      case 'set':
        return this.push({ kind: 'set', set: node.set, next })
      case 'assert':
        return this.push({ kind: 'assert', what: node.what, next })
      case 'sequence':
        return node.of.reduceRight((after, child) => this.add(child, after), next)
      case 'choice':
        return node.of
          .map((child) => this.add(child, next))
          .reduceRight((second, first) => this.push({ kind: 'split', first, second }))
      case 'repeat':
        return this.#repeat(node, next)
    }
  }

  #repeat(node: RegexNode & { kind: 'repeat' }, next: number): number {
    let after = next
    if (node.max === Infinity) {
      const loop = { kind: 'split' as const, first: 0, second: next }
      after = this.push(loop)
      loop.first = this.add(node.of, after)
    } else {
      for (let times = node.min; times < node.max; times++) {
        after = this.push({ kind: 'split', first: this.add(node.of, after), second: next })
      }
    }
    for (let times = 0; times < node.min; times++) {
      const before = this.add(node.of, after)
      // What is empty stays empty, however often it is repeated.
      if (before === after) break
      after = before
    }
    return after
  }
}

class Automaton {
  readonly #positions: readonly Position[]
  readonly #start: number
  readonly #classOf: Uint8Array
  /** One code unit of each class; the last class is the end of the text. */
  readonly #samples: readonly number[]
  readonly #states: State[] = []
  readonly #ids = new Map<string, number>()
  /** Marks of the walk through empty moves: a position is in the set when its mark is the walk's number. */
  readonly #marks: Uint32Array
  #walk = 0

  constructor(positions: readonly Position[], start: number) {
    this.#positions = positions
    this.#start = start
    const sets = positions.flatMap((position) => (position.kind === 'set' ? [position.set] : []))
    const classes = partition([...sets, WORD, LINE_ENDS])
    this.#classOf = classes.classOf
    this.#samples = classes.samples
    this.#marks = new Uint32Array(positions.length)
  }

  readonly test = (text: string): boolean => {
    const end = this.#samples.length
    let state = this.#keep([], 'edge')
    for (let at = 0; at <= text.length; at++) {
      const charClass = at < text.length ? this.#classOf[text.charCodeAt(at)]! : end
      const kept = this.#states[state]!
      let next = kept.moves[charClass]!
      if (next === UNKNOWN) next = this.#move(kept, charClass)
      if (next === MATCH) return true
      state = next
    }
    return false
  }

  /** The state after a character of `charClass`, or MATCH when the pattern has matched before it. */
  #move(state: State, charClass: number): number {
    const isEnd = charClass === this.#samples.length
    const unit = this.#samples[charClass] ?? 0
    const after = isEnd ? 'edge' : sideOf(unit)
    const reached = this.#reach(state, after)
    let next = MATCH
    if (reached !== undefined) next = isEnd ? 0 : this.#keep(this.#step(reached, unit), after)
    state.moves[charClass] = next
    return next
  }

  /** Follows empty moves from the state's positions and, for a match may begin anywhere, from the start. Undefined: accepted. */
  #reach(state: State, after: Side): number[] | undefined {
    const walk = ++this.#walk
    const reached: number[] = []
    const open = [...state.positions, this.#start]
    while (open.length > 0) {
      const id = open.pop()!
      if (this.#marks[id] === walk) continue
      this.#marks[id] = walk
      const position = this.#positions[id]!
      if (position.kind === 'accept') return undefined
      if (position.kind === 'set') reached.push(id)
      if (position.kind === 'split') open.push(position.first, position.second)
      if (position.kind === 'assert' && holds(position.what, state.before, after)) open.push(position.next)
    }
    return reached
  }

  #step(reached: readonly number[], unit: number): number[] {
    const next = new Set<number>()
    for (const id of reached) {
      const position = this.#positions[id]!
      if (position.kind === 'set' && includes(position.set, unit)) next.add(position.next)
    }
    return [...next].sort((left, right) => left - right)
  }

  #keep(positions: readonly number[], before: Side): number {
    const key = `${before}:${positions.join(',')}`
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    if (this.#states.length >= STATES_MAX) {
      this.#states.length = 0
      this.#ids.clear()
    }
    const moves = new Int32Array(this.#samples.length + 1).fill(UNKNOWN)
    this.#states.push({ positions, before, moves })
    this.#ids.set(key, this.#states.length - 1)
    return this.#states.length - 1
  }
}

function sideOf(unit: number): Side {
  if (includes(WORD, unit)) return 'word'
  return includes(LINE_ENDS, unit) ? 'line-end' : 'other'
}

function holds(what: Assertion, before: Side, after: Side): boolean {
  switch (what) {
    case 'text-start':
      return before === 'edge'
    case 'text-end':
      return after === 'edge'
    case 'line-start':
      return before === 'edge' || before === 'line-end'
    case 'line-end':
      return after === 'edge' || after === 'line-end'
    case 'word-edge':
      return (before === 'word') !== (after === 'word')
    case 'no-word-edge':
      return (before === 'word') === (after === 'word')
  }
}

/** Cuts the code units into classes that no set tells apart. */
function partition(sets: readonly CharSet[]): { classOf: Uint8Array; samples: number[] } {
  const starts = new Set([0])
  for (const set of sets) {
    for (let at = 0; at < set.length; at += 2) {
      starts.add(set[at]!)
      if (set[at + 1]! < 0xffff) starts.add(set[at + 1]! + 1)
    }
  }
  const ids = new Map<string, number>()
  const samples: number[] = []
  const classOf = new Uint8Array(0x10000)
  const sorted = [...starts].sort((left, right) => left - right)
  for (const [index, from] of sorted.entries()) {
    const signature = sets.map((set) => (includes(set, from) ? '1' : '0')).join('')
    if (!ids.has(signature)) {
      if (samples.length === 255)
        throw new RuleError('the regular expression is too large', 'use fewer different characters')
      ids.set(signature, samples.length)
      samples.push(from)
    }
    classOf.fill(ids.get(signature)!, from, sorted[index + 1] ?? 0x10000)
  }
  return { classOf, samples }
}
