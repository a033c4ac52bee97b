import type { RawBatch } from '../../core/batch.ts'
import type { JsonObject } from '../../core/document.ts'
import type { Enricher } from '../run.ts'
import { addressStep } from './addresses.ts'
import { addAttack } from './attack-names.ts'
import { identityStep } from './identity.ts'
import { addRelated } from './related.ts'
import type { EnrichmentSnapshot, EnrichStep } from '../../core/enrichment.ts'

export interface EnricherOptions {
  /** As a pipeline's `enrich:` has them. */
  readonly steps: readonly EnrichStep[]
  readonly snapshot: EnrichmentSnapshot
}

/** @throws {Error} when a file of MaxMind's cannot be read */
export function makeEnricher({ steps: named, snapshot }: EnricherOptions): Enricher {
  const steps = new Set(named)
  const addresses = addressStep(snapshot, steps)
  const identity = steps.has('identity') ? identityStep(snapshot) : undefined
  const images = steps.has('lists') ? snapshot.lists.filter((list) => list.images.length > 0) : []
  const usesSnapshot =
    addresses !== undefined ||
    identity !== undefined ||
    images.length > 0 ||
    (steps.has('node') && Object.keys(snapshot.nodes).length > 0)
  return {
    constants: (batch) => {
      const fields: JsonObject = {}
      if (steps.has('node')) addNode(fields, snapshot, batch)
      const decklog: JsonObject = usesSnapshot ? { enrichment: snapshot.id } : {}
      const lists = images.length === 0 ? [] : imageLists(images, batch.provenance.names.image)
      if (lists.length > 0) decklog.image_lists = lists
      if (Object.keys(decklog).length > 0) fields.decklog = decklog
      return fields
    },
    apply: (fields, timeMs, dataset) => {
      addresses?.(fields, timeMs)
      identity?.(fields, dataset)
      if (steps.has('attack')) addAttack(fields)
      addRelated(fields)
    },
  }
}

function addNode(fields: JsonObject, { nodes }: EnrichmentSnapshot, { provenance }: RawBatch): void {
  const { node } = provenance
  const facts = Object.hasOwn(nodes, node) ? nodes[node] : undefined
  if (facts === undefined) return
  const { roles, labels, taints, unschedulable } = facts
  fields.kubernetes = {
    node: {
      ...(Object.keys(labels).length === 0 ? {} : { labels: { ...labels } }),
      ...(roles.length === 0 ? {} : { roles: [...roles] }),
      ...(taints.length === 0 ? {} : { taints: [...taints] }),
      ...(unschedulable === undefined ? {} : { unschedulable }),
    },
  }
}

/** An image belongs to a list that has a beginning of its name: a registry, or a path in one. */
function imageLists(lists: EnrichmentSnapshot['lists'], image: string | undefined): string[] {
  if (image === undefined) return []
  return lists
    .filter(({ images }) =>
      images.some((prefix) => {
        if (!image.startsWith(prefix)) return false
        const next = image[prefix.length]
        return prefix.endsWith('/') || next === undefined || next === '/' || next === ':' || next === '@'
      }),
    )
    .map(({ name }) => name)
}
