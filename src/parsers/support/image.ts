import type { Draft } from '../../core/document.ts'
import { relate } from './document.ts'
import { put } from './json-record.ts'

/** `container.image.*` of a reference such as `registry:5000/team/app:1.2@sha256:…`. The name is the reference as it was written. */
export function putImage(draft: Draft, reference: string): void {
  if (reference === '' || reference.length > 1024) return
  const { tag, digest } = imageParts(reference)
  put(draft.fields, 'container.image.name', reference)
  if (tag !== undefined) put(draft.fields, 'container.image.tag', [tag])
  if (digest === undefined) return
  put(draft.fields, 'container.image.hash.all', [digest])
  relate(draft, 'hash', digest)
}

export function imageParts(reference: string): {
  readonly repository: string
  readonly tag: string | undefined
  readonly digest: string | undefined
} {
  const at = reference.indexOf('@')
  const digest = at < 0 ? undefined : reference.slice(at + 1)
  const name = at < 0 ? reference : reference.slice(0, at)
  const colon = name.lastIndexOf(':')
  const hasTag = colon > name.lastIndexOf('/')
  return {
    repository: hasTag ? name.slice(0, colon) : name,
    tag: hasTag && colon + 1 < name.length ? name.slice(colon + 1) : undefined,
    digest: digest === '' ? undefined : digest,
  }
}
