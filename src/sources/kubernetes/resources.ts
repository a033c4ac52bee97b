/** What can be watched: where it is served, newest first, and what reads it. */
export interface WatchedResource {
  readonly paths: readonly string[]
  readonly format: string
  readonly class: string | undefined
  /** Objects that go are worth a record; reports and events go by themselves. */
  readonly deletions: boolean
}

export const RESOURCES: Readonly<Record<string, WatchedResource>> = {
  events: { paths: ['/api/v1/events'], format: 'kubernetes-event', class: undefined, deletions: false },
  policyreports: {
    paths: ['/apis/wgpolicyk8s.io/v1alpha2/policyreports', '/apis/openreports.io/v1alpha1/reports'],
    format: 'policy-report',
    class: undefined,
    deletions: false,
  },
  clusterpolicyreports: {
    paths: [
      '/apis/wgpolicyk8s.io/v1alpha2/clusterpolicyreports',
      '/apis/openreports.io/v1alpha1/clusterreports',
    ],
    format: 'policy-report',
    class: undefined,
    deletions: false,
  },
  vulnerabilityreports: {
    paths: ['/apis/aquasecurity.github.io/v1alpha1/vulnerabilityreports'],
    format: 'trivy',
    class: undefined,
    deletions: false,
  },
  nodes: { paths: ['/api/v1/nodes'], format: 'json-app', class: undefined, deletions: true },
}
