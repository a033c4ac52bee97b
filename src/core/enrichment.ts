/**
 * What enrichment looks up, as it was at one moment. Plain data that is sent to worker threads; it never changes, and its id stands in
 * the documents: the same batch with the same snapshot gives the same bytes.
 */
export interface EnrichmentSnapshot {
  /** 12 hex digits of a hash over all that is in it. */
  readonly id: string
  readonly lists: readonly AddressList[]
  readonly identities: readonly Identity[]
  readonly geo: GeoFiles
  readonly nodes: Readonly<Record<string, NodeFacts>>
  readonly pods: readonly PodSpan[]
}

/** Addresses and networks under a name, or prefixes of image names. */
export interface AddressList {
  readonly name: string
  readonly networks: readonly string[]
  readonly images: readonly string[]
}

/** One person and the names that belong to them. */
export interface Identity {
  readonly person: string
  readonly fullName?: string
  readonly email?: string
  /** Of the operating system. */
  readonly os: readonly string[]
  /** Of the Kubernetes API. */
  readonly kubernetes: readonly string[]
}

/** MaxMind's files as they are; shared between threads where that is possible. */
export interface GeoFiles {
  readonly city?: Uint8Array
  readonly asn?: Uint8Array
}

export interface NodeFacts {
  readonly roles: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly string[]
  readonly unschedulable?: boolean
}

/** Who had an address, and when. Milliseconds since the epoch; `toMs` undefined: still. */
export interface PodSpan {
  readonly ip: string
  readonly fromMs: number
  readonly toMs?: number
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly node?: string
  /** `Deployment/web`. */
  readonly workload?: string
}

export const ENRICH_STEPS = [
  'node',
  'pod',
  'workload',
  'geo',
  'lists',
  'identity',
  'attack',
  'related',
] as const
export type EnrichStep = (typeof ENRICH_STEPS)[number]
