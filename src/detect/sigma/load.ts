import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { DecklogError, systemCode } from '../../core/errors.ts'
import type { Tagger } from '../../core/tagging.ts'
import { formatProblem, type RuleProblem } from './problem.ts'
import { readRuleFile } from './read-rule.ts'
import type { SigmaRule } from './rule.ts'
import { makeTagger } from './tagger.ts'
import type { Placeholders } from './transforms.ts'

export interface LoadRulesOptions {
  /** `pipelines/rules`: a folder for each set. */
  readonly directory: string
  /** Only these sets, as pipelines name them: `ssh` or `rules/ssh`. Default: all. */
  readonly ruleSets?: readonly string[] | undefined
  /** Only these files, wherever they are; the folder of each is its set. */
  readonly files?: readonly string[] | undefined
  /** Values for the placeholders of rules (`%name%`, modifier `expand`). */
  readonly placeholders?: Placeholders
}

/** The rules of a directory, in the order of their files, and what is wrong with them. */
export interface LoadedRules {
  readonly rules: readonly SigmaRule[]
  readonly problems: readonly RuleProblem[]
}

/**
 * The tagger of all rules.
 *
 * @throws DecklogError `config-invalid` when a rule cannot be used: each with its file, its line, and what to write instead.
 */
export async function loadTagger(options: LoadRulesOptions): Promise<Tagger> {
  const { rules, problems } = await loadRules(options)
  const errors = problems.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) throw new DecklogError('config-invalid', errors.map(formatProblem).join('\n'))
  return makeTagger(rules)
}

/** @throws DecklogError `config-invalid` when the directory or a set is not there. */
export async function loadRules(options: LoadRulesOptions): Promise<LoadedRules> {
  const rules: SigmaRule[] = []
  const problems: RuleProblem[] = []
  for (const path of await ruleFiles(options)) {
    const file = relative(process.cwd(), path) || path
    const set = options.files === undefined ? setOf(options.directory, path) : basename(dirname(path))
    const text = await read(path)
    const found = readRuleFile(text, { file, set, placeholders: options.placeholders ?? {} })
    rules.push(...found.rules)
    problems.push(...found.problems)
  }
  return { rules, problems: [...problems, ...repeatedIds(rules)] }
}

function setOf(directory: string, path: string): string {
  return relative(directory, path).split(sep)[0]!
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = systemCode(error) ?? 'unknown error'
    throw new DecklogError('config-invalid', `cannot read the rule file ${path}: ${code}`, { cause: error })
  }
}

async function ruleFiles(options: LoadRulesOptions): Promise<readonly string[]> {
  if (options.files !== undefined) return options.files
  const names = await list(options.directory)
  const sets = options.ruleSets?.map((set) => set.replace(/^rules\//, ''))
  for (const set of sets ?? []) {
    if (names.some((name) => name.startsWith(set + sep))) continue
    const known = [...new Set(names.map((name) => name.split(sep)[0]!))].join(', ')
    const message = `there are no rules in ${join(options.directory, set)}; the sets are: ${known}`
    throw new DecklogError('config-invalid', message)
  }
  return names
    .filter((name) => sets === undefined || sets.some((set) => name.startsWith(set + sep)))
    .map((name) => join(options.directory, name))
}

async function list(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory, { recursive: true })
    return names.filter((name) => /\.ya?ml$/.test(name)).sort()
  } catch (error) {
    const code = systemCode(error) ?? 'unknown error'
    const message = `cannot read the rules in ${directory}: ${code}; it must be a folder with a folder for each set of rules`
    throw new DecklogError('config-invalid', message, { cause: error })
  }
}

function repeatedIds(rules: readonly SigmaRule[]): RuleProblem[] {
  const first = new Map<string, SigmaRule>()
  return rules.flatMap((rule): RuleProblem[] => {
    const other = first.get(rule.id)
    if (other === undefined) {
      first.set(rule.id, rule)
      return []
    }
    const advice = `write "id: ${crypto.randomUUID()}"`
    const message = `the id is that of ${other.file}:${other.line}`
    return [{ severity: 'error', file: rule.file, line: rule.line, message, advice }]
  })
}
