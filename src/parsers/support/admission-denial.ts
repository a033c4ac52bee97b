import type { Draft } from '../../core/document.ts'
import { putImage } from './image.ts'
import { put, shortened } from './json-record.ts'

/** Why the API server, or a webhook that it asks, refused an object. */
export interface Denial {
  /** Name of the webhook, the admission plugin or the policy's kind. */
  readonly by: string
  /** Policies, constraints or quotas that are named. */
  readonly policies: readonly string[]
  /** Images with digests that are named. */
  readonly images: readonly string[]
  readonly reason: string
}

const TEXT_MAX = 16_384

/**
 * Reads a message of the API server, as it stands in `responseStatus.message` of an audit event, in an Event of a controller
 * (`Error creating: …`), or in what a client prints. Undefined when it refuses nothing.
 */
export function readDenial(message: string): Denial | undefined {
  const text = message.length > TEXT_MAX ? message.slice(0, TEXT_MAX) : message
  return (
    readWebhook(text) ?? readPodSecurity(text) ?? readPolicy(text) ?? readImagePolicy(text) ?? readQuota(text)
  )
}

/** `event.type` denied and what refused it, as a rule. */
export function putDenial(draft: Draft, denial: Denial): void {
  const { fields } = draft
  put(fields, 'rule.ruleset', denial.by)
  put(fields, 'rule.category', 'admission')
  put(fields, 'rule.name', denial.policies.length === 1 ? denial.policies[0] : [...denial.policies])
  put(fields, 'event.outcome', 'failure')
  put(fields, 'event.reason', shortened(denial.reason))
  if (denial.images.length > 0) putImage(draft, denial.images[0]!)
}

const WEBHOOK = 'admission webhook "'
const DENIED = '" denied the request'

function readWebhook(text: string): Denial | undefined {
  const at = text.indexOf(WEBHOOK)
  const end = at < 0 ? -1 : text.indexOf(DENIED, at)
  if (end < 0) return undefined
  const by = text.slice(at + WEBHOOK.length, end)
  const rest = text.slice(end + DENIED.length)
  const reason = (rest.startsWith(': ') ? rest.slice(2) : rest).trim()
  return { by, policies: policiesOf(by, reason), images: imagesOf(reason), reason }
}

function policiesOf(by: string, reason: string): readonly string[] {
  if (by.includes('gatekeeper')) return distinct(reason, /^\[(?:denied by )?([^\]\s]{1,253})\]/gm)
  if (by.includes('sigstore') || by.includes('cosign'))
    return distinct(reason, /failed policy: ([^\s:]{1,253})/g)
  if (by.includes('kyverno')) return distinct(reason, /^([a-z0-9][a-z0-9.-]{0,252}):\s*$/gm)
  return []
}

/** `pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged (container "a" must not set …)` */
function readPodSecurity(text: string): Denial | undefined {
  const match = /(?:would violate|violates) PodSecurity "([^"]{1,128})": /.exec(text)
  if (match === null) return undefined
  return {
    by: 'PodSecurity',
    policies: [match[1]!],
    images: [],
    reason: text.slice(match.index + match[0].length),
  }
}

function readPolicy(text: string): Denial | undefined {
  const match = /ValidatingAdmissionPolicy '([^']{1,253})' with binding '[^']{1,253}' denied request: /.exec(
    text,
  )
  if (match === null) return undefined
  const reason = text.slice(match.index + match[0].length)
  return { by: 'ValidatingAdmissionPolicy', policies: [match[1]!], images: imagesOf(reason), reason }
}

function readImagePolicy(text: string): Denial | undefined {
  const at = text.indexOf('image policy webhook backend denied one or more images')
  if (at < 0) return undefined
  return { by: 'ImagePolicyWebhook', policies: [], images: imagesOf(text), reason: text.slice(at) }
}

function readQuota(text: string): Denial | undefined {
  const match = /exceeded quota: ([^,\s]{1,253}),/.exec(text)
  if (match === null) return undefined
  return { by: 'ResourceQuota', policies: [match[1]!], images: [], reason: text.slice(match.index) }
}

const LIST_MAX = 32

function distinct(text: string, pattern: RegExp): string[] {
  const found = new Set<string>()
  for (const match of text.matchAll(pattern)) if (found.size < LIST_MAX) found.add(match[1]!)
  return [...found]
}

/** Found from its digest, leftwards to a blank. */
function imagesOf(text: string): string[] {
  const found = new Set<string>()
  for (
    let at = text.indexOf('@sha256:');
    at >= 0 && found.size < LIST_MAX;
    at = text.indexOf('@sha256:', at + 1)
  ) {
    let start = at
    while (start > 0 && /[A-Za-z0-9._:/-]/.test(text[start - 1]!)) start--
    let end = at + 8
    while (/[0-9a-f]/.test(text[end] ?? '')) end++
    if (end === at + 72 && start < at) found.add(text.slice(start, end))
  }
  return [...found]
}
