import type { RawBatch } from '../../core/batch.ts'
import type { Json, JsonObject } from '../../core/document.ts'
import type { Enricher } from '../run.ts'
import { podConstants } from './pod-constants.ts'

/** Version of the Elastic Common Schema whose names documents use. */
const ECS_VERSION = '9.0.0'

/** What all documents of a batch share. It comes from the shipper and wins over whatever a payload says. */
export interface SourceConstants {
  readonly dataset: string
  /** `logs-<dataset>-<namespace>`. */
  readonly dataStream: string
  /** Nested ECS fields. */
  readonly fields: JsonObject
  /** Who sent it over a network: the host of a message that names none. This node is not the host of any. */
  readonly sender: string | undefined
}

/** A pure function of provenance, class, dataset and times of the batch. */
export function constantsOf(
  batch: RawBatch,
  dataset: string,
  receivedMs: number,
  enricher?: Enricher,
): SourceConstants {
  const namespace = dataStreamNamespace(batch.tenant, batch.class)
  const { provenance } = batch
  const { names, cluster, node } = provenance
  const isPod = provenance.kind === 'pods'
  const sender = networkSender(provenance)
  const fields: JsonObject = {
    ecs: { version: ECS_VERSION },
    data_stream: { type: 'logs', dataset, namespace },
    event: {
      kind: 'event',
      module: dataset.split('.', 1)[0] ?? dataset,
      dataset,
      created: isoOf(batch.wallTimeMs),
      ingested: isoOf(receivedMs),
    },
    agent: { type: 'decklog', id: batch.sender.id, name: node },
    ...(sender === undefined ? { host: { name: node } } : {}),
    input: { type: provenance.kind },
    orchestrator: { type: 'kubernetes', cluster: { name: cluster }, ...(isPod ? podResource(names) : {}) },
    ...(sender === undefined
      ? { kubernetes: { node: { name: node }, ...(isPod ? podFields(names) : {}) } }
      : {}),
    log: sender === undefined ? { file: { path: pathOf(batch) } } : { source: { address: sender } },
    decklog: { stream: batch.stream, class: batch.class },
  }
  if (isPod) addConstants(fields, podConstants(names))
  if (enricher !== undefined) {
    const { kubernetes, ...others } = enricher.constants(batch)
    const ofNode = sender === undefined && kubernetes !== undefined ? { kubernetes } : {}
    addConstants(fields, { ...others, ...ofNode })
  }
  return { dataset, dataStream: `logs-${dataset}-${namespace}`, fields, sender }
}

/** The address that syslog came from. A unix socket's senders, and decklog itself, are on this node. */
function networkSender({ kind, names }: RawBatch['provenance']): string | undefined {
  if (kind !== 'syslog' || names.transport === 'unix' || names.transport === 'internal') return undefined
  return names.sender
}

/** What is there stays; objects are joined. */
function addConstants(fields: JsonObject, more: JsonObject): void {
  for (const [name, value] of Object.entries(more)) {
    const known = fields[name]
    if (known === undefined) fields[name] = value
    else if (isObject(known) && isObject(value)) addConstants(known, value)
  }
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `<cluster>.<class>`: what Elasticsearch forbids in a namespace, and its own separator `-`, become `_`. */
export function dataStreamNamespace(cluster: string, className: string): string {
  return `${cluster}.${className}`
    .toLowerCase()
    .replace(/[-\\/*?"<>| ,#:\s]/g, '_')
    .slice(0, 100)
}

function podResource(names: Readonly<Record<string, string>>): JsonObject {
  return { namespace: names.namespace ?? '', resource: { type: 'pod', name: names.pod ?? '' } }
}

function podFields(names: Readonly<Record<string, string>>): JsonObject {
  const restarts = Number(names.restart)
  return {
    namespace: names.namespace ?? '',
    pod: { name: names.pod ?? '', uid: names.uid ?? '' },
    container: {
      name: names.container ?? '',
      ...(Number.isSafeInteger(restarts) ? { restart_count: restarts } : {}),
    },
  }
}

function pathOf(batch: RawBatch): string {
  const { kind, names } = batch.provenance
  if (names.path !== undefined) return names.path
  if (kind !== 'pods') return batch.source.file
  return `/var/log/pods/${names.namespace}_${names.pod}_${names.uid}/${names.container}/${names.restart}.log`
}

/** A time that no `Date` holds is written as the epoch: it comes from a sender whose envelope lies. */
function isoOf(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) < 8.64e15
    ? new Date(ms).toISOString()
    : new Date(0).toISOString()
}
