import type { Draft } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { putThreat } from './support/attack.ts'
import { relate } from './support/document.ts'
import { freeForm } from './support/free-form.ts'
import { intOf, keepJson, put, putTime, readObject, shortened, str } from './support/json-record.ts'
import { putSubject } from './support/subject.ts'
import { putValues } from './support/tracee-arguments.ts'
import { eventOf, type TraceeEvent } from './support/tracee-event.ts'
import { putImage } from './support/image.ts'

/**
 * One event of Tracee, in the layouts that it has written:
 *
 *     {"timestamp":1657290245020855990,"processName":…,"eventName":…,"args":[{"name","type","value"}],"metadata":{…}}     JSON printer, to 0.23 (seconds before 0.7)
 *     {"timestamp":"…","id":…,"name":…,"workload":{"process":…,"container":…,"k8s":…},"data":[…],"threat":{…}}             protobuf's JSON, since 0.24
 *     {"Data":…,"Context":{event},"SigMetadata":{"ID":"TRC-2",…}}                                                          tracee-rules, to 0.12
 */
export const tracee: FormatDefinition = {
  name: 'tracee',
  version: 1,
  kind: 'payload',
  title: 'Tracee events and findings',
  definedBy:
    'aquasecurity/tracee: types/trace/trace.go, types/detect/finding.go, api/v1beta1/event.proto, api/v1beta1/threat.proto',
  dataset: 'decklog.tracee',
  example:
    '{"timestamp":1795507200020855990,"threadStartTime":1795507200014000000,"processorId":1,"processId":12,"cgroupId":8400,"threadId":12,"parentProcessId":1,"hostProcessId":4711,"hostThreadId":4711,"hostParentProcessId":4700,"userId":0,"mountNamespace":4026532574,"pidNamespace":4026532575,"processName":"strace","executable":{"path":"/usr/bin/strace"},"hostName":"web-6f4b7","containerId":"551e161c47d8","container":{"id":"551e161c47d8","name":"web","image":"registry.example.com/shop/web:1.4.2","imageDigest":"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},"kubernetes":{"podName":"web-6f4b7","podNamespace":"shop","podUID":"2e5d7b1c"},"eventId":"6018","eventName":"anti_debugging","matchedPolicies":["default"],"argsNum":0,"returnValue":0,"syscall":"ptrace","stackAddresses":[0],"args":[],"metadata":{"Version":"1","Description":"A process used anti-debugging techniques to block a debugger.","Tags":["linux","container"],"Properties":{"Category":"defense-evasion","Kubernetes_Technique":"","Severity":1,"Technique":"Debugger Evasion","external_id":"T1622","id":"attack-pattern--e4dc8c01","signatureID":"TRC-102","signatureName":"Anti-Debugging detected"}}}',
  remarks: [
    'An event with a signature’s metadata is `event.kind: alert`, `rule.*` the signature, `event.severity` on the scale of Elastic’s rules (Tracee’s 0 to 4); `threat.*` its technique. Others are what was traced.',
    'All arguments are below `decklog.tracee.args` (one flattened field); files, sockets and commands among them are ECS. `message` is a summary, `event.original` the record.',
    '`process.pid` is the host’s, `process.vpid` the container’s.',
  ],
  actions: {
    'EVENT, …': 'Name of the event, as Tracee has it: execve, security_file_open, anti_debugging, …',
  },
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const record = readObject(text)
  const event = record === undefined ? undefined : eventOf(record, text)
  if (event === undefined) return false
  const { fields } = draft
  keepJson(text, draft)
  if (event.ns !== undefined) draft.timeNs = event.ns
  else putTime(draft, context, event.time)
  delete fields['process']
  put(fields, 'observer.product', 'tracee')
  put(fields, 'observer.vendor', 'Aqua Security')
  put(fields, 'observer.type', 'sensor')
  put(fields, 'event.action', event.name)
  put(fields, 'decklog.tracee.policies', [...event.policies])
  put(fields, 'decklog.tracee.syscall', event.syscall)
  put(fields, 'decklog.tracee.return', event.returnValue)
  put(fields, 'decklog.tracee.args', freeForm(event.args))
  putWhere(draft, event)
  const of = putValues(draft, event)
  putSignature(draft, event)
  const signature = event.signature?.name ?? ''
  draft.message = [
    signature === '' ? event.name : signature,
    of,
    `by ${event.process.executable || event.process.name || '?'}`,
  ]
    .filter((part) => part !== '')
    .join(' ')
  return true
}

function putWhere(draft: Draft, { process, container, pod, host }: TraceeEvent): void {
  const { fields } = draft
  put(fields, 'process.name', process.name)
  put(fields, 'process.executable', process.executable)
  put(fields, 'process.pid', process.hostPid ?? process.pid)
  put(fields, 'process.vpid', process.hostPid === undefined ? undefined : process.pid)
  put(fields, 'process.thread.id', process.hostTid)
  put(fields, 'process.parent.pid', process.hostParentPid)
  put(fields, 'process.entity_id', process.entityId)
  put(fields, 'process.user.id', process.userId)
  put(fields, 'user.id', process.userId)
  put(fields, 'host.hostname', host)
  relate(draft, 'hosts', host)
  put(fields, 'container.id', container.id)
  put(fields, 'container.name', container.name)
  putImage(draft, container.image)
  if (container.digest !== '') {
    put(fields, 'container.image.hash.all', [container.digest])
    relate(draft, 'hash', container.digest)
  }
  if (pod.name === '') return
  putSubject(draft, {
    kind: 'pod',
    name: pod.name,
    namespace: pod.namespace,
    uid: pod.uid,
    container: container.name,
  })
}

const SEVERITIES = [0, 21, 47, 73, 99] as const
const SEVERITY_NAMES: Readonly<Record<string, number>> = {
  INFO: 0,
  LOW: 21,
  MEDIUM: 47,
  HIGH: 73,
  CRITICAL: 99,
}

function putSignature(draft: Draft, { signature }: TraceeEvent): void {
  if (signature === undefined) return
  const { fields } = draft
  put(fields, 'event.kind', 'alert')
  put(fields, 'rule.id', signature.id)
  put(fields, 'rule.name', signature.name)
  put(fields, 'rule.description', shortened(signature.description, 4096))
  put(fields, 'rule.version', signature.version)
  put(fields, 'rule.category', signature.tactic)
  const level = intOf(signature.severity)
  const known = SEVERITY_NAMES[str(signature.severity).toUpperCase()]
  put(fields, 'event.severity', level === undefined ? known : SEVERITIES[Math.max(0, Math.min(level, 4))])
  putThreat(fields, [signature.tactic, signature.technique])
}
