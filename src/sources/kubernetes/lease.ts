import { isAbort } from '../../core/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import { type ApiClient, readJson } from './client.ts'

export interface LeaseOptions {
  readonly client: ApiClient
  readonly namespace: string
  readonly name: string
  readonly durationMs: number
  /** Unlike that of any other replica. */
  readonly identity: string
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly onProblem: (problem: string | undefined) => void
}

interface Lease {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly resourceVersion?: string }
  readonly spec: {
    readonly holderIdentity?: string
    readonly leaseDurationSeconds?: number
    readonly renewTime?: string
    readonly acquireTime?: string
    readonly leaseTransitions?: number
  }
}

/**
 * Runs `work` while this replica holds the lease; its signal fires when the lease is lost, which it is when it could not be renewed for
 * two thirds of its time: before another may take it. Clocks of machines are not compared: another's lease has run out when it
 * was seen unchanged for its whole time.
 */
export async function whileLeading(
  options: LeaseOptions,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { clock, signal, durationMs } = options
  const everyMs = durationMs / 3
  let seen = ''
  let seenNs = clock.monotonicNs()
  let renewedNs = 0n
  let leading: { stop: AbortController; done: Promise<void> } | undefined
  while (!signal.aborted) {
    try {
      const before = clock.monotonicNs()
      const lease = await readLease(options)
      const renewed = `${lease?.spec.holderIdentity} ${lease?.spec.renewTime}`
      if (renewed !== seen) {
        seen = renewed
        seenNs = before
      }
      const isOurs = lease?.spec.holderIdentity === options.identity
      const isFree = lease === undefined || !lease.spec.holderIdentity || msSince(seenNs, clock) >= durationMs
      if ((isOurs || isFree) && (await takeLease(options, lease))) {
        renewedNs = before
        if (leading === undefined) {
          const stop = new AbortController()
          leading = { stop, done: work(AbortSignal.any([stop.signal, signal])) }
        }
      } else if (leading !== undefined) leading = await end(leading)
      options.onProblem(undefined)
    } catch (error) {
      if (signal.aborted || isAbort(error)) break
      options.onProblem(
        `the lease ${options.namespace}/${options.name}: ${error instanceof Error ? error.message : 'unknown'}`,
      )
    }
    if (leading !== undefined && msSince(renewedNs, clock) >= (durationMs * 2) / 3)
      leading = await end(leading)
    await clock.sleep(everyMs, signal).catch(() => undefined)
  }
  if (leading !== undefined) await end(leading)
}

async function end(leading: { stop: AbortController; done: Promise<void> }): Promise<undefined> {
  leading.stop.abort()
  await leading.done
  return undefined
}

function msSince(ns: bigint, clock: Clock): number {
  return Number((clock.monotonicNs() - ns) / 1_000_000n)
}

function pathOf({ namespace, name }: LeaseOptions): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases/${encodeURIComponent(name)}`
}

async function readLease(options: LeaseOptions): Promise<Lease | undefined> {
  const response = await options.client.get(pathOf(options), {
    signal: options.signal,
    idleMs: options.durationMs / 2,
  })
  const body = await readJson(response)
  if (response.statusCode === 404) return undefined
  if (response.statusCode !== 200) throw new Error(`the API server answered ${response.statusCode}`)
  return body as Lease
}

/** False when another was faster. */
async function takeLease(options: LeaseOptions, known: Lease | undefined): Promise<boolean> {
  const { client, clock, identity, namespace, name, durationMs, signal } = options
  const now = new Date(clock.now()).toISOString().replace('Z', '000Z')
  const isOurs = known?.spec.holderIdentity === identity
  const lease: Lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: known?.metadata ?? { name, namespace },
    spec: {
      ...known?.spec,
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(1, Math.round(durationMs / 1000)),
      renewTime: now,
      ...(isOurs ? {} : { acquireTime: now, leaseTransitions: (known?.spec.leaseTransitions ?? -1) + 1 }),
    },
  }
  const path = pathOf(options)
  const ask = { signal, idleMs: durationMs / 2 }
  const { status } =
    known === undefined
      ? await client.send('POST', path.slice(0, path.lastIndexOf('/')), lease, ask)
      : await client.send('PUT', path, lease, ask)
  if (status === 409) return false
  if (status === 403) throw new Error('it may not be written (403): allow get, create and update of leases')
  if (status >= 300) throw new Error(`the API server answered ${status}`)
  return true
}
