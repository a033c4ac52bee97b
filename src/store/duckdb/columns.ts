/**
 * Columns of a segment. Own ones begin with `_`; the others hold the text of the field of that name in the document: NULL
 * when it is missing, the value itself, or a list.
 *
 * - A list of values is `US value US value US` (US = U+001F), so that one value is found by `contains`.
 * - What cannot be written so (a value with U+001F or U+001E, or a long one) is U+001E alone: the document has to be asked.
 *   The catalogue of a segment says where either occurs, so that other segments are searched by plain equality.
 */
export const LIST_MARK = '\u001f'
export const ASK_MARK = '\u001e'

/** UTF-8 bytes; longer values are only in the document. */
export const COLUMN_VALUE_BYTES_MAX = 1024

/** What is searched and counted often. A change of this list is a new LAYOUT_VERSION. */
export const FIELD_COLUMNS: readonly string[] = [
  'data_stream.dataset',
  'decklog.class',
  'decklog.quality',
  'event.action',
  'event.category',
  'event.dataset',
  'event.kind',
  'event.outcome',
  'event.type',
  'host.name',
  'http.response.status_code',
  'kubernetes.audit.objectRef.namespace',
  'kubernetes.audit.objectRef.resource',
  'kubernetes.audit.user.username',
  'kubernetes.audit.verb',
  'kubernetes.container.name',
  'kubernetes.namespace',
  'kubernetes.node.name',
  'kubernetes.pod.name',
  'log.level',
  'log.syslog.appname',
  'orchestrator.cluster.name',
  'process.name',
  'related.ip',
  'related.user',
  'rule.id',
  'rule.name',
  'service.name',
  'source.ip',
  'stream',
  'tags',
  'user.effective.name',
  'user.name',
  'user.target.name',
]

/** Segments of another layout are still read, by the column list that they were written with. */
export const LAYOUT_VERSION = 1

/** Rows of a block: a row group of the Parquet file, and the unit of the word filter. */
export const BLOCK_ROWS = 8192
/** Documents of a block: what is read together must fit into memory, also when documents are large. */
export const BLOCK_BYTES_MAX = 16 * 1024 * 1024
