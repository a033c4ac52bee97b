import { z } from 'zod'
import { durationSchema } from '../pipelines.ts'
import { className, formatName, receiverFields } from './common.ts'

const resource = z.enum(['events', 'policyreports', 'clusterpolicyreports', 'vulnerabilityreports', 'nodes'])

/** What the API server says of itself: objects that are listed and watched. */
export const kubernetesSource = z.strictObject({
  kind: z.literal('kubernetes'),
  ...receiverFields,
  class: className.default('control-plane'),
  format: formatName.default('kubernetes-event'),
  /** Default: all, and what the cluster does not have is nothing to complain of. */
  resources: z.array(resource).min(1).optional(),
  /** Default: in the cluster its service account, else KUBECONFIG or ~/.kube/config. */
  kubeconfig: z.string().min(1).optional(),
  context: z.string().min(1).optional(),
  /** Of replicas with the same lease one watches, the others wait. Without it each one watches. */
  lease: z
    .strictObject({
      namespace: z.string().min(1),
      name: z.string().min(1).default('decklog-kubernetes'),
      duration: durationSchema.prefault('15s'),
    })
    .optional(),
  /** Where it writes what enrichment looks up: nodes with role, labels and taints, and which pod had which address. */
  nodesFile: z.string().min(1).optional(),
  podHistory: z.string().min(1).optional(),
  /** A watch is asked to end after so long, and begun again. */
  watchTimeout: durationSchema.prefault('5m'),
  /** What the cluster does not have, or does not allow, is tried again after so long. */
  retryAfter: durationSchema.prefault('1m'),
})
