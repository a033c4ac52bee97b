import { ASK_MARK, LIST_MARK } from './columns.ts'
import { FieldKind, fieldName, type FieldPath } from './scan-document.ts'
import { column, literal } from './sql-text.ts'

/** A test of one value as SQL. `isFraction`: whether it is a JSON number with a point or an exponent, where that is known. */
export type ValueTest = (expression: string, isFraction?: string) => string

/** What a query has to know of the segments that it is compiled for: where a field's values are. */
export class FieldView {
  readonly #columns: ReadonlySet<string>
  readonly #lists: ReadonlySet<string>
  readonly #asked: ReadonlySet<string>
  readonly #byName = new Map<string, FieldPath[]>()
  readonly #guessing: boolean
  readonly #guarded: boolean

  constructor(sidecar: {
    readonly columns: readonly string[]
    readonly listColumns: readonly string[]
    readonly askColumns: readonly string[]
    readonly fields: readonly FieldPath[]
    readonly fieldsOverflow: boolean
    readonly malformed: number
  }) {
    this.#columns = new Set(sidecar.columns)
    this.#lists = new Set(sidecar.listColumns)
    this.#asked = new Set(sidecar.askColumns)
    this.#guessing = sidecar.fieldsOverflow
    this.#guarded = sidecar.malformed > 0
    for (const path of sidecar.fields) {
      const name = fieldName(path.steps)
      const known = this.#byName.get(name)
      if (known) known.push(path)
      else this.#byName.set(name, [path])
    }
  }

  /** May the word filter be asked for values of this field? */
  isFiltered(field: string): boolean {
    return this.#columns.has(field) && !this.#asked.has(field)
  }

  /** Kinds of the field's values; undefined when they are not known. */
  kindsOf(field: string): number | undefined {
    if (this.#guessing) return undefined
    return (this.#byName.get(field) ?? []).reduce((kinds, path) => kinds | path.kinds, 0)
  }

  /** Some value of the field passes the test. */
  any(field: string, test: ValueTest): string {
    if (!this.#columns.has(field)) return this.#anyInDocument(field, test)
    const name = column(field)
    const single = test(name)
    if (!this.#lists.has(field) && !this.#asked.has(field)) return single
    const cases: string[] = []
    if (this.#asked.has(field)) {
      cases.push(`WHEN ${name} = ${literal(ASK_MARK)} THEN ${this.#anyInDocument(field, test)}`)
    }
    if (this.#lists.has(field)) {
      const passes = `list_filter(${listOf(name)}, lambda v: coalesce(${test('v')}, false))`
      cases.push(`WHEN starts_with(${name}, ${literal(LIST_MARK)}) THEN len(${passes}) > 0`)
    }
    return `(CASE ${cases.join(' ')} ELSE ${single} END)`
  }

  /** The field holds anything: a value, or an object with one. */
  exists(field: string): string {
    const tests: string[] = []
    if (this.#columns.has(field)) tests.push(`${column(field)} IS NOT NULL`)
    else if (this.#guessing || this.#byName.has(field))
      tests.push(this.#anyInDocument(field, (value) => `${value} IS NOT NULL`))
    return `(${[...tests, this.existsUnder(field)].join(' OR ')})`
  }

  /** The field is an object that holds anything: not a key that only begins with its name. */
  existsUnder(field: string): string {
    const tests: string[] = []
    for (const [name, paths] of this.#byName) {
      if (!name.startsWith(`${field}.`)) continue
      const under = paths.filter(({ steps }) => isUnder(field, steps))
      if (under.length === paths.length && this.#columns.has(name)) tests.push(`${column(name)} IS NOT NULL`)
      else for (const path of under) tests.push(this.#anyAtPath(path, (value) => `${value} IS NOT NULL`))
    }
    return tests.length === 0 ? 'false' : `(${tests.join(' OR ')})`
  }

  /** SQL of a list of the field's distinct values, NULL or empty when it has none; `single`: at most one, no list. */
  values(field: string): { readonly sql: string; readonly single: boolean } {
    if (!this.#columns.has(field)) return this.#valuesInDocument(field)
    const name = column(field)
    if (!this.#lists.has(field) && !this.#asked.has(field)) return { sql: name, single: true }
    const cases: string[] = [`WHEN ${name} IS NULL THEN NULL`]
    if (this.#asked.has(field)) {
      const { sql, single } = this.#valuesInDocument(field)
      cases.push(`WHEN ${name} = ${literal(ASK_MARK)} THEN ${single ? `[${sql}]` : sql}`)
    }
    cases.push(`WHEN starts_with(${name}, ${literal(LIST_MARK)}) THEN list_distinct(${listOf(name)})`)
    return { sql: `(CASE ${cases.join(' ')} ELSE [${name}] END)`, single: false }
  }

  #document(): string {
    return this.#guarded ? 'coalesce(_json, _doc)' : '_doc'
  }

  #anyInDocument(field: string, test: ValueTest): string {
    const tests = this.#pathsOf(field).map((path) => this.#anyAtPath(path, test))
    return tests.length === 0 ? 'false' : `(${tests.join(' OR ')})`
  }

  #anyAtPath({ steps }: FieldPath, test: ValueTest): string {
    return this.#anyAt(this.#document(), { steps, test, depth: 0 })
  }

  #anyAt(expression: string, at: { steps: FieldPath['steps']; test: ValueTest; depth: number }): string {
    const { steps, test, depth } = at
    const list = steps.indexOf(null)
    if (list < 0)
      return test(scalarSql(expression, steps as string[]), fractionSql(expression, steps as string[]))
    const element = `e${depth}`
    const rest = this.#anyAt(element, { steps: steps.slice(list + 1), test, depth: depth + 1 })
    return `len(list_filter(${elementsSql(expression, steps.slice(0, list) as string[])}, lambda ${element}: coalesce(${rest}, false))) > 0`
  }

  #valuesInDocument(field: string): { sql: string; single: boolean } {
    const paths = this.#pathsOf(field)
    if (paths.length === 0) return { sql: 'NULL::VARCHAR', single: true }
    const lists = paths.map((path) => valuesAt(this.#document(), path.steps, 0))
    const only = paths[0]!
    if (paths.length === 1 && !only.steps.includes(null)) {
      return { sql: scalarSql(this.#document(), only.steps as string[]), single: true }
    }
    const all =
      lists.length === 1 ? lists[0]! : `flatten([${lists.map((list) => `coalesce(${list}, [])`).join(', ')}])`
    return { sql: `list_distinct(list_filter(${all}, lambda v: v IS NOT NULL))`, single: false }
  }

  /** How documents of these segments hold the field; all ways to cut its name where that is not known. */
  #pathsOf(field: string): readonly FieldPath[] {
    if (!this.#guessing) return this.#byName.get(field) ?? []
    const known = new Map((this.#byName.get(field) ?? []).map((path) => [JSON.stringify(path.steps), path]))
    for (const steps of cutsOf(field.split('.'))) {
      known.set(JSON.stringify(steps), {
        steps,
        kinds: FieldKind.string | FieldKind.number | FieldKind.boolean,
      })
      const withList = [...steps, null]
      known.set(JSON.stringify(withList), {
        steps: withList,
        kinds: FieldKind.string | FieldKind.number | FieldKind.boolean,
      })
    }
    return [...known.values()]
  }
}

/** Do some first steps of the path, but not all, give the field? */
function isUnder(field: string, steps: FieldPath['steps']): boolean {
  return steps.some((_, at) => at > 0 && steps[at] !== null && fieldName(steps.slice(0, at)) === field)
}

/** Elements of a `US a US b US` value. */
function listOf(name: string): string {
  return `string_split(substr(${name}, 2, length(${name}) - 2), ${literal(LIST_MARK)})`
}

/** Text of a scalar; NULL for objects, lists and null. */
function scalarSql(expression: string, steps: readonly string[]): string {
  const at = pointer(steps)
  const isNone = `json_type(${expression}, ${at}) IN ('OBJECT', 'ARRAY')`
  return `(CASE WHEN NOT (${isNone}) THEN json_extract_string(${expression}, ${at}) END)`
}

function fractionSql(expression: string, steps: readonly string[]): string {
  return `json_type(${expression}, ${pointer(steps)}) = 'DOUBLE'`
}

function elementsSql(expression: string, steps: readonly string[]): string {
  return steps.length === 0
    ? `json_extract(${expression}, '$[*]')`
    : `json_extract(json_extract(${expression}, ${pointer(steps)}), '$[*]')`
}

function valuesAt(expression: string, steps: FieldPath['steps'], depth: number): string {
  const list = steps.indexOf(null)
  if (list < 0) return `[${scalarSql(expression, steps as string[])}]`
  const element = `e${depth}`
  const rest = steps.slice(list + 1)
  const inner = valuesAt(element, rest, depth + 1)
  return `flatten(list_transform(${elementsSql(expression, steps.slice(0, list) as string[])}, lambda ${element}: ${inner}))`
}

/** A JSON pointer takes any key, quotes and dots included. The empty one is the value itself. */
function pointer(steps: readonly string[]): string {
  if (steps.length === 0) return `'$'`
  return literal(steps.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''))
}

/** `a.b.c`: a → b → c, a.b → c, a → b.c, a.b.c. At most 64. */
function cutsOf(parts: readonly string[]): string[][] {
  let cuts: string[][] = [[parts[0]!]]
  for (const part of parts.slice(1)) {
    const joined = cuts.map((cut) => [...cut.slice(0, -1), `${cut.at(-1)}.${part}`])
    cuts = [...cuts.map((cut) => [...cut, part]), ...joined].slice(0, 64)
  }
  return cuts
}
