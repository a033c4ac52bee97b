/**
 * Messages written by a format string: `add '{user}' to group '{group}'` is literal text with values between. Each literal is
 * looked for behind the one before, so a match costs one pass; the last literal must end the text.
 */
export interface Template<Meaning> {
  readonly meaning: Meaning
  /** Starts with what the message starts with; one more than `names`. */
  readonly literals: readonly string[]
  readonly names: readonly string[]
}

export type TemplateValues = Readonly<Record<string, string>>

export interface TemplateMatch<Meaning> {
  readonly meaning: Meaning
  readonly values: TemplateValues
}

export class TemplateSet<Meaning> {
  /** By the first character, so that a message is compared with few of them. */
  readonly #byFirst = new Map<number, Template<Meaning>[]>()

  constructor(patterns: readonly (readonly [pattern: string, meaning: Meaning])[]) {
    for (const [pattern, meaning] of patterns) {
      const template = compile(pattern, meaning)
      // A pattern that begins with a value is under -1.
      const first = template.literals[0] === '' ? -1 : pattern.charCodeAt(0)
      const list = this.#byFirst.get(first)
      if (list === undefined) this.#byFirst.set(first, [template])
      else list.push(template)
    }
  }

  /** The first pattern that fits, in the order given; those that begin with a value come last. */
  match(text: string): TemplateMatch<Meaning> | undefined {
    return firstMatch(this.#byFirst.get(text.charCodeAt(0)), text) ?? firstMatch(this.#byFirst.get(-1), text)
  }
}

function compile<Meaning>(pattern: string, meaning: Meaning): Template<Meaning> {
  const parts = pattern.split(/\{(\w+)\}/)
  return {
    meaning,
    literals: parts.filter((_, index) => index % 2 === 0),
    names: parts.filter((_, index) => index % 2 === 1),
  }
}

function firstMatch<Meaning>(
  templates: readonly Template<Meaning>[] | undefined,
  text: string,
): TemplateMatch<Meaning> | undefined {
  if (templates === undefined) return undefined
  for (const template of templates) {
    const values = valuesOf(template, text)
    if (values !== undefined) return { meaning: template.meaning, values }
  }
  return undefined
}

function valuesOf({ literals, names }: Template<unknown>, text: string): TemplateValues | undefined {
  if (!text.startsWith(literals[0]!)) return undefined
  const values: Record<string, string> = {}
  let at = literals[0]!.length
  for (let index = 0; index < names.length; index++) {
    const literal = literals[index + 1]!
    const isLast = index === names.length - 1
    const end = isLast ? text.length - literal.length : text.indexOf(literal, at)
    if (end < at || (isLast && !text.endsWith(literal))) return undefined
    values[names[index]!] = text.slice(at, end)
    at = end + literal.length
  }
  return at === text.length ? values : undefined
}
