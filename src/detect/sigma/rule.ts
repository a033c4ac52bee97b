import type { JsonObject } from '../../core/document.ts'
import type { MatchedRule } from '../../core/tagging.ts'
import type { Node } from './node.ts'

export type Level = MatchedRule['level']

export const LEVELS: readonly Level[] = ['informational', 'low', 'medium', 'high', 'critical']

/** Where the events of a rule come from. What is not named may be anything. */
export interface LogSource {
  readonly product: string | undefined
  readonly category: string | undefined
  readonly service: string | undefined
}

/** A Sigma rule for single events, as its file says it. */
export interface SigmaRule {
  readonly id: string
  readonly title: string
  readonly level: Level
  readonly status: string
  readonly description: string
  readonly tags: readonly string[]
  readonly references: readonly string[]
  readonly falsePositives: readonly string[]
  readonly logSource: LogSource
  /** Field names as the rule writes them. */
  readonly node: Node
  /** Folder under the rules' directory: the set that pipelines name. */
  readonly set: string
  readonly file: string
  readonly line: number
  readonly samples: readonly RuleSample[]
}

/** A record, or an event, that the rule must match or must not. */
export interface RuleSample {
  readonly expected: boolean
  /** What it shows. */
  readonly name: string
  /** 1-based line in the rule's file. */
  readonly line: number
  /** Format of the raw record, as in a pipeline: `syslog`, `kube-audit`, `cri`. */
  readonly as: string | undefined
  readonly record: string | undefined
  /** Instead of a record: the event, for what no parser reads yet. */
  readonly document: JsonObject | undefined
  /** What the shipper would say about the source, e.g. `namespace` and `pod`. */
  readonly names: Readonly<Record<string, string>>
}
