import { join } from 'node:path'
import { Command } from 'commander'
import { PIPELINES_DIRECTORY } from '../app/places.ts'
import { adviseOn, inspectRule } from '../detect/sigma/inspect.ts'
import { type LoadedRules, loadRules } from '../detect/sigma/load.ts'
import { formatProblem, type RuleProblem } from '../detect/sigma/problem.ts'
import type { SigmaRule } from '../detect/sigma/rule.ts'

interface Options {
  readonly pipelines: string
  readonly json?: boolean
}

const EXAMPLES = `
WHAT is a set of rules (a folder below rules/), or a file that ends with .yml or .yaml. Without it all rules are meant.

Examples:
  decklog rules list --json | jq -r '.[] | [.level, .title] | @tsv'
  decklog rules check ssh break-glass
  decklog rules test pipelines/rules/ssh/login-failed.yml

Exit status: 0 good, 1 a sample did not do what it says, 2 usage, or a rule that cannot be used.`

/** `decklog rules`: results on stdout, everything else on stderr. */
export function rulesCommand(): Command {
  const command = new Command('rules')
    .description('lists, checks and tests the Sigma rules')
    .addHelpText('after', EXAMPLES)
  add(command, 'list', 'what each rule finds, and on which data', list)
  add(command, 'check', 'what is wrong with rules, or could be better', check)
  add(command, 'test', 'plays the samples of the rules through parsers and matcher', test)
  return command
}

function add(
  command: Command,
  name: string,
  description: string,
  action: (what: readonly string[], options: Options) => Promise<number>,
): void {
  command
    .command(name)
    .description(description)
    .argument('[what...]', 'sets of rules, or files')
    .option('--pipelines <dir>', 'the folder with rules/ in it', PIPELINES_DIRECTORY)
    .option('--json', 'JSON instead of text')
    .action(async (what: readonly string[], options: Options) => {
      process.exitCode = await action(what, options)
    })
}

async function load(what: readonly string[], options: Options): Promise<LoadedRules> {
  const directory = join(options.pipelines, 'rules')
  const files = what.filter((one) => /\.ya?ml$/.test(one))
  const sets = what.filter((one) => !files.includes(one))
  const inFiles = files.length > 0 ? await loadRules({ directory, files }) : NOTHING
  if (files.length > 0 && sets.length === 0) return inFiles
  const inSets = await loadRules({ directory, ruleSets: sets.length > 0 ? sets : undefined })
  return {
    rules: [...inSets.rules, ...inFiles.rules],
    problems: [...inSets.problems, ...inFiles.problems],
  }
}

const NOTHING: LoadedRules = { rules: [], problems: [] }

async function list(what: readonly string[], options: Options): Promise<number> {
  const { rules, problems } = await load(what, options)
  if (options.json) print(JSON.stringify(rules.map(describe)))
  else for (const rule of rules) print(listLine(rule))
  return reportErrors(problems)
}

function describe(rule: SigmaRule): Record<string, unknown> {
  const { id, title, level, status, set, file, tags, description, falsePositives, references } = rule
  const { datasets, slowOn } = inspectRule(rule)
  const samples = rule.samples.length
  return {
    id,
    title,
    level,
    status,
    set,
    file,
    tags,
    description,
    falsePositives,
    references,
    datasets,
    slowOn,
    samples,
  }
}

function listLine(rule: SigmaRule): string {
  const catalogue = rule.tags
    .filter((tag) => tag.startsWith('decklog.'))
    .map((tag) => tag.slice('decklog.'.length))
  return [rule.level.padEnd(13), rule.set.padEnd(13), catalogue.join(',').padEnd(8), rule.title].join('  ')
}

async function check(what: readonly string[], options: Options): Promise<number> {
  const { rules, problems: found } = await load(what, options)
  const problems = [...found, ...rules.flatMap(adviseOn)]
  const errors = problems.filter(({ severity }) => severity === 'error').length
  if (options.json) print(JSON.stringify({ rules: rules.length, problems }))
  else {
    for (const problem of problems) print(`${problem.severity}: ${formatProblem(problem)}`)
    print(`${rules.length} rules, ${errors} errors, ${problems.length - errors} warnings`)
  }
  return errors === 0 ? 0 : 2
}

async function test(what: readonly string[], options: Options): Promise<number> {
  const { rules, problems } = await load(what, options)
  if (reportErrors(problems) !== 0) return 2
  // Only this needs parsers and stages.
  const [{ runRuleTests }, { loadPipelines }] = await Promise.all([
    import('./rules/run-tests.ts'),
    import('../config/pipelines.ts'),
  ])
  const report = runRuleTests(rules, loadPipelines(options.pipelines))
  if (options.json) print(JSON.stringify(report))
  else {
    for (const { file, line, rule, sample, expected } of report.failed) {
      print(`failed: ${file}:${line}: "${rule}" should ${expected} "${sample}"`)
    }
    for (const title of report.untested) process.stderr.write(`no samples: "${title}"\n`)
    print(`${report.rules} rules, ${report.samples} samples, ${report.failed.length} failed`)
  }
  return report.failed.length === 0 ? 0 : 1
}

function reportErrors(problems: readonly RuleProblem[]): number {
  const errors = problems.filter(({ severity }) => severity === 'error')
  for (const problem of errors) process.stderr.write(`error: ${formatProblem(problem)}\n`)
  return errors.length === 0 ? 0 : 2
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
