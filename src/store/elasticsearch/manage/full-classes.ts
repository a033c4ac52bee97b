import type { RetentionRule } from '../../../ports/store.ts'
import type { EsContext } from '../context.ts'
import { type BackingIndex, type DataStream, isOfClass } from './data-streams.ts'
import { type IndexStats, sumOf } from './stats.ts'

/** Says which classes are full and refuse; takes back what is no longer so. */
export function refuseFullClasses(
  context: EsContext,
  rules: readonly RetentionRule[],
  found: { readonly streams: readonly DataStream[]; readonly stats: (index: BackingIndex) => IndexStats },
): void {
  const full = new Map<string, string>()
  for (const { class: className, maxBytes, whenFull } of rules) {
    if (maxBytes === undefined || whenFull !== 'refuse') continue
    const own = found.streams.filter((stream) => isOfClass(stream, className))
    const { bytes } = sumOf(own, found.stats)
    if (bytes < maxBytes) continue
    full.set(
      className,
      `class ${className} holds ${bytes} of its ${maxBytes} bytes and its rule says whenFull: refuse; ` +
        'it goes on when older events have expired, or maxBytes is raised in retention.yaml',
    )
  }
  for (const className of context.refused.keys()) if (!full.has(className)) context.refused.delete(className)
  for (const [className, sentence] of full) context.refused.set(className, sentence)
}
