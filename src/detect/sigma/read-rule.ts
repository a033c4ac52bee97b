import { isMap, isPair, isScalar, LineCounter, parseAllDocuments, visit, type Document } from 'yaml'
import type { Json, JsonObject } from '../../core/document.ts'
import { compileDetection } from './detection.ts'
import { RuleError, type RuleProblem } from './problem.ts'
import { type Level, LEVELS, type LogSource, type SigmaRule } from './rule.ts'
import { readSamples } from './samples.ts'
import type { Placeholders } from './transforms.ts'

/** What a rule file holds. */
export interface RuleFile {
  readonly rules: readonly SigmaRule[]
  readonly problems: readonly RuleProblem[]
}

/** Bytes of a rule file at most: a rule of 100 kB is a mistake, or an attack on the parser. */
const FILE_BYTES_MAX = 256 * 1024

/** Reads a file of Sigma rules, one in each YAML document. Never throws: what is wrong is a problem with its line. */
export function readRuleFile(
  text: string,
  options: { file: string; set: string; placeholders?: Placeholders },
): RuleFile {
  const { file } = options
  const lines = new LineCounter()
  const rules: SigmaRule[] = []
  const problems: RuleProblem[] = []
  if (text.length > FILE_BYTES_MAX) {
    const advice = 'put one rule in a file'
    return {
      rules,
      problems: [{ severity: 'error', file, line: 1, message: 'the file is too large', advice }],
    }
  }
  const documents = parseAllDocuments(text, { lineCounter: lines, version: '1.2' })
  for (const document of Array.isArray(documents) ? documents : []) {
    const reader = new DocumentReader(document, lines, options)
    const rule = reader.read()
    problems.push(...reader.problems)
    if (rule !== undefined) rules.push(rule)
  }
  if (rules.length === 0 && problems.length === 0) {
    const advice = 'start with "title:"'
    problems.push({ severity: 'error', file, line: 1, message: 'the file holds no rule', advice })
  }
  return { rules, problems }
}

/** Reads one YAML document; used once. */
class DocumentReader {
  readonly problems: RuleProblem[] = []
  readonly #document: Document.Parsed
  readonly #lines: LineCounter
  readonly #options: { file: string; set: string; placeholders?: Placeholders }

  constructor(
    document: Document.Parsed,
    lines: LineCounter,
    options: { file: string; set: string; placeholders?: Placeholders },
  ) {
    this.#document = document
    this.#lines = lines
    this.#options = options
  }

  read(): SigmaRule | undefined {
    try {
      return this.#read()
    } catch (error) {
      if (!(error instanceof RuleError)) throw error
      this.#problem('error', error.path, error.message, error.advice)
      return undefined
    }
  }

  #read(): SigmaRule | undefined {
    const [fault] = this.#document.errors
    if (fault !== undefined) {
      const line = this.#lines.linePos(fault.pos[0]).line
      this.problems.push({
        ...this.#at('error', line),
        message: 'this is no YAML',
        advice: fault.message.split('\n')[0]!,
      })
      return undefined
    }
    this.#rejectAliases()
    const content = this.#document.toJS({ maxAliasCount: 0 }) as Json
    if (content === null) return undefined
    if (typeof content !== 'object' || Array.isArray(content)) {
      throw new RuleError('this is no rule', 'start with "title:"')
    }
    if (this.#isLater(content)) return undefined
    return this.#rule(content)
  }

  /** Rule files need none, and a few of them can fill the memory. */
  #rejectAliases(): void {
    visit(this.#document, {
      Alias: () => {
        throw new RuleError('YAML aliases are not allowed in rules', 'write the values out')
      },
    })
  }

  /** What Sigma has and this version does not run. */
  #isLater(content: JsonObject): boolean {
    for (const key of ['correlation', 'filter', 'action']) {
      if (!(key in content)) continue
      const message =
        key === 'action' ? 'rule collections ("action:") are not supported' : `"${key}:" is not supported yet`
      const advice =
        key === 'action' ? 'write each rule out' : 'the document is left out; rules for single events run'
      this.#problem(key === 'action' ? 'error' : 'warning', [key], message, advice)
      return true
    }
    return false
  }

  #rule(content: JsonObject): SigmaRule | undefined {
    const status = this.#optionalText(content, 'status') ?? 'experimental'
    if (status === 'unsupported' || status === 'deprecated') {
      this.#problem(
        'warning',
        ['status'],
        `the rule is ${status} and left out`,
        'delete it, or set "status: test"',
      )
      return undefined
    }
    const tags = this.#texts(content, 'tags')
    const title = this.#text(content, 'title', 'title: what it finds')
    return {
      id: this.#id(content),
      title,
      level: this.#level(content),
      status,
      description: this.#optionalText(content, 'description') ?? '',
      tags,
      references: this.#texts(content, 'references'),
      falsePositives: this.#texts(content, 'falsepositives'),
      logSource: this.#logSource(content),
      node: this.#node(content),
      set: this.#options.set,
      file: this.#options.file,
      line: this.#lineOf([]),
      samples: readSamples(content.tests, (path) => this.#lineOf(['tests', ...path])),
    }
  }

  #node(content: JsonObject): SigmaRule['node'] {
    const { detection } = content
    if (typeof detection !== 'object' || detection === null || Array.isArray(detection)) {
      throw new RuleError('"detection:" is missing', 'write "detection:" with a selection and a condition', [
        'detection',
      ])
    }
    try {
      return compileDetection(detection, this.#options.placeholders)
    } catch (error) {
      throw error instanceof RuleError ? error.under('detection') : error
    }
  }

  #id(content: JsonObject): string {
    const { id } = content
    if (typeof id === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id))
      return id.toLowerCase()
    const advice = `write "id: ${crypto.randomUUID()}"`
    throw new RuleError(id === undefined ? '"id:" is missing' : '"id:" is no UUID', advice, ['id'])
  }

  #level(content: JsonObject): Level {
    const level = content.level ?? 'medium'
    const known = LEVELS.find((one) => one === level)
    if (known === undefined)
      throw new RuleError('unknown level', `write one of: ${LEVELS.join(', ')}`, ['level'])
    return known
  }

  #logSource(content: JsonObject): LogSource {
    const { logsource } = content
    if (typeof logsource !== 'object' || logsource === null || Array.isArray(logsource)) {
      const advice = 'write "logsource:" with product, service or category'
      throw new RuleError('"logsource:" is missing', advice, ['logsource'])
    }
    const part = (name: string): string | undefined => {
      const value = logsource[name]
      if (value === undefined || typeof value === 'string') return value?.toLowerCase()
      throw new RuleError(`"${name}:" must be a text`, `write "${name}: name"`, ['logsource', name])
    }
    const source = { product: part('product'), category: part('category'), service: part('service') }
    if (Object.values(source).every((value) => value === undefined)) {
      throw new RuleError('the logsource says nothing', 'write product, service or category', ['logsource'])
    }
    return source
  }

  #text(content: JsonObject, key: string, advice: string): string {
    const text = this.#optionalText(content, key)
    if (text === undefined || text === '')
      throw new RuleError(`"${key}:" is missing`, `write "${advice}"`, [key])
    return text
  }

  #optionalText(content: JsonObject, key: string): string | undefined {
    const value = content[key]
    if (value === undefined || value === null) return undefined
    if (typeof value === 'string') return value
    throw new RuleError(`"${key}:" must be a text`, `put it in quotes`, [key])
  }

  #texts(content: JsonObject, key: string): string[] {
    const value = content[key]
    if (value === undefined || value === null) return []
    const list = Array.isArray(value) ? value : [value]
    return list.map((one, index) => {
      if (typeof one === 'string') return one
      throw new RuleError(`"${key}:" must be a list of texts`, 'put the entry in quotes', [key, index])
    })
  }

  #problem(
    severity: RuleProblem['severity'],
    path: readonly (string | number)[],
    message: string,
    advice: string,
  ): void {
    this.problems.push({ ...this.#at(severity, this.#lineOf(path)), message, advice })
  }

  #at(
    severity: RuleProblem['severity'],
    line: number,
  ): { severity: RuleProblem['severity']; file: string; line: number } {
    return { severity, file: this.#options.file, line }
  }

  /** Line of the deepest part of `path` that is there. */
  #lineOf(path: readonly (string | number)[]): number {
    let node: unknown = this.#document.contents
    let offset = rangeStart(node) ?? 0
    for (const step of path) {
      const next = stepInto(node, step)
      if (next === undefined) break
      offset = next.offset ?? offset
      node = next.node
    }
    return Math.max(1, this.#lines.linePos(offset).line)
  }
}

function stepInto(
  node: unknown,
  step: string | number,
): { node: unknown; offset: number | undefined } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(
      (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step),
    )
    return pair === undefined ? undefined : { node: pair.value, offset: rangeStart(pair.key) }
  }
  const items = (node as { items?: unknown[] } | null)?.items
  const item = typeof step === 'number' ? items?.[step] : undefined
  return item === undefined ? undefined : { node: item, offset: rangeStart(item) }
}

function rangeStart(node: unknown): number | undefined {
  return (node as { range?: [number, number, number] | null } | null)?.range?.[0]
}
