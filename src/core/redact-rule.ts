/** What a rule of `pipelines/redact/` says. Plain data: it is sent to worker threads as it is. */
export interface RedactRuleSpec {
  readonly id: string
  /** For a person: what it takes out. */
  readonly title: string
  /** At least three characters of ASCII each, matched in any case: a match of `pattern` begins with one. */
  readonly literals?: readonly string[]
  /** What stands at a literal; its group `secret` is taken out. Every repetition has an upper bound. */
  readonly pattern?: string
  readonly ignoreCase?: boolean
  /** A second look at what was found, of those in `checks.ts`. */
  readonly check?: string
  /** Names whose value is taken out: `name=value`, `"name": "value"`; what stands before the name is free. */
  readonly keys?: readonly string[]
  /** What an unquoted value must be: `any`, or `mixed`: eight characters and more, with a digit. @default mixed */
  readonly value?: 'any' | 'mixed'
  /** Words right before a key that make it another: `nextToken`. */
  readonly notAfter?: readonly string[]
  /** One that is code: see `built-in.ts`. */
  readonly builtIn?: string
}
