import type { Draft } from '../../core/document.ts'
import { put } from './json-record.ts'

/** The Kubernetes object that an event of an observer (Falco, Tetragon, Hubble, a scanner) is about. */
export interface Subject {
  readonly kind?: string | undefined
  readonly name?: string | undefined
  readonly namespace?: string | undefined
  readonly uid?: string | undefined
  readonly container?: string | undefined
  readonly node?: string | undefined
}

/**
 * `orchestrator.*` and `kubernetes.*` of the subject, and the same as `decklog.subject`: where the observer's own log was taken
 * from a pod, the first two name that pod, for provenance wins over what a record says.
 */
export function putSubject(draft: Draft, subject: Subject): void {
  const { fields } = draft
  const { kind, name, namespace, uid, container, node } = subject
  put(fields, 'orchestrator.type', 'kubernetes')
  put(fields, 'orchestrator.namespace', namespace)
  put(fields, 'orchestrator.resource.type', kind?.toLowerCase())
  put(fields, 'orchestrator.resource.name', name)
  put(fields, 'orchestrator.resource.id', uid)
  put(fields, 'kubernetes.namespace', namespace)
  if (kind?.toLowerCase() === 'pod') {
    put(fields, 'kubernetes.pod.name', name)
    put(fields, 'kubernetes.pod.uid', uid)
    put(fields, 'kubernetes.container.name', container)
  }
  put(fields, 'kubernetes.node.name', node)
  put(fields, 'decklog.subject.kind', kind)
  put(fields, 'decklog.subject.name', name)
  put(fields, 'decklog.subject.namespace', namespace)
  put(fields, 'decklog.subject.uid', uid)
  put(fields, 'decklog.subject.container', container)
  put(fields, 'decklog.subject.node', node)
}
