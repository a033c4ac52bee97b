import { hostname } from 'node:os'
import { z } from 'zod'
import { DecklogError } from '../core/errors.ts'
import { durationSchema } from './pipelines.ts'
import { busSchema } from './bus.ts'
import { environment } from './environment.ts'
import { enrichmentSchema } from './enrichment.ts'
import { fillSecrets } from './secrets.ts'
import { className, listen } from './sources/common.ts'
import { type ReceiverConfig, receiverSchemas } from './sources/registry.ts'
import { setupSchema } from './setup.ts'
import { storeSchema } from './store.ts'
import { type YamlFile, lineOf, parseYaml, parseYamlFile, validate } from './yaml.ts'

/** decklog.yaml. Everything has a default, and the defaults stand here and in the schemas beside this file. */
const podsSource = z.strictObject({
  kind: z.literal('pods'),
  class: className.default('pod'),
  /** Folder with `<namespace>_<pod>_<uid>/<container>/<restart>.log`. */
  path: z.string().default('/var/log/pods'),
  /** Default: what each container's runtime writes, which the layout of its files says. */
  format: z.enum(['cri', 'docker-json']).optional(),
  /** Where docker keeps its containers: logs of pods may lead there. Default: /var/lib/docker/containers */
  dockerPath: z.string().optional(),
})

const fileSource = z.strictObject({
  kind: z.literal('file'),
  class: className,
  format: z.string().min(1),
  /** Files; `*` stands for a part of a name. */
  paths: z.array(z.string().min(1)).min(1),
})

const KINDS = ['pods', 'file', ...receiverSchemas.map((schema) => schema.shape.kind.value)]
const sourceSchema = z.discriminatedUnion('kind', [podsSource, fileSource, ...receiverSchemas], {
  error: (issue) => (issue.code === 'invalid_union' ? `kind must be one of ${KINDS.join(', ')}` : undefined),
})

export type SourceConfig = z.output<typeof sourceSchema>
/** Sources that are files already. */
export type FilesConfig = Exclude<SourceConfig, ReceiverConfig>

export function isReceiver(source: SourceConfig): source is ReceiverConfig {
  return source.kind !== 'pods' && source.kind !== 'file'
}

const configSchema = z.strictObject({
  /** Also the tenant. */
  cluster: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, 'letters, digits, - _ . and at most 63 characters')
    .default('local'),
  node: z
    .string()
    .min(1)
    .max(253)
    .default(() => hostname()),
  dataDir: z.string().min(1).default('./decklog-data'),
  http: z
    .strictObject({ listen: listen.prefault('127.0.0.1:7700'), names: z.array(z.string()).default([]) })
    .prefault({}),
  /** Undefined: those that this machine has. */
  sources: z.array(sourceSchema).min(1).optional(),
  /** Undefined: the pipelines that come with decklog. */
  pipelines: z.string().optional(),
  bus: z.preprocess((given) => withKind(given, 'memory'), busSchema),
  store: z.preprocess((given) => withKind(given, 'duckdb'), storeSchema),
  /**
   * How roles of one process that share a topic hand over: `memory` saves the way through the broker; a raw batch is then settled
   * only when the store has its events.
   */
  handOver: z.enum(['bus', 'memory']).default('bus'),
  /** What is under way when decklog is asked to end has so long to be finished. */
  drainTimeout: durationSchema.prefault('10s'),
  setup: setupSchema.prefault({}),
  archive: z
    .strictObject({
      kind: z.enum(['local', 'none']).default('local'),
      /** A segment is sealed at this age, or at 256 MiB. */
      sealAfter: durationSchema.prefault('5m'),
    })
    .prefault({}),
  /** Worker threads for parsing; undefined: the machine's cores less one. */
  workers: z.number().int().min(1).max(64).optional(),
  enrichment: enrichmentSchema.prefault({}),
  /** What the API server knows of this node's pods goes into the provenance of their logs. */
  podMetadata: z
    .strictObject({
      /** `auto`: in a cluster, which the variable KUBERNETES_SERVICE_HOST tells. */
      watch: z
        .enum(['auto', 'always', 'never'])
        .default('auto')
        .transform(
          (when) =>
            when === 'always' || (when === 'auto' && environment('KUBERNETES_SERVICE_HOST') !== undefined),
        ),
      kubeconfig: z.string().min(1).optional(),
      context: z.string().min(1).optional(),
      /** Keys; `*` for all. What is not named stays in the cluster. */
      labels: z
        .array(z.string().min(1))
        .default([
          'app',
          'app.kubernetes.io/name',
          'app.kubernetes.io/component',
          'app.kubernetes.io/part-of',
        ]),
      annotations: z.array(z.string().min(1)).default([]),
      /** How long the first list is waited for; streams that begin before go without. */
      wait: durationSchema.prefault('5s'),
    })
    .prefault({}),
  redaction: z
    .strictObject({
      /**
       * Key of the hash that stands for a secret. Undefined: one that is made at first start, in the data directory. Processes that
       * share documents need the same one.
       */
      key: z.string().min(16, 'a key has at least 16 characters').optional(),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info') })
    .prefault({}),
})

export type Config = z.output<typeof configSchema> & {
  /** Where it came from: a file, or undefined for the defaults. */
  readonly path: string | undefined
  /** `file:line` of a key, for messages, e.g. of `['sources', 0, 'path']`. */
  readonly at: (key: readonly (string | number)[]) => string
}

/** What a command line said: it wins. */
export interface Overrides {
  readonly dataDir?: string | undefined
  /** `host:port` */
  readonly listen?: string | undefined
}

/**
 * A configuration file, or the defaults.
 * @throws {DecklogError} `config-invalid`, a sentence a problem, with file and line; `usage` for a wrong override
 */
export function loadConfig(path: string | undefined, { dataDir, listen: address }: Overrides = {}): Config {
  const config = readConfig(path === undefined ? parseYaml('(defaults)', '{}') : parseYamlFile(path), path)
  const given = address === undefined ? undefined : listen.safeParse(address)
  if (given?.success === false) throw new DecklogError('usage', `--listen: ${given.error.issues[0]!.message}`)
  return {
    ...config,
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(given === undefined ? {} : { http: { ...config.http, listen: given.data } }),
  }
}

function readConfig(file: YamlFile, path: string | undefined): Config {
  const filled: YamlFile = { ...file, value: fillSecrets(file) }
  const at = (key: readonly (string | number)[]): string =>
    path === undefined ? 'defaults' : `${path}:${lineOf(file, key)}`
  return { ...validate(configSchema, filled), path, at }
}

/** `{}` and nothing at all mean the default kind. */
function withKind(given: unknown, kind: string): unknown {
  if (given === undefined) return { kind }
  return typeof given === 'object' && given !== null && !('kind' in given) ? { kind, ...given } : given
}
