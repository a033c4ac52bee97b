import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { SourceConfig } from '../config/config.ts'
import { isLoopback } from '../config/sources/common.ts'
import { nameOf, type ReceiverConfig } from '../config/sources/registry.ts'
import { type SyslogConfig, syslogPlaceOf } from '../config/sources/syslog.ts'
import type { Telemetry } from '../core/telemetry.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Receiver, StartReceiver } from '../ports/receiver.ts'
import { RESOURCES } from '../sources/kubernetes/resources.ts'
import { type DiskSpool, openSpool } from '../sources/spool/disk-spool.ts'

type Names = Readonly<Record<string, string>>

interface Place {
  readonly class: string
  readonly format: string
}

/** All that the process must know of a kind of receiver. */
interface ReceiverKind<Config> {
  /** Loaded when there is one: most processes have none. */
  readonly start: () => Promise<StartReceiver<Config>>
  /** What is asked for or listened to, for a person. */
  readonly what: (config: Config) => string
  /** Where it listens, for those that have one TCP address: `check` tries it. */
  readonly listens?: (config: Config) => { readonly host: string; readonly port: number }
  /** What a person should know of this configuration, in a sentence; undefined when all is well. */
  readonly warning?: (config: Config) => string | undefined
  /** Where the names of a stream decide on it. @default the source's class and format */
  readonly placeOf?: (config: Config, names: Names) => Place
  /** All classes that its streams may have. @default the source's */
  readonly classes?: (config: Config) => readonly string[]
}

type Kinds = {
  readonly [Kind in ReceiverConfig['kind']]: ReceiverKind<Extract<ReceiverConfig, { readonly kind: Kind }>>
}

/** Every kind of source that writes to a spool. A new one: a line here, its schema in `config/sources/registry.ts`. */
const KINDS: Kinds = {
  'audit-webhook': {
    start: async () => (await import('../sources/audit-webhook/audit-webhook.ts')).startAuditWebhook,
    what: ({ listen }) => `audit webhook on ${listen.host}:${listen.port}`,
    listens: ({ listen }) => listen,
  },
  http: {
    start: async () => (await import('../sources/http/http.ts')).startHttp,
    what: ({ listen }) => `pushes over HTTP on ${listen.host}:${listen.port}`,
    listens: ({ listen }) => listen,
    warning: ({ listen, tls }) =>
      tls !== undefined || isLoopback(listen.host)
        ? undefined
        : 'tokens and records come over the network unencrypted; give it tls, or listen on 127.0.0.1 behind something that has it',
    placeOf: (config, names) => ({ ...placeIn(config), ...defined(config.paths[names['endpoint'] ?? '']) }),
    classes: (config) => [config.class, ...Object.values(config.paths).flatMap((path) => path.class ?? [])],
  },
  syslog: {
    start: async () => (await import('../sources/syslog/syslog.ts')).startSyslog,
    what: whatSyslogHears,
    placeOf: (config, names) => ({ ...placeIn(config), ...defined(syslogPlaceOf(config, names['sender'])) }),
    classes: (config) => [config.class, ...Object.values(config.senders).flatMap((one) => one.class ?? [])],
  },
  kubernetes: {
    start: async () => (await import('../sources/kubernetes/kubernetes.ts')).startKubernetes,
    what: ({ resources }) => `${(resources ?? Object.keys(RESOURCES)).join(', ')} of the API server`,
    placeOf: (config, names) => ({ ...placeIn(config), ...defined(RESOURCES[names['resource'] ?? '']) }),
  },
  'kube-bench': {
    start: async () => (await import('../sources/kube-bench/kube-bench.ts')).startKubeBench,
    what: ({ directory, command }) =>
      [
        ...(directory === undefined ? [] : [`reports in ${directory}`]),
        ...(command === undefined ? [] : [command.join(' ')]),
      ].join(', '),
  },
  journald: {
    start: async () => (await import('../sources/journald/journald.ts')).startJournald,
    what: ({ directory }) => `systemd's journal${directory === undefined ? '' : ` in ${directory}`}`,
    placeOf: (config, names) => ({ ...placeIn(config), ...defined(config.units[names['unit'] ?? '']) }),
    classes: (config) => [config.class, ...Object.values(config.units).map((unit) => unit.class)],
  },
}

/** A source with its spool, before it is started. */
export interface SpooledReceiver {
  readonly config: ReceiverConfig
  readonly spool: DiskSpool
}

export interface RunningReceiver extends Receiver {
  readonly name: string
}

interface Needs {
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly log: Log
}

/** Takes up what earlier runs left. @throws {DecklogError} `disk-full`, `disk-failed` */
export function openSpools(
  sources: readonly ReceiverConfig[],
  { directory, ...needs }: Needs & { readonly directory: string },
): SpooledReceiver[] {
  return sources.map((config) => {
    const source = nameOf(config)
    const kind = kindOf(config)
    const placeOf = (names: Names): Place => kind.placeOf?.(config, names) ?? placeIn(config)
    const spool = openSpool({
      ...config.spool,
      ...needs,
      directory: join(directory, source),
      kind: config.kind,
      source,
      placeOf,
    })
    return { config, spool }
  })
}

/** @throws {DecklogError} `config-invalid`, `unreachable`: it cannot start */
export async function startReceiver(
  { config, spool }: SpooledReceiver,
  needs: Needs,
): Promise<RunningReceiver> {
  const start = await kindOf(config).start()
  const receiver = await start({ config, spool, ...needs })
  const { address } = receiver
  return {
    name: nameOf(config),
    ...(address === undefined ? {} : { address }),
    problems: () => [...receiver.problems(), ...spool.problems()],
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
  }
}

/** For a person: what a source reads, or where it is sent to. */
export function whatIsRead(source: SourceConfig): string {
  if (source.kind === 'pods') return source.path
  return source.kind === 'file' ? source.paths.join(', ') : kindOf(source).what(source)
}

export function classesOf(source: ReceiverConfig): readonly string[] {
  return [...new Set(kindOf(source).classes?.(source) ?? [source.class])]
}

export function warningOf(source: ReceiverConfig): string | undefined {
  return kindOf(source).warning?.(source)
}

/** Spools of sources that the configuration does not have any more, with what was not shipped. */
export function spoolsLeftBehind(directory: string, sources: readonly SourceConfig[]): string[] {
  const names = new Set<string>(sources.flatMap((source) => ('spool' in source ? nameOf(source) : [])))
  return foldersIn(directory)
    .filter((name) => !names.has(name))
    .map((name) => join(directory, name))
    .filter((path) => foldersIn(path).length > 0)
}

export function listensAt(
  source: ReceiverConfig,
): { readonly host: string; readonly port: number } | undefined {
  return kindOf(source).listens?.(source)
}

/** What may be shown of a source to whoever asks: no token, no key. */
export function publicSource(source: SourceConfig): object {
  if (source.kind === 'pods' || source.kind === 'file') return source
  return { kind: source.kind, name: nameOf(source), class: source.class, what: whatIsRead(source) }
}

function foldersIn(directory: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
}

/** The entry of a source's own kind: the one place where kinds and their configuration meet. */
function kindOf(source: ReceiverConfig): ReceiverKind<ReceiverConfig> {
  return KINDS[source.kind] as unknown as ReceiverKind<ReceiverConfig>
}

function placeIn({ class: className, format }: Place): Place {
  return { class: className, format }
}

/** The parts of a place that a path or a unit has of its own. */
function defined(
  part: { readonly class?: string | undefined; readonly format?: string | undefined } = {},
): Partial<Place> {
  return {
    ...(part.class === undefined ? {} : { class: part.class }),
    ...(part.format === undefined ? {} : { format: part.format }),
  }
}

function whatSyslogHears({ udp, tcp, tls, unix }: SyslogConfig): string {
  const ways = { udp, tcp, tls: tls?.listen }
  const listening = Object.entries(ways).flatMap(([way, all]) =>
    (all ?? []).map(({ host, port }) => `${way} ${host}:${port}`),
  )
  return `syslog on ${[...listening, ...(unix === undefined ? [] : [unix.path])].join(', ')}`
}
