import type { RedactRuleSpec } from '../../core/redact-rule.ts'
import { DecklogError } from '../../core/errors.ts'
import { assignmentRule } from './assignment.ts'
import { builtIns } from './built-in.ts'
import { checks } from './checks.ts'
import { NOTHING_FOUND, type RedactRule } from './rule.ts'

/** @throws {DecklogError} `config-invalid` when a rule cannot be used */
export function compileRule(spec: RedactRuleSpec): RedactRule {
  if (spec.keys !== undefined) return assignmentRule(spec)
  if (spec.builtIn !== undefined) {
    const make = builtIns[spec.builtIn]
    if (make === undefined) throw invalid(spec, `builtIn is one of ${Object.keys(builtIns).join(', ')}`)
    return make(spec.id)
  }
  return patternRule(spec)
}

function patternRule(spec: RedactRuleSpec): RedactRule {
  const { id, literals = [], pattern = '' } = spec
  if (literals.length === 0) throw invalid(spec, 'it needs literals and a pattern, keys, or builtIn')
  const short = literals.find((literal) => !/^[\x20-\x7e]{3,64}$/.test(literal))
  if (short !== undefined) throw invalid(spec, `the literal "${short}" is not 3 to 64 characters of ASCII`)
  const check = spec.check === undefined ? undefined : checks[spec.check]
  if (spec.check !== undefined && check === undefined)
    throw invalid(spec, `check is one of ${Object.keys(checks).join(', ')}`)
  const regex = expressionOf(spec, pattern)
  return {
    id,
    literals: literals.map((literal) => literal.toLowerCase()),
    guard: undefined,
    find: ({ text }, start) => {
      regex.lastIndex = start
      const found = regex.exec(text)?.indices?.groups?.secret
      if (found === undefined) return NOTHING_FOUND
      const [from, to] = found
      return check === undefined || check(text.slice(from, to)) ? [{ from, to }] : NOTHING_FOUND
    },
  }
}

/** Starts at one place and every repetition is bounded, and none stands in another: what it can cost is bounded. */
function expressionOf(spec: RedactRuleSpec, pattern: string): RegExp {
  const bare = pattern.replace(/\\./g, 'a').replace(/\[[^\]]*\]/g, 'a')
  if (/[*+]|\{\d+,\}/.test(bare)) throw invalid(spec, 'every repetition needs an upper bound, as in {1,64}')
  if (/\([^()]*\{\d+,\d+\}[^()]*\)\{/.test(bare)) throw invalid(spec, 'a repetition stands in another')
  if (!pattern.includes('(?<secret>')) throw invalid(spec, 'the pattern has no group (?<secret>…)')
  try {
    return new RegExp(pattern, spec.ignoreCase === true ? 'yid' : 'yd')
  } catch (error) {
    throw invalid(spec, error instanceof Error ? error.message : 'the pattern cannot be read')
  }
}

function invalid(spec: RedactRuleSpec, what: string): DecklogError {
  return new DecklogError('config-invalid', `redaction rule ${spec.id}: ${what}`)
}
