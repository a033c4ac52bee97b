import { decodeString, escapeLength, FALSE, isNumber, isWord, NULL, TRUE } from './json-bytes.ts'
import { RunFinder, type Run, type RunValue } from './document-runs.ts'

/**
 * Reads a JSON document in one pass over its bytes, without making objects: finds the values of the columns, and learns
 * which field paths there are. Documents of one batch have the same keys in the same order, so the next key is guessed
 * and compared, not looked up.
 *
 * Invariants: reads only bytes start..end, which are UTF-8; never throws; a document that is no JSON object, as strict as
 * DuckDB's reader takes it (no lone surrogates, no infinite numbers), gives false, and its values do not count. Strings
 * are not decoded here: `kinds` says how to read the bytes.
 */
export const ValueKind = { none: 0, plain: 1, escaped: 2, scalar: 3, many: 4 } as const

export const FieldKind = { string: 1, number: 2, boolean: 4 } as const

/** A field as documents really hold it: keys as they are, null for "each element of the list". */
export interface FieldPath {
  readonly steps: readonly (string | null)[]
  /** FieldKind bits of the values that were seen. */
  readonly kinds: number
}

export interface ValueSpan {
  readonly kind: number
  readonly start: number
  readonly end: number
}

/** Hostile documents bring new keys with every line: what is beyond is searched without the catalogue. */
const PATHS_MAX = 4096
const DEPTH_MAX = 200

class PathNode {
  /** The key's bytes between its quotes, as written. Empty for elements of a list. */
  readonly key: Uint8Array
  readonly steps: readonly (string | null)[]
  readonly column: number
  readonly children: PathNode[] = []
  element: PathNode | undefined
  kinds = 0

  constructor(key: Uint8Array, steps: readonly (string | null)[], column: number) {
    this.key = key
    this.steps = steps
    this.column = column
  }
}

export class DocumentScanner {
  /** Columns that the last document has: the first `foundCount`. */
  readonly found: Int32Array
  foundCount = 0
  /** By column: its value is, byte for byte, that of the document before. */
  readonly isRepeated: Uint8Array
  /** By column, of the last document. */
  readonly kinds: Uint8Array
  readonly starts: Int32Array
  readonly ends: Int32Array
  readonly many: ValueSpan[][]
  /** There were more paths than are kept. */
  overflow = false
  readonly #columns: ReadonlyMap<string, number>
  readonly #root = new PathNode(new Uint8Array(0), [], -1)
  #paths = 0
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #end = 0
  #depth = 0
  readonly #runs = new RunFinder()
  /** Some column has several values: then the next document cannot be said to repeat it. */
  #isMixed = false

  constructor(columns: readonly string[]) {
    this.#columns = new Map(columns.map((name, index) => [name, index]))
    this.found = new Int32Array(columns.length)
    this.isRepeated = new Uint8Array(columns.length)
    this.kinds = new Uint8Array(columns.length)
    this.starts = new Int32Array(columns.length)
    this.ends = new Int32Array(columns.length)
    this.many = columns.map(() => [])
  }

  scan(bytes: Uint8Array, start: number, end: number): boolean {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
    this.#depth = 0
    this.#isMixed = false
    this.#forget()
    this.#runs.begin(bytes)
    this.#blanks()
    if (!this.#document()) {
      this.#runs.reset()
      this.#forget()
      return false
    }
    this.#runs.end((run) => this.#columnsWithin(run))
    if (this.#isMixed) this.#runs.unsettle()
    return true
  }

  /** One object, and nothing behind it. */
  #document(): boolean {
    if (this.#bytes[this.#at] !== 0x7b || !this.#topObject()) return false
    this.#blanks()
    return this.#at === this.#end
  }

  #forget(): void {
    for (let i = 0; i < this.foundCount; i++) {
      const column = this.found[i]!
      this.kinds[column] = ValueKind.none
      this.isRepeated[column] = 0
    }
    this.foundCount = 0
  }

  catalogue(): FieldPath[] {
    const paths: FieldPath[] = []
    const visit = (node: PathNode): void => {
      if (node.kinds !== 0) paths.push({ steps: node.steps, kinds: node.kinds })
      for (const child of node.children) visit(child)
      if (node.element !== undefined) visit(node.element)
    }
    visit(this.#root)
    return paths
  }

  /** The document itself: as `#object`, but members that all documents of a batch share are compared at once. */
  #topObject(): boolean {
    const bytes = this.#bytes
    this.#depth++
    this.#at++
    this.#blanks()
    if (bytes[this.#at] === 0x7d) return this.#leave()
    for (let guess = 0; this.#at < this.#end; guess++) {
      const run = this.#runs.matchAt(guess, this.#at, this.#end)
      if (run !== undefined) {
        this.#repeat(run)
        guess = run.lastMember
        this.#at += run.bytes.byteLength
      } else {
        const start = this.#at
        if (!this.#member(this.#root, guess)) return false
        this.#runs.member(guess, start, this.#at)
      }
      const next = bytes[this.#at]
      if (next === 0x7d) return this.#leave()
      if (next !== 0x2c) return false
      this.#at++
      this.#blanks()
    }
    return false
  }

  #repeat(run: Run): void {
    for (const { column, kind, start, end } of run.values) {
      const isFirst = this.kinds[column] === ValueKind.none
      this.#found(column, kind, this.#at + start, this.#at + end)
      this.isRepeated[column] = isFirst && run.isSettled ? 1 : 0
    }
    run.isSettled = true
  }

  /** Values in the bytes of a new run; undefined when they are not all single. */
  #columnsWithin({ start, end }: { start: number; end: number }): RunValue[] | undefined {
    const values: RunValue[] = []
    for (let i = 0; i < this.foundCount; i++) {
      const column = this.found[i]!
      if (this.kinds[column] === ValueKind.many) return undefined
      const [from, to] = [this.starts[column]!, this.ends[column]!]
      if (from >= start && to <= end)
        values.push({ column, kind: this.kinds[column]!, start: from - start, end: to - start })
    }
    return values
  }

  /** `"key": value`, and the blanks behind it. */
  #member(node: PathNode | undefined, guess: number): boolean {
    if (this.#bytes[this.#at] !== 0x22) return false
    const child = this.#child(node, guess)
    if (this.#at >= this.#end) return false
    this.#blanks()
    if (this.#bytes[this.#at] !== 0x3a) return false
    this.#at++
    if (!this.#value(child)) return false
    this.#blanks()
    return true
  }

  /** At `{`. `node` is undefined where paths are no longer learnt. */
  #object(node: PathNode | undefined): boolean {
    if (++this.#depth > DEPTH_MAX) return false
    const bytes = this.#bytes
    this.#at++
    this.#blanks()
    if (bytes[this.#at] === 0x7d) return this.#leave()
    for (let guess = 0; this.#at < this.#end; guess++) {
      if (!this.#member(node, guess)) return false
      const next = bytes[this.#at]
      if (next === 0x7d) return this.#leave()
      if (next !== 0x2c) return false
      this.#at++
      this.#blanks()
    }
    return false
  }

  #array(node: PathNode | undefined): boolean {
    if (++this.#depth > DEPTH_MAX) return false
    const bytes = this.#bytes
    this.#at++
    this.#blanks()
    if (bytes[this.#at] === 0x5d) return this.#leave()
    const element = node === undefined ? undefined : this.#elementOf(node)
    while (this.#at < this.#end) {
      if (!this.#value(element)) return false
      this.#blanks()
      const next = bytes[this.#at]
      if (next === 0x5d) return this.#leave()
      if (next !== 0x2c) return false
      this.#at++
    }
    return false
  }

  #leave(): boolean {
    this.#at++
    this.#depth--
    return this.#at <= this.#end
  }

  #value(node: PathNode | undefined): boolean {
    this.#blanks()
    const first = this.#bytes[this.#at]
    if (this.#at >= this.#end) return false
    if (first === 0x22) {
      const start = this.#at + 1
      const kind = this.#string()
      if (kind !== 0 && node !== undefined) {
        node.kinds |= FieldKind.string
        if (node.column >= 0) this.#found(node.column, kind, start, this.#at - 1)
      }
      return kind !== 0
    }
    if (first === 0x7b) return this.#object(node)
    if (first === 0x5b) return this.#array(node)
    return this.#scalar(node)
  }

  /** Numbers, true, false, null: up to what ends a value. */
  #scalar(node: PathNode | undefined): boolean {
    const bytes = this.#bytes
    const start = this.#at
    let at = start
    while (at < this.#end) {
      const byte = bytes[at]!
      if (byte === 0x2c || byte === 0x7d || byte === 0x5d || byte <= 0x20) break
      at++
    }
    this.#at = at
    if (at >= this.#end) return false
    const first = bytes[start]!
    if (first === 0x6e) return isWord(bytes, { start, end: at, word: NULL })
    const isBoolean = first === 0x74 || first === 0x66
    const word = first === 0x74 ? TRUE : FALSE
    if (isBoolean ? !isWord(bytes, { start, end: at, word }) : !isNumber(bytes, start, at)) return false
    if (node !== undefined) {
      node.kinds |= isBoolean ? FieldKind.boolean : FieldKind.number
      if (node.column >= 0) this.#found(node.column, ValueKind.scalar, start, at)
    }
    return true
  }

  /** At the opening quote; moves behind the closing one. 0 when it is no string. */
  #string(): number {
    const bytes = this.#bytes
    const end = this.#end
    let kind: number = ValueKind.plain
    let at = this.#at + 1
    while (at < end) {
      const byte = bytes[at]!
      if (byte === 0x22) {
        this.#at = at + 1
        return kind
      }
      if (byte < 0x20) break
      if (byte === 0x5c) {
        kind = ValueKind.escaped
        const length = escapeLength(bytes, at, end)
        if (length === 0) break
        at += length
      } else at++
    }
    this.#at = end
    return 0
  }

  #found(column: number, kind: number, start: number, end: number): void {
    const before = this.kinds[column]!
    if (before === ValueKind.none) {
      this.found[this.foundCount++] = column
      this.kinds[column] = kind
      this.starts[column] = start
      this.ends[column] = end
      return
    }
    this.isRepeated[column] = 0
    this.#isMixed = true
    const list = this.many[column]!
    if (before !== ValueKind.many) {
      list.length = 0
      list.push({ kind: before, start: this.starts[column]!, end: this.ends[column]! })
      this.kinds[column] = ValueKind.many
    }
    list.push({ kind, start, end })
  }

  /** At a key's opening quote; moves behind its closing one. */
  #child(node: PathNode | undefined, guess: number): PathNode | undefined {
    const start = this.#at + 1
    const guessed = node?.children[guess]
    if (guessed !== undefined && this.#isKey(guessed.key, start)) {
      this.#at = start + guessed.key.byteLength + 1
      return guessed
    }
    if (this.#string() === 0 || node === undefined) return undefined
    const end = this.#at - 1
    for (const child of node.children) {
      if (child.key.byteLength === end - start && this.#isKey(child.key, start)) return child
    }
    return this.#learn(node, start, end)
  }

  #isKey(key: Uint8Array, start: number): boolean {
    const bytes = this.#bytes
    const length = key.byteLength
    if (bytes[start + length] !== 0x22 || start + length >= this.#end) return false
    for (let i = 0; i < length; i++) if (bytes[start + i] !== key[i]) return false
    return true
  }

  #learn(node: PathNode, start: number, end: number): PathNode | undefined {
    const key = this.#bytes.slice(start, end)
    const name = decodeString(key)
    if (name === undefined || this.#paths >= PATHS_MAX) {
      this.overflow = true
      return undefined
    }
    const child = this.#node(key, [...node.steps, name])
    node.children.push(child)
    return child
  }

  #elementOf(node: PathNode): PathNode {
    node.element ??= this.#node(new Uint8Array(0), [...node.steps, null])
    return node.element
  }

  #node(key: Uint8Array, steps: readonly (string | null)[]): PathNode {
    this.#paths++
    return new PathNode(key, steps, this.#columns.get(fieldName(steps)) ?? -1)
  }

  #blanks(): void {
    const bytes = this.#bytes
    while (this.#at < this.#end) {
      const byte = bytes[this.#at]
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return
      this.#at++
    }
  }
}

/** The dotted name that a query uses. */
export function fieldName(steps: readonly (string | null)[]): string {
  return steps.filter((step) => step !== null).join('.')
}
