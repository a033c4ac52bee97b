import { createHash } from 'node:crypto'
import { namesOf } from '../context.ts'
import { FIELD_FILES, type FieldFile, type MappingTypes, loadFields, propertiesOf } from './fields.ts'

/** What a cluster has of the optional parts. */
export interface Flavour {
  readonly name: 'full' | 'core'
  readonly types: MappingTypes
  /** Index lifecycle management: rolls over and moves to warm nodes. It never deletes: decklog does. */
  readonly lifecycle: boolean
  /** Knows the index mode for logs, which is used only by choice. */
  readonly logsdb: boolean
  /** Can put refused documents aside by itself, which decklog forbids: the indexer must hear of them. */
  readonly failureStore: boolean
}

/** Where one pipeline writes: `logs-<dataset>-<cluster>.<class>`. */
export interface StreamKind {
  readonly dataset: string
  readonly class: string
}

/** When a class's write index is ended, and when it may move to cheaper nodes. */
export interface RolloverRule {
  readonly maxAgeMs: number
  readonly maxBytes: number
  readonly warmAfterMs: number | undefined
}

export interface TemplateOptions {
  readonly flavour: Flavour
  readonly kinds: readonly StreamKind[]
  /** Of a class; a default for those that are not named. */
  readonly rollover: (className: string) => RolloverRule
  /** Primary shards of one backing index. @default 1 */
  readonly shards?: (className: string) => number
  /** @default 1 */
  readonly replicas?: number
  /** @default 1000 */
  readonly refreshMs?: number
  /** `best_compression` (zstd) takes 29 % less disk at the same CPU. @default 'best_compression' */
  readonly codec?: 'default' | 'best_compression'
  /** The index mode logsdb, where the flavour has it. @default false */
  readonly logsdb?: boolean
  /** As of the store: for tests, which share a cluster. @default '' */
  readonly prefix?: string
}

export type Body = Readonly<Record<string, unknown>>

export interface Definition {
  readonly kind: 'policy' | 'component' | 'index'
  readonly name: string
  /** Without `_meta`, which `stamped` adds. */
  readonly body: Body
  /** As of the store, when it has one: its data streams bear it, and are left alone by those with another. */
  readonly prefix?: string
}

/**
 * Counts up with every change that an installed decklog must take over. 1: first. 2: fields of many formats.
 * A cluster that has a higher one is left alone: it belongs to a newer decklog.
 */
export const SCHEMA_VERSION = 2
export const OWNER = 'decklog'
/** Over the stock `logs-*-*` (100) and over integrations (200). A prefix is more special than none, and must win. */
const PRIORITY = 500
const PRIORITY_WITH_PREFIX = 600

/** Everything that decklog installs, in the order in which it must be installed. */
export function templatesOf(options: TemplateOptions): Definition[] {
  const classes = [...new Set(options.kinds.map((kind) => kind.class))]
  const definitions = [
    ...(options.flavour.lifecycle ? classes.map((name) => policyOf(name, options)) : []),
    // The limit of fields first: with the default one the fields would be refused.
    settingsOf(options),
    ...FIELD_FILES.map((file) => fieldsOf(file, options)),
    ...options.kinds.map((kind) => streamTemplate(kind, options)),
  ]
  const { prefix } = options
  return prefix === undefined || prefix === '' ? definitions : definitions.map((one) => ({ ...one, prefix }))
}

/** The body as it is sent: with who made it, in which version, and a hash that shows a change by another hand. */
export function stamped({ kind, body, prefix }: Definition): Body {
  const meta = {
    by: OWNER,
    version: SCHEMA_VERSION,
    hash: hashOf(body),
    ...(prefix === undefined ? {} : { prefix }),
  }
  if (kind === 'policy') return { policy: { ...(body['policy'] as Body), _meta: meta } }
  return { ...body, version: SCHEMA_VERSION, _meta: meta }
}

/** Of a body without `_meta`: the same for the same content, in whatever order it is written. */
export function hashOf(body: unknown): string {
  return createHash('sha256').update(canonical(body)).digest('hex').slice(0, 16)
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`).join(',')}}`
}

/** What a class is called in a namespace: `-` separates the parts of a data stream's name. */
export function namespaceClass(className: string): string {
  return className.replaceAll('-', '_')
}

/** Data streams of one kind, of all clusters. */
export function patternOf({ dataset, class: className }: StreamKind, prefix = ''): string {
  return `logs-${dataset}-${prefix}*.${namespaceClass(className)}`
}

function fieldsOf(file: FieldFile, { flavour, prefix }: TemplateOptions): Definition {
  return {
    kind: 'component',
    name: namesOf(prefix).installed(file),
    body: {
      template: { mappings: { dynamic: false, ...propertiesOf(loadFields(file), flavour.types) } },
    },
  }
}

function settingsOf(options: TemplateOptions): Definition {
  const { flavour, replicas = 1, refreshMs = 1000, codec = 'best_compression', prefix } = options
  const logsdb = options.logsdb === true && flavour.logsdb
  return {
    kind: 'component',
    name: namesOf(prefix).installed('settings'),
    body: {
      template: {
        settings: flat({
          refresh_interval: `${refreshMs}ms`,
          number_of_replicas: replicas,
          codec,
          // What a write acknowledges is on the disks: a promise of the store.
          'translog.durability': 'request',
          'mapping.total_fields.limit': 2000,
          // A value of the wrong type is refused, so that somebody hears of it, and not hidden from searches.
          'mapping.ignore_malformed': false,
          'query.default_field': ['message'],
          // The document's bytes come back as they were written: evidence.
          ...(logsdb ? { mode: 'logsdb', 'mapping.source.mode': 'stored' } : {}),
        }),
      },
    },
  }
}

function streamTemplate(kind: StreamKind, options: TemplateOptions): Definition {
  const { flavour, prefix, shards = () => 1 } = options
  const names = namesOf(prefix)
  const { dataset, class: className } = kind
  return {
    kind: 'index',
    name: names.installed(`${dataset}-${className}`),
    body: {
      index_patterns: [patternOf(kind, prefix)],
      data_stream: {},
      priority: priorityOf(prefix),
      composed_of: [...FIELD_FILES, 'settings', 'custom'].map((part) => names.installed(part)),
      // For what an operator wants to add: it is theirs, and setup never touches it.
      ignore_missing_component_templates: [names.installed('custom')],
      template: {
        settings: flat({
          number_of_shards: shards(className),
          ...(flavour.lifecycle ? { 'lifecycle.name': names.installed(className) } : {}),
        }),
        ...(flavour.types === 'full' ? { mappings: constantsOf(kind) } : {}),
        ...(flavour.failureStore ? { data_stream_options: { failure_store: { enabled: false } } } : {}),
      },
    },
  }
}

function priorityOf(prefix: string | undefined): number {
  return prefix === undefined || prefix === '' ? PRIORITY : PRIORITY_WITH_PREFIX
}

/** What is the same in all documents of a kind takes no space where the type for it exists. */
function constantsOf({ dataset, class: className }: StreamKind): Body {
  const constant = (value: string): Body => ({ type: 'constant_keyword', value })
  const module = dataset.split('.', 1)[0]!
  return {
    properties: {
      data_stream: { properties: { type: constant('logs'), dataset: constant(dataset) } },
      event: { properties: { dataset: constant(dataset), module: constant(module) } },
      decklog: { properties: { class: constant(className) } },
    },
  }
}

function policyOf(className: string, { rollover, prefix }: TemplateOptions): Definition {
  const { maxAgeMs, maxBytes, warmAfterMs } = rollover(className)
  return {
    kind: 'policy',
    name: namesOf(prefix).installed(className),
    body: {
      policy: {
        phases: {
          hot: {
            min_age: '0ms',
            actions: {
              rollover: { max_age: duration(maxAgeMs), max_primary_shard_size: `${maxBytes}b` },
              set_priority: { priority: 100 },
            },
          },
          ...(warmAfterMs === undefined
            ? {}
            : {
                warm: {
                  min_age: duration(warmAfterMs),
                  actions: { forcemerge: { max_num_segments: 1 }, set_priority: { priority: 50 } },
                },
              }),
        },
      },
    },
  }
}

/** As Elasticsearch writes it back, so that a diff finds only changes. */
function duration(ms: number): string {
  for (const [unit, length] of [
    ['d', 864e5],
    ['h', 36e5],
    ['m', 6e4],
    ['s', 1e3],
  ] as const) {
    if (ms >= length && ms % length === 0) return `${ms / length}${unit}`
  }
  return `${ms}ms`
}

/** `index.` before each name, and texts for values: the form in which Elasticsearch answers. */
function flat(settings: Readonly<Record<string, string | number | boolean | readonly string[]>>): Body {
  const written: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(settings)) {
    written[`index.${name}`] = Array.isArray(value) ? value : String(value)
  }
  return written
}
