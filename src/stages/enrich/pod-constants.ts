import type { JsonObject } from '../../core/document.ts'

type Names = Readonly<Record<string, string>>

/**
 * What the shipper's watch of its node's pods put into a stream's names (`sources/kubernetes-pods`): image, workload, service account,
 * and the labels and annotations that its configuration lets through. By section of the document.
 */
export function podConstants(names: Names): Record<string, JsonObject> {
  const sections: Record<string, JsonObject> = {}
  const image = imageOf(names)
  if (names.containerId !== undefined || image !== undefined) {
    sections.container = {
      ...(names.containerId === undefined ? {} : { id: names.containerId }),
      ...(names.runtime === undefined ? {} : { runtime: names.runtime }),
      ...(image === undefined ? {} : { image }),
    }
  }
  const kubernetes = kubernetesOf(names)
  if (Object.keys(kubernetes).length > 0) sections.kubernetes = kubernetes
  const resource = resourceOf(names)
  if (Object.keys(resource).length > 0) sections.orchestrator = { resource }
  if (names.owners !== undefined) sections.decklog = { owners: names.owners.split(',') }
  return sections
}

function imageOf({ image, imageDigest }: Names): JsonObject | undefined {
  if (image === undefined) return undefined
  const tag = /:([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$/.exec(image.split('@', 1)[0]!)?.[1]
  return {
    name: image,
    ...(tag === undefined ? {} : { tag: [tag] }),
    ...(imageDigest === undefined ? {} : { hash: { all: [imageDigest] } }),
  }
}

const WORKLOADS: Readonly<Record<string, string>> = {
  Deployment: 'deployment',
  ReplicaSet: 'replicaset',
  StatefulSet: 'statefulset',
  DaemonSet: 'daemonset',
  Job: 'job',
  CronJob: 'cronjob',
}

function kubernetesOf(names: Names): JsonObject {
  const labels = prefixed(names, 'label.')
  const annotations = prefixed(names, 'annotation.')
  const owners: JsonObject = {}
  for (const owner of names.owners?.split(',') ?? []) {
    const [kind = '', name = ''] = owner.split('/', 2)
    const field = WORKLOADS[kind]
    if (field !== undefined) owners[field] = { name }
  }
  return {
    ...owners,
    ...(names.podIp === undefined ? {} : { pod: { ip: names.podIp } }),
    ...(names.serviceAccount === undefined ? {} : { service_account: { name: names.serviceAccount } }),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
  }
}

function resourceOf(names: Names): JsonObject {
  const labels = pairs(names, 'label.')
  return {
    ...(names.workloadKind === undefined ? {} : { parent: { type: names.workloadKind } }),
    ...(labels.length === 0 ? {} : { label: labels }),
  }
}

function prefixed(names: Names, prefix: string): JsonObject | undefined {
  const found: JsonObject = {}
  for (const name of keysOf(names, prefix)) found[name.slice(prefix.length)] = names[name]!
  return Object.keys(found).length === 0 ? undefined : found
}

function pairs(names: Names, prefix: string): string[] {
  return keysOf(names, prefix).map((name) => `${name.slice(prefix.length)}:${names[name]!}`)
}

function keysOf(names: Names, prefix: string): string[] {
  return Object.keys(names)
    .filter((name) => name.startsWith(prefix))
    .sort()
}
