/** Something about a rule file that a person should know. `error`: the rule cannot run. `warning`: it runs, or is left out on purpose. */
export interface RuleProblem {
  readonly severity: 'error' | 'warning'
  readonly file: string
  /** 1-based. */
  readonly line: number
  readonly message: string
  /** What to write instead; empty when the message says it. */
  readonly advice: string
}

/** `file:line: message; advice`, as editors and terminals understand it. */
export function formatProblem(problem: RuleProblem): string {
  const { file, line, message, advice } = problem
  return `${file}:${line}: ${message}${advice === '' ? '' : `; ${advice}`}`
}

/**
 * Thrown while a rule is compiled and caught where the file is read, which knows the lines. `path` leads from the top of the
 * document to what is wrong.
 */
export class RuleError extends Error {
  readonly advice: string
  readonly path: readonly (string | number)[]

  constructor(message: string, advice: string, path: readonly (string | number)[] = []) {
    super(message)
    this.name = 'RuleError'
    this.advice = advice
    this.path = path
  }

  /** The same error seen from one level further up. */
  under(...path: readonly (string | number)[]): RuleError {
    return new RuleError(this.message, this.advice, [...path, ...this.path])
  }
}

/** Runs `compile`, and says of a rule error that it happened under `path`. */
export function under<T>(path: readonly (string | number)[], compile: () => T): T {
  try {
    return compile()
  } catch (error) {
    throw error instanceof RuleError ? error.under(...path) : error
  }
}
