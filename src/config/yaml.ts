import { readFileSync } from 'node:fs'
import { type Document, LineCounter, isMap, isNode, isSeq, parseDocument } from 'yaml'
import type { z } from 'zod'
import { DecklogError, systemCode } from '../core/errors.ts'

/** A YAML file with the means to say on which line something stands. */
export interface YamlFile {
  readonly path: string
  readonly value: unknown
  readonly document: Document
  readonly lines: LineCounter
}

/** Aliases are bounded, so that a small file cannot grow without limit. @throws {DecklogError} `config-invalid` */
export function parseYamlFile(path: string): YamlFile {
  return parseYaml(path, readText(path))
}

export function parseYaml(path: string, text: string): YamlFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true })
  const problem = document.errors[0]
  if (problem) {
    const { line, col } = lines.linePos(problem.pos[0])
    throw invalid(path, line, `${problem.message} (column ${col})`)
  }
  return { path, value: document.toJS({ maxAliasCount: 100 }) ?? {}, document, lines }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = systemCode(error)
    const why =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EACCES'
          ? 'it may not be read by this user'
          : (code ?? 'it cannot be read')
    throw new DecklogError('config-invalid', `${path}: ${why}; name another file with --config`, {
      cause: error,
    })
  }
}

/** The file's value as the schema wants it. @throws {DecklogError} `config-invalid` with file, line and what to write instead */
export function validate<S extends z.ZodType>(schema: S, file: YamlFile): z.output<S> {
  const result = schema.safeParse(file.value)
  if (result.success) return result.data
  const messages = result.error.issues.flatMap((issue) => explain(issue, file))
  throw new DecklogError('config-invalid', messages.join('\n'))
}

function explain(issue: z.core.$ZodIssue, file: YamlFile): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const at = [...issue.path, key]
      return `${file.path}:${lineOf(file, at)}: unknown key "${at.join('.')}"; remove it or see the names in docs/configuration.md`
    })
  }
  if (issue.code === 'invalid_union') {
    const inner = issue.errors.flat()
    const nearest = inner.find((one) => one.code === 'unrecognized_keys') ?? inner[0]
    if (nearest) return explain({ ...nearest, path: [...issue.path, ...nearest.path] }, file)
  }
  const where = issue.path.length === 0 ? 'the file' : `"${issue.path.join('.')}"`
  return [`${file.path}:${lineOf(file, issue.path)}: ${where}: ${wordsOf(issue, file)}`]
}

const LIMITS = { too_small: 'at least', too_big: 'at most' } as const

/** The schema's own words where it has some; zod's are about types. */
function wordsOf(issue: z.core.$ZodIssue, file: YamlFile): string {
  if (!/^(Invalid|Too)/.test(issue.message)) return issue.message
  if (issue.code === 'invalid_type') {
    if (valueAt(file.value, issue.path) === undefined) return `is missing; it is ${kindOf(issue.expected)}`
    return `write ${kindOf(issue.expected)} here`
  }
  if (issue.code === 'invalid_value') return `write one of ${issue.values.map(String).join(', ')}`
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    const limit = issue.code === 'too_small' ? issue.minimum : issue.maximum
    return `write ${LIMITS[issue.code]} ${limit}${issue.origin === 'array' ? ' of them' : ''}`
  }
  return issue.message
}

const KINDS: Readonly<Record<string, string>> = {
  array: 'a list, such as [a, b]',
  object: 'names with values, such as { name: value }',
  record: 'names with values, such as { name: value }',
  string: 'text, in quotes where it looks like a number',
  number: 'a number',
  int: 'a whole number',
}

function kindOf(expected: string): string {
  return KINDS[expected] ?? expected
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value
  for (const key of path) at = (at as Record<PropertyKey, unknown> | null | undefined)?.[key]
  return at
}

/** The line of the deepest part of the path that the file has. */
export function lineOf(file: YamlFile, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const key = path[length - 1]
    const parent: unknown =
      length === 1 ? file.document.contents : file.document.getIn(path.slice(0, length - 1), true)
    const offset = offsetOf(parent, key)
    if (offset !== undefined) return file.lines.linePos(offset).line
  }
  return 1
}

function offsetOf(parent: unknown, key: PropertyKey | undefined): number | undefined {
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isNode(item.key) && String(item.key) === String(key))
    return pair && isNode(pair.key) ? pair.key.range?.[0] : undefined
  }
  if (isSeq(parent)) {
    const item = parent.items[Number(key)]
    return isNode(item) ? item.range?.[0] : undefined
  }
  return undefined
}

export function invalid(path: string, line: number, message: string): DecklogError {
  return new DecklogError('config-invalid', `${path}:${line}: ${message}`)
}
