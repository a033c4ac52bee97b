import type { DecklogError, ErrorCode } from '../core/errors.ts'

const USAGE: readonly ErrorCode[] = ['config-invalid', 'usage', 'query-invalid']

/** 2 usage or configuration, 3 something needed cannot be reached, 1 the thing asked about is bad. */
export function exitStatusOf(error: DecklogError): number {
  if (USAGE.includes(error.code)) return 2
  return error.code === 'state-corrupt' ? 1 : 3
}
