import type { JsonObject } from '../../core/document.ts'
import type { BatchTagger, MatchedRule, Tagger } from '../../core/tagging.ts'
import { compileNode, EventView } from './evaluate.ts'
import { type FieldPath, valuesAt } from './fields.ts'
import { neededLiterals } from './literals.ts'
import { nodeForSource, SOURCE_PROFILES, type SourceProfile } from './log-sources.ts'
import { fieldsOf, isConstant, type Node, specialize } from './node.ts'
import { Prefilter } from './prefilter.ts'
import type { SigmaRule } from './rule.ts'
import { threatOf } from './threat.ts'

/** Compiled sources that are kept: those with the same values in the constants that rules ask for share one. */
const COMPILED_MAX = 512

export function makeTagger(rules: readonly SigmaRule[]): Tagger {
  const plans = new Map(SOURCE_PROFILES.map((profile) => [profile.dataset, planFor(profile, rules)]))
  return {
    forSource: ({ dataset }, constants) => {
      const plan = plans.get(dataset)
      return plan === undefined ? undefined : plan.compile(constants)
    },
  }
}

/** A rule as it is for one source. */
interface SourceRule {
  readonly node: Node
  readonly matched: MatchedRule
}

interface Plan {
  compile(constants: JsonObject): BatchTagger | undefined
}

function planFor(profile: SourceProfile, rules: readonly SigmaRule[]): Plan | undefined {
  const own = rules.flatMap((rule): SourceRule[] => {
    const node = nodeForSource(rule.node, rule.logSource, profile)
    return node === undefined || isConstant(node, false) ? [] : [{ node, matched: matchedRule(rule) }]
  })
  if (own.length === 0) return undefined
  const paths = new Map(own.flatMap(({ node }) => fieldsOf(node)).map((path) => [path.name, path]))
  const compiled = new Map<string, BatchTagger | undefined>()
  return {
    compile: (constants) => {
      const key = constantsKey([...paths.values()], constants)
      if (!compiled.has(key)) {
        if (compiled.size >= COMPILED_MAX) compiled.delete(compiled.keys().next().value!)
        compiled.set(key, compileSource(profile, own, constants))
      }
      return compiled.get(key)
    },
  }
}

function constantsKey(paths: readonly FieldPath[], constants: JsonObject): string {
  return JSON.stringify(paths.map((path) => valuesAt(constants, path)))
}

function matchedRule(rule: SigmaRule): MatchedRule {
  return { id: rule.id, name: rule.title, level: rule.level, tags: rule.tags, threat: threatOf(rule.tags) }
}

function compileSource(
  profile: SourceProfile,
  rules: readonly SourceRule[],
  constants: JsonObject,
): BatchTagger | undefined {
  const open = rules
    .map(({ node, matched }) => ({ node: specialize(node, constants), matched }))
    .filter(({ node }) => !isConstant(node, false))
  if (open.length === 0) return undefined
  const prefilter = new Prefilter(open.map(({ node }) => neededLiterals(node, profile.raw)))
  const evaluators = open.map(({ node }) => compileNode(node))
  return {
    prepare: (raw) => prefilter.prepare(raw),
    match: (document, text) => {
      const event = new EventView(document, text)
      const found: MatchedRule[] = []
      for (const rule of prefilter.rulesFor(text) ?? evaluators.keys()) {
        if (evaluators[rule]!(event)) found.push(open[rule]!.matched)
      }
      return found
    },
  }
}
