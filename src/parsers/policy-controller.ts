import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { putDenial, readDenial } from './support/admission-denial.ts'
import { relate } from './support/document.ts'
import { putImage } from './support/image.ts'
import { put, str, textOf } from './support/json-record.ts'
import { putSubject } from './support/subject.ts'
import { putZap, readZap } from './support/zap-log.ts'

/**
 * A line of sigstore's policy-controller (cosigned before 0.3), whose log is Knative's:
 *
 *     {"level":"error","ts":"…","logger":"policy-controller","msg":"Failed the resource specific validation","knative.dev/kind":"/v1, Kind=Pod","knative.dev/namespace":…,"knative.dev/name":…,"knative.dev/operation":"CREATE","knative.dev/userinfo":"…","error":"failed policy: …"}
 */
export const policyController: FormatDefinition = {
  name: 'policy-controller',
  version: 1,
  kind: 'payload',
  title: 'Sigstore policy-controller (cosign)',
  definedBy:
    'sigstore/policy-controller: pkg/webhook/validator.go; knative/pkg: webhook/resourcesemantics/validation, webhook/admission.go, logging/logkey',
  dataset: 'decklog.policy_controller',
  example:
    '{"level":"error","ts":"2026-11-24T08:00:00.123Z","logger":"policy-controller","caller":"validation/validation_admit.go:184","msg":"Failed the resource specific validation","commit":"e5d2a9f","knative.dev/kind":"/v1, Kind=Pod","knative.dev/namespace":"shop","knative.dev/name":"web-6f4b7","knative.dev/operation":"CREATE","knative.dev/resource":"/v1, Resource=pods","knative.dev/subresource":"","knative.dev/userinfo":"system:serviceaccount:kube-system:replicaset-controller","error":"failed policy: image-is-signed: spec.containers[0].image\\nregistry.example.com/shop/web@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 signature key validation failed for authority authority-0: no matching signatures"}',
  remarks: [
    'A refused object is `event.type: denied`; `rule.name` is the ClusterImagePolicy, `container.image.*` the image. The same refusal stands in the API server’s audit log (`responseStatus.message`) and in the Event of the controller that made the object (format `kubernetes-event`).',
    '`message` is `msg`, `event.original` the record.',
  ],
  actions: {
    'admission-denied': 'An object was refused: an image without a valid signature or attestation',
    'admission-allowed': 'An object was admitted',
    'policy-controller-message': 'Any other line',
  },
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const log = readZap(text)
  if (log === undefined) return false
  putZap(text, draft, log, context)
  const { fields } = draft
  const error = str(log['error'])
  const allowed = log['admissionreview/allowed']
  const isDenied =
    allowed === false ||
    error.includes('failed policy') ||
    error.includes('no matching signatures') ||
    error.includes('validation failed')
  put(fields, 'observer.product', 'policy-controller')
  put(fields, 'observer.vendor', 'sigstore')
  put(fields, 'observer.type', 'policy')
  put(
    fields,
    'event.action',
    isDenied ? 'admission-denied' : allowed === true ? 'admission-allowed' : 'policy-controller-message',
  )
  put(fields, 'event.category', ['configuration'])
  put(fields, 'event.type', isDenied ? ['info', 'denied'] : allowed === true ? ['info', 'allowed'] : ['info'])
  if (isDenied) putRefusal(draft, error === '' ? (textOf(log['admissionreview/result']) ?? '') : error)
  else if (allowed === true) put(fields, 'event.outcome', 'success')
  putRequest(draft, log)
  return true
}

/** The text is what the webhook answers with, behind its own words. */
function putRefusal(draft: Draft, text: string): void {
  const denial = readDenial(`admission webhook "policy.sigstore.dev" denied the request: ${text}`)
  if (denial !== undefined) putDenial(draft, denial)
}

function putRequest(draft: Draft, log: JsonObject): void {
  const { fields } = draft
  const user = str(log['knative.dev/userinfo']).split(' ', 1)[0]!.replace(/^\{/, '')
  const kind = /Kind=(\w{1,63})/.exec(str(log['knative.dev/kind']))?.[1]
  put(fields, 'user.name', user)
  relate(draft, 'user', user)
  put(fields, 'decklog.finding.status', str(log['knative.dev/operation']))
  const image = str(log['image'])
  if (image !== '') putImage(draft, image)
  const name = str(log['knative.dev/name'])
  if (kind !== undefined && name !== '')
    putSubject(draft, { kind, name, namespace: str(log['knative.dev/namespace']) })
}
