import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { eventId } from '../../../core/event-batch.ts'
import type { DeletionRange } from '../../../ports/store.ts'
import type { EsContext } from '../context.ts'
import { faultOf } from '../context.ts'
import type { BackingIndex, DataStream } from './data-streams.ts'

export interface Deletion {
  readonly stream: DataStream
  readonly index: BackingIndex
  readonly class: string
  readonly ranges: readonly DeletionRange[]
  readonly bytes: number
  readonly why: 'age' | 'maxBytes'
  /** What the rule says, as a person reads it. */
  readonly rule: string
}

/**
 * Writes down that an index is about to be deleted, or that it was, as an event of the class `audit` that is searched like any
 * other. Its id comes from the index, so a deletion that is tried again is written down once. Returns why it could not.
 */
export async function writeAudit(
  context: EsContext,
  deletion: Deletion,
  step: 'decided' | 'done',
): Promise<string | undefined> {
  const dataStream = `logs-decklog.audit-${deletion.stream.cluster}.audit`
  const stream = createHash('sha256').update(`retention ${deletion.index.uuid}`).digest('hex').slice(0, 24)
  const seq = step === 'decided' ? 0 : 1
  const { status, body } = await context.connection.request({
    method: 'PUT',
    path: `/${encodeURIComponent(dataStream)}/_create/${encodeURIComponent(eventId(stream, seq, 0))}`,
    query: { require_data_stream: true },
    body: auditDocument(deletion, step, { stream, seq, nowMs: context.clock.now() }),
  })
  if (status === 200 || status === 201 || status === 409) return undefined
  return `${status} ${faultOf(body).reason}`
}

function auditDocument(
  { stream: dataStream, index, class: className, ranges, bytes, why, rule }: Deletion,
  step: 'decided' | 'done',
  place: { readonly stream: string; readonly seq: number; readonly nowMs: number },
): object {
  const time = new Date(place.nowMs).toISOString()
  const events = ranges.reduce((sum, range) => sum + range.events, 0)
  const tenants = [...new Set(ranges.map((range) => range.tenant))]
  const start = isoOf(Math.min(...ranges.map((range) => range.fromMs)))
  const end = isoOf(Math.max(...ranges.map((range) => range.toMs)))
  const verb = step === 'decided' ? 'will be deleted' : 'was deleted'
  return {
    '@timestamp': time,
    message: `${index.name} ${verb}: ${events} events of class ${className} from ${start ?? 'nothing'} to ${end ?? 'nothing'}; ${rule}`,
    event: {
      kind: 'event',
      category: ['database'],
      type: ['deletion'],
      action: step === 'decided' ? 'retention-delete-decided' : 'retention-delete',
      outcome: step === 'decided' ? 'unknown' : 'success',
      reason: why,
      module: 'decklog',
      dataset: 'decklog.audit',
      created: time,
      ingested: time,
      ...(start === undefined ? {} : { start }),
      ...(end === undefined ? {} : { end }),
    },
    data_stream: { type: 'logs', dataset: 'decklog.audit', namespace: `${dataStream.cluster}.audit` },
    ecs: { version: '9.0.0' },
    agent: { type: 'decklog', name: hostname() },
    host: { name: hostname() },
    orchestrator: {
      type: 'kubernetes',
      cluster: {
        name: tenants.length === 0 ? dataStream.cluster : tenants.length === 1 ? tenants[0] : tenants,
      },
      resource: { type: 'index', name: index.name, id: index.uuid },
    },
    decklog: {
      stream: place.stream,
      seq: place.seq,
      ranges: [[place.seq, place.seq]],
      class: 'audit',
      count: events,
      parser: { name: 'retention', version: 1 },
      payload: { class: className, dataStream: dataStream.name, bytes, ranges },
    },
  }
}

/** Undefined for what is no time: an index without events has none. */
function isoOf(ms: number): string | undefined {
  return Number.isFinite(ms) && Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : undefined
}
