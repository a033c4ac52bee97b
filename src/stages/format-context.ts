import type { FormatContext } from '../ports/format.ts'
import type { BatchRun } from './run.ts'

/** What the formats of one batch are told. */
export function formatContext({ batch, redactor }: BatchRun): FormatContext {
  return {
    provenance: batch.provenance,
    batchTimeMs: batch.wallTimeMs,
    utcOffsetMinutes: Number(batch.extra.utcOffsetMinutes ?? 0) || 0,
    ...(redactor === undefined ? {} : { redact: (text: string) => redactor.apply(text) }),
  }
}
