/** What `decklog status` knows, from wherever it has it. Times are milliseconds since the epoch, ages milliseconds. */
export interface StatusReport {
  readonly atMs: number
  /** Where it was asked, for a person. */
  readonly place: string
  readonly cluster: string
  readonly steps: readonly StepStatus[]
  /** Nodes whose shipper has been heard of, by the newest thing of theirs that was stored. */
  readonly nodes: readonly { readonly node: string; readonly newestMs: number }[]
  readonly store: readonly ClassUsage[]
  readonly deadLetters: readonly DeadLetterCause[]
  /** More letters there are than were looked at. */
  readonly deadLettersMore: boolean
  /** What is wrong and what to do, a sentence each; empty when all is well. */
  readonly problems: readonly string[]
  /** Parts that did not answer, a sentence each: what they would have told is missing above. */
  readonly unreachable: readonly string[]
}

/** One role at one topic: who does it, and how far behind it is. */
export interface StepStatus {
  readonly role: string
  readonly class: string
  readonly topic: string
  /** `here`: in the process that was asked. `idle`: nobody does it, and nobody ever has. */
  readonly state: 'stable' | 'rebalancing' | 'nobody' | 'idle' | 'here'
  readonly members: readonly { readonly host: string; readonly partitions: number }[]
  readonly partitions: number
  readonly lag: {
    readonly messages: number
    /** An estimate; undefined where nobody has seen a message of this topic. */
    readonly bytes: number | undefined
    readonly oldestMs: number
  }
  /** How long the topic keeps a message that nobody has read; undefined: for ever, or unknown. */
  readonly retentionMs: number | undefined
  /** Messages a second, over the time between two looks; undefined where it cannot be seen. */
  readonly rate: { readonly in: number; readonly out: number } | undefined
}

export interface ClassUsage {
  readonly class: string
  readonly events: number
  readonly bytes: number
  readonly oldestMs: number
  /** Events a second that were stored between two looks. */
  readonly rate: number
}

export interface DeadLetterCause {
  readonly cause: string
  readonly count: number
  readonly classes: readonly string[]
  readonly oldestMs: number
  readonly newestMs: number
}

/** What one part contributes. */
export interface Part {
  readonly steps?: readonly StepStatus[]
  readonly nodes?: StatusReport['nodes']
  readonly store?: readonly ClassUsage[]
  readonly deadLetters?: readonly DeadLetterCause[]
  readonly deadLettersMore?: boolean
  readonly problems: readonly string[]
}
