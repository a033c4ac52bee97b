import { neededLiterals } from './literals.ts'
import { nodeForSource, SOURCE_PROFILES } from './log-sources.ts'
import type { RuleProblem } from './problem.ts'
import type { SigmaRule } from './rule.ts'
import { unknownAttackTags } from './threat.ts'

/** What can be said of a rule without any event. */
export interface RuleFacts {
  /** Datasets that it runs on. */
  readonly datasets: readonly string[]
  /** Those of them with many records where every record must be parsed and matched for it, because it needs no literal. */
  readonly slowOn: readonly string[]
}

export function inspectRule(rule: SigmaRule): RuleFacts {
  const datasets: string[] = []
  const slowOn: string[] = []
  for (const profile of SOURCE_PROFILES) {
    const node = nodeForSource(rule.node, rule.logSource, profile)
    if (node === undefined) continue
    datasets.push(profile.dataset)
    const isFiltered = profile.raw.verbatim.length > 0
    if (isFiltered && neededLiterals(node, profile.raw) === undefined) slowOn.push(profile.dataset)
  }
  return { datasets, slowOn }
}

/** What works and still deserves a word. */
export function adviseOn(rule: SigmaRule): RuleProblem[] {
  const { datasets, slowOn } = inspectRule(rule)
  const problems: RuleProblem[] = []
  const warn = (message: string, advice: string): void => {
    problems.push({ severity: 'warning', file: rule.file, line: rule.line, message, advice })
  }
  if (datasets.length === 0) {
    const { product, category, service } = rule.logSource
    const named = [product, category, service].filter((part) => part !== undefined).join(' / ')
    warn(
      `no source of decklog is "${named}": the rule never runs`,
      'see the log sources in docs, or delete the rule',
    )
  }
  for (const dataset of slowOn) {
    const advice = 'add a text of 3 characters or more that every matching record holds'
    warn(`slow on ${dataset}: no literal is needed, so every record is matched`, advice)
  }
  if (!rule.samples.some(({ expected }) => expected))
    warn('no sample that it matches', 'write "tests: match:"')
  if (rule.samples.every(({ expected }) => expected))
    warn('no sample that it ignores', 'write "tests: ignore:"')
  for (const tag of unknownAttackTags(rule.tags)) {
    warn(
      `"${tag}" is no tactic or technique that decklog knows`,
      'it stays a tag without a name; check its spelling',
    )
  }
  return problems
}
