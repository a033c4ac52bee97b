import type { DeadLetterCause } from './report.ts'

/** What of a dead letter is needed to group it. */
export interface Letter {
  readonly body: {
    readonly reason?: unknown
    readonly detail?: unknown
    readonly class?: unknown
    readonly atMs?: unknown
  }
  readonly updatedMs: number
}

/**
 * Why a letter was given up, without what differs from letter to letter of one cause: numbers, ids, quoted values. So
 * `field [a.b] of type [date] … value '12'` and the same with '13' are one.
 */
export function causeOf({ body }: Pick<Letter, 'body'>): string {
  const reason = textOf(body.reason)
  const detail = textOf(body.detail)
    .replaceAll(/'[^']{0,200}'/g, "'…'")
    .replaceAll(/"[^"]{0,200}"/g, '"…"')
    .replaceAll(/\b[0-9a-f]{16,}\b/gi, '…')
    .replaceAll(/\d+/g, '#')
  return detail === '' ? reason : `${reason}: ${detail}`
}

/** Most letters first. */
export function byCause(letters: readonly Letter[]): DeadLetterCause[] {
  return [...Map.groupBy(letters, causeOf)]
    .map(([cause, group]) => {
      const times = group.map(({ body, updatedMs }) =>
        typeof body.atMs === 'number' ? body.atMs : updatedMs,
      )
      return {
        cause,
        count: group.length,
        classes: [...new Set(group.map(({ body }) => textOf(body.class)))].sort(),
        oldestMs: Math.min(...times),
        newestMs: Math.max(...times),
      }
    })
    .sort((a, b) => b.count - a.count || (a.cause < b.cause ? -1 : 1))
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
