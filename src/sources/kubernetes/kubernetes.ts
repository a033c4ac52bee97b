import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { DecklogError } from '../../core/errors.ts'
import type { Receiver, ReceiverOptions } from '../../ports/receiver.ts'
import { type ApiClient, connectApi } from './client.ts'
import { whileLeading } from './lease.ts'
import { NodesFile } from './nodes-file.ts'
import { PodHistoryFile } from './pod-history-file.ts'
import { type ApiObject, type Change, compareVersions, watchResource } from './resource-watch.ts'
import { RESOURCES } from './resources.ts'

/** As `config/sources/kubernetes.ts` gives it. Times in milliseconds. */
export interface KubernetesConfig {
  /** Undefined: all that the cluster has. */
  readonly resources?: readonly string[] | undefined
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
  readonly lease?:
    | { readonly namespace: string; readonly name: string; readonly duration: number }
    | undefined
  readonly nodesFile?: string | undefined
  readonly podHistory?: string | undefined
  readonly watchTimeout: number
  readonly retryAfter: number
}

const FULL_WAIT_MS = 500

/**
 * Lists and watches; each object is a record, `{"type":"ADDED","object":{…}}`, in the stream of its resource. Where it goes on after a
 * restart is what the spool holds last: records are appended in the order of their versions, so all up to that one are safe.
 */
export async function startKubernetes(options: ReceiverOptions<KubernetesConfig>): Promise<Receiver> {
  const { config, clock } = options
  const client = await connectApi(config)
  const stop = new AbortController()
  const problems = new Map<string, string>()
  const say = (what: string) => (problem: string | undefined) => {
    if (problem === undefined) problems.delete(what)
    else problems.set(what, problem)
  }
  const work = async (signal: AbortSignal): Promise<void> => {
    const watches = (config.resources ?? Object.keys(RESOURCES)).map((name) =>
      watchOne({ ...options, name, client, signal, onProblem: say(name) }),
    )
    await Promise.all([...watches, ...sideWatches({ ...options, client, signal, say })])
  }
  const { lease } = config
  const running =
    lease === undefined
      ? work(stop.signal)
      : whileLeading(
          {
            client,
            ...lease,
            durationMs: lease.duration,
            identity: `${hostname()}_${randomUUID()}`,
            clock,
            signal: stop.signal,
            onProblem: say('lease'),
          },
          work,
        )
  return {
    problems: () => [...problems.values()],
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await running
    },
  }
}

interface OneWatch extends ReceiverOptions<KubernetesConfig> {
  readonly name: string
  readonly client: ApiClient
  readonly signal: AbortSignal
  readonly onProblem: (problem: string | undefined) => void
}

async function watchOne(options: OneWatch): Promise<void> {
  const { name, client, signal, spool, clock, config, telemetry } = options
  const { paths, deletions } = RESOURCES[name]!
  const names = { resource: name }
  const labels = { kind: 'kubernetes' }
  let high = versionOf(spool.lastRecord(names))
  const append = async (changes: readonly Change[]): Promise<void> => {
    const isNew = (version: string): boolean => high === undefined || compareVersions(version, high) > 0
    const fresh = changes.filter(
      ({ type, object }) => isNew(object.metadata.resourceVersion) && (type !== 'DELETED' || deletions),
    )
    if (fresh.length === 0) return
    const records = fresh.map((change) =>
      Buffer.from(JSON.stringify({ type: change.type, object: change.object })),
    )
    await appendWhenRoom(options, names, records)
    high = fresh.at(-1)!.object.metadata.resourceVersion
    const bytes = records.reduce((sum, one) => sum + one.length, 0)
    telemetry.add('decklog_source_records_total', records.length, labels)
    telemetry.add('decklog_source_bytes_total', bytes, labels)
  }
  await watchResource({
    client,
    paths,
    what: name,
    mayBeMissing: config.resources === undefined,
    from: high,
    clock,
    signal,
    watchTimeoutMs: config.watchTimeout,
    retryMs: config.retryAfter,
    onProblem: options.onProblem,
    onList: async (objects, { first, version }) => {
      // A cluster that was restored or made anew counts from below: what is there is new.
      if (first && high !== undefined && version !== '' && compareVersions(version, high) < 0)
        high = undefined
      await append(objects.map((object): Change => ({ type: 'ADDED', object })))
    },
    onChanges: append,
  })
}

/** A spool without room: the watch is not read on, and the API server feels it. */
async function appendWhenRoom(
  { spool, clock, signal, onProblem, name }: OneWatch,
  names: Readonly<Record<string, string>>,
  records: readonly Uint8Array[],
): Promise<void> {
  while (true) {
    try {
      await spool.append(names, records, { signal })
      return
    } catch (error) {
      if (!(error instanceof DecklogError) || !error.retryable) throw error
      onProblem(`${name}: ${error.message}; the watch waits`)
      await clock.sleep(FULL_WAIT_MS, signal)
    }
  }
}

function versionOf(record: Uint8Array | undefined): string | undefined {
  if (record === undefined) return undefined
  try {
    const { object } = JSON.parse(Buffer.from(record).toString('utf8')) as { object?: ApiObject }
    return object?.metadata.resourceVersion
  } catch {
    return undefined
  }
}

/** What enrichment looks up, written beside: it needs no spool. */
function sideWatches({
  config,
  clock,
  client,
  signal,
  say,
}: ReceiverOptions<KubernetesConfig> & {
  readonly client: ApiClient
  readonly signal: AbortSignal
  readonly say: (what: string) => (problem: string | undefined) => void
}): Promise<void>[] {
  const common = {
    client,
    clock,
    signal,
    watchTimeoutMs: config.watchTimeout,
    retryMs: config.retryAfter,
  }
  const watches: Promise<void>[] = []
  if (config.nodesFile !== undefined) {
    const file = new NodesFile(config.nodesFile)
    const onProblem = say('nodes file')
    watches.push(
      watchResource({ ...common, paths: ['/api/v1/nodes'], what: 'nodes', onProblem, ...file.handlers }),
    )
  }
  if (config.podHistory !== undefined) {
    const file = new PodHistoryFile(config.podHistory, clock)
    const onProblem = say('pod history')
    watches.push(
      watchResource({ ...common, paths: ['/api/v1/pods'], what: 'pods', onProblem, ...file.handlers }),
    )
  }
  return watches
}
