/**
 * Every counter and gauge of decklog, declared in this one file, in Prometheus' terms: `_total` counts, everything else
 * is a gauge. Each drop, rejection, retry and wait is counted here; nothing is dropped uncounted.
 */
export const METRICS = {
  decklog_ship_records_total: 'Records cut into batches, by class.',
  decklog_ship_bytes_total: 'Raw bytes cut into batches, by class.',
  decklog_ship_batches_total: 'Batches published, by class.',
  decklog_ship_open_bytes: 'Raw bytes published and not yet acknowledged, by class.',
  decklog_ship_files: 'Files followed.',
  decklog_ship_losses_total: 'Losses declared, by reason.',
  decklog_ship_errors_total: 'Failed reads and writes of the shipper, by reason; each is tried again.',
  decklog_source_records_total: 'Records that a source has put into its spool, by kind.',
  decklog_source_bytes_total: 'Bytes of those records, by kind.',
  decklog_source_refused_total:
    'Requests and connections refused, by kind and reason: the sender was told, or felt it.',
  decklog_source_dropped_total: 'Records that no sender could be told about, by kind and reason.',
  decklog_source_altered_total: 'Records cut or mended on arrival, by kind and reason.',
  decklog_source_cut_bytes_total: 'Bytes of records that were too long, which were not kept, by kind.',
  decklog_source_connections: 'Connections open, by kind.',
  decklog_spool_bytes: 'Bytes in spools, by source.',
  decklog_spool_streams: 'Streams in spools, by source.',
  decklog_spool_errors_total: 'Failed writes of a spool, by reason; the sender was told.',
  decklog_bus_queued_bytes: 'Bytes on the bus not yet acknowledged by all groups, by topic.',
  decklog_bus_redelivered_total: 'Deliveries repeated after a nack, by topic and group.',
  decklog_bus_published_total: 'Messages that the brokers have acknowledged, by topic.',
  decklog_bus_retries_total: 'Sends to the brokers that were tried again, by topic.',
  decklog_bus_open_bytes: 'Bytes delivered and not yet settled, by topic and group.',
  decklog_bus_rebalances_total: 'Assignments of partitions, by topic and group.',
  decklog_bus_reconnects_total: 'Consumers made anew after a failure, by topic and group.',
  decklog_bus_stalled_partitions: 'Partitions with messages and without progress, by topic and group.',
  decklog_bus_dead_letters_total: 'Messages given up after too many deliveries, by topic and group.',
  decklog_bus_lost_total:
    'Messages that the brokers deleted before they were read, by topic and group; each is declared.',
  decklog_process_records_total: 'Records parsed, by class.',
  decklog_process_events_total: 'Events made, by class.',
  decklog_process_parse_failed_total:
    'Records kept as text because their parser could not read them, by parser.',
  decklog_process_parser_tried_total: 'Records shown to a format, by parser.',
  decklog_process_parser_taken_total: 'Records that a format has read, by parser.',
  decklog_process_carry_bytes: 'Bytes that streams have begun and not finished.',
  decklog_process_signals_total: 'Events tagged, by rule.',
  decklog_process_dead_letters_total: 'Batches given up, by reason.',
  decklog_index_events_total: 'Events answered by the store, by outcome: stored, duplicate, retry, reject.',
  decklog_index_retries_total: 'Store writes tried again, by reason.',
  decklog_store_segments: 'Segments of the embedded store, by class.',
  decklog_store_bytes: 'Bytes on disk, by class.',
  decklog_store_expired_total: 'Events deleted by retention, by class.',
  decklog_store_requests_total: 'Write requests to the cluster, by status; 0 for those without an answer.',
  decklog_store_retries_total: 'Events sent to the cluster again, by reason.',
  decklog_store_repaired_total: 'Events stored with a field moved to text, because the index refuses it.',
  decklog_store_in_doubt_total: 'Events looked up in older indices before or after they were written.',
  decklog_store_removed_total: 'Second copies of events removed again after a rollover.',
  decklog_store_copies_left_total: 'Second copies of events that may not be removed.',
  decklog_store_held_streams: 'Data streams that the cluster refuses to write to.',
  decklog_store_requests_max: 'Write requests that may be in flight: follows the response time.',
  decklog_store_request_ms: 'How long the last write request took, milliseconds.',
  decklog_store_open_bytes: 'Unpacked documents that are being written.',
  decklog_archive_batches_total: 'Batches archived, by class.',
  decklog_archive_bytes_total: 'Bytes archived, by class.',
  decklog_archive_repeated_total: 'Batches that came again and were not kept twice, by class.',
  decklog_archive_errors_total: 'Failed archive writes and seals, by class; each is tried again.',
  decklog_http_requests_total: 'HTTP requests, by route and status.',
  decklog_http_slow_tail_dropped_total: 'Live-tail events not shown because the reader was too slow.',
} as const

export type MetricName = keyof typeof METRICS

/** Labels are few and bounded (class, reason, rule): never a pod, a user or an address. */
export class Telemetry {
  readonly #values = new Map<string, number>()

  add(name: MetricName, value = 1, labels?: Readonly<Record<string, string>>): void {
    const key = seriesKey(name, labels)
    this.#values.set(key, (this.#values.get(key) ?? 0) + value)
  }

  set(name: MetricName, value: number, labels?: Readonly<Record<string, string>>): void {
    this.#values.set(seriesKey(name, labels), value)
  }

  get(name: MetricName, labels?: Readonly<Record<string, string>>): number {
    return this.#values.get(seriesKey(name, labels)) ?? 0
  }

  /** Prometheus text exposition format 0.0.4. */
  expose(): string {
    const lines: string[] = []
    const keys = [...this.#values.keys()].sort()
    for (const [name, help] of Object.entries(METRICS)) {
      const own = keys.filter((key) => key === name || key.startsWith(`${name}{`))
      if (own.length === 0) continue
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}`)
      for (const key of own) lines.push(`${key} ${this.#values.get(key)}`)
    }
    return `${lines.join('\n')}\n`
  }
}

function seriesKey(name: string, labels: Readonly<Record<string, string>> | undefined): string {
  if (labels === undefined) return name
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${value.replace(/["\\\n]/g, '_')}"`)
  return pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`
}
