import type { Pipelines } from '../../config/pipelines.ts'
import type { SigmaRule } from '../../detect/sigma/rule.ts'
import { makeTagger } from '../../detect/sigma/tagger.ts'
import { rulesMatching } from './sample.ts'

/** One sample that did not do what it says. */
export interface FailedSample {
  readonly rule: string
  readonly id: string
  readonly sample: string
  readonly file: string
  readonly line: number
  readonly expected: 'match' | 'ignore'
}

export interface RuleTestReport {
  readonly rules: number
  readonly samples: number
  readonly failed: readonly FailedSample[]
  /** Rules without any sample: nothing shows that they work. */
  readonly untested: readonly string[]
}

/** Plays every sample of every rule. All rules run together, as they do live. */
export function runRuleTests(rules: readonly SigmaRule[], pipelines: Pipelines): RuleTestReport {
  const tagger = makeTagger(rules)
  const failed: FailedSample[] = []
  let samples = 0
  for (const rule of rules) {
    for (const sample of rule.samples) {
      samples++
      const isMatch = rulesMatching(rule, sample, { pipelines, tagger }).includes(rule.id)
      if (isMatch === sample.expected) continue
      failed.push({
        rule: rule.title,
        id: rule.id,
        sample: sample.name,
        file: rule.file,
        line: sample.line,
        expected: sample.expected ? 'match' : 'ignore',
      })
    }
  }
  const untested = rules.filter((rule) => rule.samples.length === 0).map((rule) => rule.title)
  return { rules: rules.length, samples, failed, untested }
}
