import type { Draft, JsonObject } from '../../core/document.ts'
import { child, relate } from './document.ts'
import { putAction } from './klog-known.ts'

/** What a container runtime did. Names are those that the kubelet's lines have too, where both say the same. */
export const RUNTIME_ACTIONS: Readonly<Record<string, string>> = {
  image_pull: 'An image was asked for',
  image_pulled: 'An image was pulled',
  image_pull_failed: 'An image could not be pulled',
  image_changed: 'A name was given to an image, or another one',
  image_removed: 'An image was removed',
  sandbox_start: 'A pod’s sandbox was asked for',
  sandbox_started: 'A pod’s sandbox runs',
  sandbox_stop: 'A pod’s sandbox was stopped or removed',
  container_create: 'A container was asked for',
  container_created: 'A container was made',
  container_start: 'A container was to be started',
  container_started: 'A container runs',
  container_stop: 'A container was to be stopped',
  container_stopped: 'A container was stopped',
  container_killed: 'A container was killed',
  container_removed: 'A container was removed',
  container_exited: 'A container’s process ended',
  container_failed: 'What was asked of a container or sandbox failed',
  container_exec: 'A command was run in a container',
  container_attach: 'Somebody attached to a container',
  container_port_forward: 'A port of a pod was forwarded',
  oom: 'The kernel ended a process for want of memory',
}

type Outcome = 'success' | 'failure'

const KINDS: Readonly<Record<string, readonly [category: string, type: string, outcome?: Outcome]>> = {
  image_pull: ['package', 'start'],
  image_pulled: ['package', 'installation', 'success'],
  image_pull_failed: ['package', 'installation', 'failure'],
  image_changed: ['package', 'change'],
  image_removed: ['package', 'deletion'],
  sandbox_start: ['process', 'start'],
  sandbox_started: ['process', 'start', 'success'],
  sandbox_stop: ['process', 'end'],
  container_create: ['process', 'info'],
  container_created: ['process', 'info', 'success'],
  container_start: ['process', 'start'],
  container_started: ['process', 'start', 'success'],
  container_stop: ['process', 'end'],
  container_stopped: ['process', 'end', 'success'],
  container_killed: ['process', 'end'],
  container_removed: ['process', 'end', 'success'],
  container_exited: ['process', 'end'],
  container_failed: ['process', 'info', 'failure'],
  container_exec: ['process', 'start'],
  container_attach: ['process', 'access'],
  container_port_forward: ['network', 'connection'],
  oom: ['process', 'end'],
}

export function putRuntimeAction(draft: Draft, action: string): void {
  const [category, type, outcome] = KINDS[action]!
  putAction(draft, action, [category], [type], outcome)
}

/** `container.image.*` of a reference: `registry:5000/name:tag@sha256:…`. An id alone (`sha256:…`) is a hash. */
export function putImage(draft: Draft, reference: string): void {
  if (reference === '' || reference.length > REFERENCE_LENGTH_MAX) return
  const image = child(child(draft.fields, 'container'), 'image')
  const at = reference.indexOf('@')
  const digest = reference.startsWith('sha256:') ? reference : at < 0 ? '' : reference.slice(at + 1)
  if (digest !== '') putDigest(draft, image, digest)
  const name = reference.startsWith('sha256:') ? '' : at < 0 ? reference : reference.slice(0, at)
  if (name === '') return
  const colon = name.lastIndexOf(':')
  const hasTag = colon > name.lastIndexOf('/')
  image['name'] = name
  if (hasTag) image['tag'] = [name.slice(colon + 1)]
}

const REFERENCE_LENGTH_MAX = 1024

export function putDigest(draft: Draft, image: JsonObject, digest: string): void {
  image['hash'] = { all: [digest] }
  relate(draft, 'hash', digest.startsWith('sha256:') ? digest.slice(7) : digest)
}

export function putContainerId(draft: Draft, id: string): void {
  if (id !== '' && id.length <= 128) child(draft.fields, 'container')['id'] = id
}

export interface PodName {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly container: string
}

export function putPodName(draft: Draft, { namespace, name, uid, container }: PodName): void {
  if (container !== '') child(draft.fields, 'container')['name'] = container
  if (name === '') return
  const kubernetes = child(draft.fields, 'kubernetes')
  if (namespace !== '') kubernetes['namespace'] = namespace
  kubernetes['pod'] = uid === '' ? { name } : { name, uid }
}

/** What follows `label` up to the next comma or bracket: `&PodSandboxMetadata{Name:web-1,Uid:…,Namespace:shop,Attempt:0,}`. */
export function member(text: string, label: string): string {
  const at = text.indexOf(label)
  if (at < 0) return ''
  const from = at + label.length
  let end = from
  for (; end < text.length && end - from < 256; end++) {
    const code = text.charCodeAt(end)
    if (code === 44 || code === 125) break
  }
  return text.slice(from, end)
}
