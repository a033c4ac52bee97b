import type { z } from 'zod'
import { auditWebhookSource } from './audit-webhook.ts'
import { httpSource } from './http.ts'
import { journaldSource } from './journald.ts'
import { kubeBenchSource } from './kube-bench.ts'
import { kubernetesSource } from './kubernetes.ts'
import { syslogSource } from './syslog.ts'

/** Sources that write to a spool: a line each. What starts them is in `app/receivers.ts`. */
export const receiverSchemas = [
  auditWebhookSource,
  httpSource,
  journaldSource,
  kubeBenchSource,
  kubernetesSource,
  syslogSource,
] as const

export type ReceiverConfig = z.output<(typeof receiverSchemas)[number]>

/** What tells a source from all others, on disk and in provenance. */
export function nameOf(source: ReceiverConfig): string {
  return source.name ?? source.kind
}
