import type { ApiObject } from './resource-watch.ts'

interface ContainerStatus {
  readonly name?: string
  readonly image?: string
  readonly imageID?: string
  readonly containerID?: string
}

/** A pod, as far as it is read. */
export interface PodObject extends ApiObject {
  readonly spec?: {
    readonly nodeName?: string
    readonly hostNetwork?: boolean
    readonly serviceAccountName?: string
    readonly containers?: readonly { readonly name: string; readonly image?: string }[]
    readonly initContainers?: readonly { readonly name: string; readonly image?: string }[]
    readonly ephemeralContainers?: readonly { readonly name: string; readonly image?: string }[]
  }
  readonly status?: {
    readonly phase?: string
    readonly startTime?: string
    readonly podIP?: string
    readonly podIPs?: readonly { readonly ip?: string }[]
    readonly containerStatuses?: readonly ContainerStatus[]
    readonly initContainerStatuses?: readonly ContainerStatus[]
    readonly ephemeralContainerStatuses?: readonly ContainerStatus[]
  }
}

interface Metadata {
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly {
    readonly kind: string
    readonly name: string
    readonly controller?: boolean
  }[]
}

/**
 * `Kind/name` from the nearest owner up. Of a ReplicaSet's Deployment and a Job's CronJob only the name tells: the API has them in the
 * owner's own object, which is not watched.
 */
export function ownersOf(pod: PodObject): string[] {
  const { ownerReferences = [], labels = {} } = pod.metadata as Metadata
  const owner = ownerReferences.find(({ controller }) => controller === true) ?? ownerReferences[0]
  if (owner === undefined) return []
  const owners = [`${owner.kind}/${owner.name}`]
  const hash = labels['pod-template-hash']
  if (owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`))
    owners.push(`Deployment/${owner.name.slice(0, -hash.length - 1)}`)
  const scheduled = owner.kind === 'Job' ? /^(.+)-\d{8,10}$/.exec(owner.name)?.[1] : undefined
  if (scheduled !== undefined) owners.push(`CronJob/${scheduled}`)
  return owners
}

export interface PodNameOptions {
  /** Keys of labels that go into provenance; `*` for all. */
  readonly labels: readonly string[]
  readonly annotations: readonly string[]
}

const VALUE_MAX = 512

/** Names of provenance for the log of one container. */
export function namesOfContainer(
  pod: PodObject,
  container: string,
  { labels, annotations }: PodNameOptions,
): Record<string, string> {
  const { spec = {}, status = {} } = pod
  const all = [
    ...(spec.containers ?? []),
    ...(spec.initContainers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ]
  const statuses = [
    ...(status.containerStatuses ?? []),
    ...(status.initContainerStatuses ?? []),
    ...(status.ephemeralContainerStatuses ?? []),
  ]
  const image = all.find(({ name }) => name === container)?.image
  const state = statuses.find(({ name }) => name === container)
  const digest = /sha256:[0-9a-f]{64}/.exec(state?.imageID ?? '')?.[0]
  const owners = ownersOf(pod)
  const [kind, workload] = owners.at(-1)?.split('/', 2) ?? []
  const metadata = pod.metadata as Metadata
  return {
    ...(image === undefined ? {} : { image }),
    ...(digest === undefined ? {} : { imageDigest: digest }),
    ...(owners.length === 0 ? {} : { owners: owners.join(',') }),
    ...(kind === undefined || workload === undefined ? {} : { workloadKind: kind, workload }),
    ...(spec.serviceAccountName === undefined ? {} : { serviceAccount: spec.serviceAccountName }),
    ...(status.podIP === undefined ? {} : { podIp: status.podIP }),
    ...chosen('label', metadata.labels, labels),
    ...chosen('annotation', metadata.annotations, annotations),
  }
}

function chosen(
  prefix: string,
  values: Readonly<Record<string, string>> = {},
  keys: readonly string[],
): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries(values)) {
    if (keys.includes('*') || keys.includes(name)) found[`${prefix}.${name}`] = value.slice(0, VALUE_MAX)
  }
  return found
}
