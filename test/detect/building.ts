import type { JsonObject } from '../../src/core/document.ts'
import type { BatchTagger } from '../../src/core/tagging.ts'
import { formatProblem } from '../../src/detect/sigma/problem.ts'
import { readRuleFile } from '../../src/detect/sigma/read-rule.ts'
import type { SigmaRule } from '../../src/detect/sigma/rule.ts'
import { makeTagger } from '../../src/detect/sigma/tagger.ts'

export const CONTAINER = { class: 'pod', dataset: 'kubernetes.container_logs', format: 'cri' }
export const AUTH = { class: 'ssh', dataset: 'system.auth', format: 'syslog' }
export const AUDIT = { class: 'control-plane', dataset: 'kubernetes.audit_logs', format: 'kube-audit' }

const ID = '11111111-1111-4111-8111-111111111111'

/** A whole rule around a `detection` in YAML (indented by two), for container lines where nothing else is said. */
export function ruleText(
  parts: { detection?: string; logsource?: string; more?: string; id?: string } = {},
): string {
  const { detection = '  selection: { message: x }\n  condition: selection', more = '' } = parts
  const { logsource = '{ product: decklog, category: container }', id = ID } = parts
  return `title: A rule\nid: ${id}\nlogsource: ${logsource}\nlevel: low\n${more}\ndetection:\n${detection}\n`
}

/** Reads a rule that must be right. */
export function ruleOf(text: string): SigmaRule {
  const { rules, problems } = readRuleFile(text, { file: 'rule.yml', set: 'test' })
  if (rules.length !== 1) throw new Error(problems.map(formatProblem).join('\n'))
  return rules[0]!
}

/** What is wrong with a rule, each with its line. */
export function problemsOf(text: string): string[] {
  return readRuleFile(text, { file: 'rule.yml', set: 'test' }).problems.map(formatProblem)
}

export function taggerOf(detection: string, source = CONTAINER, constants: JsonObject = {}): BatchTagger {
  const tagger = makeTagger([ruleOf(ruleText({ detection }))]).forSource(source, constants)
  if (tagger === undefined) throw new Error('the rule does not apply to the source')
  return tagger
}

/** Does a detection (YAML, indented by two) match this event? */
export function matches(detection: string, document: JsonObject, text = ''): boolean {
  return taggerOf(detection).match(document, text).length > 0
}

/** The same for one selection, e.g. `field|contains: abc`. */
export function selects(selection: string, document: JsonObject, text = ''): boolean {
  return matches(`  selection:\n    ${selection}\n  condition: selection`, document, text)
}
