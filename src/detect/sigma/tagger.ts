import type { JsonObject } from '../../core/document.ts'
import type { BatchTagger, MatchedRule, Tagger } from '../../core/tagging.ts'
import { compileNode, EventView } from './evaluate.ts'
import { neededLiterals } from './literals.ts'
import { nodeForSource, SOURCE_PROFILES, type SourceProfile } from './log-sources.ts'
import { isConstant, type Node, specialize } from './node.ts'
import { Prefilter } from './prefilter.ts'
import type { SigmaRule } from './rule.ts'
import { threatOf } from './threat.ts'

/** Compiled sources that are kept: all whose constants decide the same share one. Each takes some hundred kilobytes. */
const COMPILED_MAX = 64

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
  const compiled = new Map<string, BatchTagger | undefined>()
  return {
    compile: (constants) => {
      let decisions = ''
      const open = own.map(({ node, matched }) => ({
        node: specialize(node, constants, (decision) => (decisions += decision[0])),
        matched,
      }))
      if (!compiled.has(decisions)) {
        if (compiled.size >= COMPILED_MAX) compiled.delete(compiled.keys().next().value!)
        compiled.set(decisions, compileSource(profile, open))
      }
      return compiled.get(decisions)
    },
  }
}

function matchedRule(rule: SigmaRule): MatchedRule {
  return { id: rule.id, name: rule.title, level: rule.level, tags: rule.tags, threat: threatOf(rule.tags) }
}

function compileSource(profile: SourceProfile, rules: readonly SourceRule[]): BatchTagger | undefined {
  const open = rules.filter(({ node }) => !isConstant(node, false))
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
