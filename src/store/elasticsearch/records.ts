import { createHash } from 'node:crypto'
import { DecklogError } from '../../core/errors.ts'
import type { JsonObject } from '../../core/document.ts'
import type { Asking, Scope, StoredRecord } from '../../ports/store.ts'
import { type EsContext, refusal } from './context.ts'
import { ensureIndex, noteChange, recordsIndex, refreshIfChanged } from './own-indices.ts'

/**
 * Alerts, sessions, dead letters: one document each in one index, by kind and id. The version is the record's own and counts
 * up by one; that two change the same version is prevented by Elasticsearch's sequence numbers.
 */
interface RecordDocument {
  readonly kind: string
  readonly id: string
  readonly version: number
  readonly updatedMs: number
  /** From the body, for the scope; a record without them is seen by whoever sees all. */
  readonly class?: string
  readonly tenant?: string
  /** As text: foreign keys and exact numbers are no business of the index. */
  readonly body: string
}

interface Stored extends RecordDocument {
  readonly seqNo: number
  readonly primaryTerm: number
}

/** @throws {DecklogError} retryable when `version` is not the stored version + 1, or without an answer */
export async function putRecord(context: EsContext, record: StoredRecord): Promise<void> {
  const stored = record.version === 1 ? undefined : await read(context, record)
  const before = stored?.version ?? 0
  if (record.version !== before + 1) throw conflict(record, before)
  // When there is one, `create` says so.
  const query =
    stored === undefined
      ? { op_type: 'create' }
      : { if_seq_no: stored.seqNo, if_primary_term: stored.primaryTerm }
  const put = (): Promise<{ status: number; body: unknown }> =>
    context.connection.request({
      method: 'PUT',
      path: pathOf(context, record),
      query: { ...query, require_alias: false },
      body: documentOf(record),
    })
  await ensureOnce(context)
  const { status, body } = await put()
  if (status === 409) throw conflict(record, (await read(context, record))?.version ?? before)
  if (status !== 200 && status !== 201) throw refusal(`writing a ${record.kind}`, status, body)
}

/** Seen as soon as it is written. */
export async function getRecord(
  context: EsContext,
  key: { readonly kind: string; readonly id: string },
  { scope, signal }: Asking,
): Promise<StoredRecord | undefined> {
  const stored = await read(context, key, signal)
  return stored === undefined || !isSeen(stored, scope) ? undefined : recordOf(stored)
}

/** Newest change first. */
export async function listRecords(
  context: EsContext,
  kind: string,
  asking: Asking & { readonly limit: number; readonly cursor?: string },
): Promise<{ readonly records: readonly StoredRecord[]; readonly cursor?: string }> {
  const { connection, names } = context
  const { scope, limit, cursor, signal } = asking
  const after = cursor === undefined ? undefined : parseCursor(cursor)
  await refreshIfChanged(context, names.records)
  const { status, body } = await connection.request({
    method: 'POST',
    path: `/${encodeURIComponent(names.records)}/_search`,
    query: { filter_path: 'hits.hits._source,error', ignore_unavailable: true },
    body: {
      size: Math.min(limit, LIST_MAX) + 1,
      query: { bool: { filter: [{ term: { kind } }, ...scopeFilters(scope)] } },
      sort: [{ updatedMs: 'desc' }, { id: 'asc' }],
      ...(after === undefined ? {} : { search_after: after }),
    },
    ...(signal === undefined ? {} : { signal }),
  })
  if (status !== 200) throw refusal(`listing records of kind ${kind}`, status, body)
  const hits = (body as { hits?: { hits?: readonly { _source: RecordDocument }[] } }).hits?.hits ?? []
  const page = hits.slice(0, limit).map(({ _source }) => _source)
  const last = page.at(-1)
  const records = page.map(recordOf)
  if (hits.length <= limit || last === undefined) return { records }
  return { records, cursor: Buffer.from(JSON.stringify([last.updatedMs, last.id])).toString('base64url') }
}

export async function deleteRecord(context: EsContext, kind: string, id: string): Promise<void> {
  const { status, body } = await context.connection.request({
    method: 'DELETE',
    path: pathOf(context, { kind, id }),
  })
  if (status !== 200 && status !== 404) throw refusal(`deleting a ${kind}`, status, body)
  noteChange(context, context.names.records)
}

/** A page of more than Elasticsearch sorts at once is not asked for. */
const LIST_MAX = 5_000
const isThere = new WeakSet<EsContext>()

async function ensureOnce(context: EsContext): Promise<void> {
  noteChange(context, context.names.records)
  if (isThere.has(context)) return
  await ensureIndex(context, recordsIndex(context.names))
  isThere.add(context)
}

/** Elasticsearch takes ids of up to 512 bytes; a longer one is known by its hash. */
function pathOf({ names }: EsContext, { kind, id }: { readonly kind: string; readonly id: string }): string {
  const whole = `${kind}:${id}`
  const hash = (): string => createHash('sha256').update(whole).digest('hex')
  const key = Buffer.byteLength(whole) <= 512 ? whole : `${kind.slice(0, 64)}:sha256:${hash()}`
  return `/${encodeURIComponent(names.records)}/_doc/${encodeURIComponent(key)}`
}

async function read(
  context: EsContext,
  key: { readonly kind: string; readonly id: string },
  signal?: AbortSignal,
): Promise<Stored | undefined> {
  const { status, body } = await context.connection.request({
    method: 'GET',
    path: pathOf(context, key),
    query: { filter_path: '_seq_no,_primary_term,_source,found,error' },
    ...(signal === undefined ? {} : { signal }),
  })
  if (status === 404) return undefined
  if (status !== 200) throw refusal(`reading a ${key.kind}`, status, body)
  const answer = body as { _seq_no: number; _primary_term: number; _source: RecordDocument }
  return { ...answer._source, seqNo: answer._seq_no, primaryTerm: answer._primary_term }
}

function documentOf({ kind, id, version, updatedMs, body }: StoredRecord): RecordDocument {
  const [className, tenant] = [body['class'], body['tenant'] ?? body['cluster']].map(textOf)
  return {
    kind,
    id,
    version,
    updatedMs,
    ...(className === undefined ? {} : { class: className }),
    ...(tenant === undefined ? {} : { tenant }),
    body: JSON.stringify(body),
  }
}

function recordOf({ kind, id, version, updatedMs, body }: RecordDocument): StoredRecord {
  return { kind, id, version, updatedMs, body: JSON.parse(body) as JsonObject }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

export function isSeen(
  { class: className, tenant }: { readonly class?: string; readonly tenant?: string },
  { classes, clusters }: Scope,
): boolean {
  const classFits = classes === '*' || (className !== undefined && classes.includes(className))
  return classFits && (clusters === '*' || (tenant !== undefined && clusters.includes(tenant)))
}

/** The same as filters of a search. */
export function scopeFilters({ classes, clusters }: Scope): object[] {
  return [
    ...(classes === '*' ? [] : [{ terms: { class: classes } }]),
    ...(clusters === '*' ? [] : [{ terms: { tenant: clusters } }]),
  ]
}

function conflict({ kind, version }: StoredRecord, stored: number): DecklogError {
  const message = `the ${kind} has version ${stored}, not ${version - 1}: read it again and repeat the change`
  return new DecklogError('internal', message, { retryable: true })
}

function parseCursor(cursor: string): [number, string] {
  try {
    const [updatedMs, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown[]
    if (typeof updatedMs === 'number' && typeof id === 'string') return [updatedMs, id]
  } catch {
    // Said below, as for a cursor of another shape.
  }
  throw new DecklogError('query-invalid', 'the cursor is none of ours: begin again without it')
}
