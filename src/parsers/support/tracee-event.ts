import type { Json, JsonObject } from '../../core/document.ts'
import { isObject } from './document.ts'
import { intOf, objectOf, objectsOf, str, stringsOf, textOf } from './json-record.ts'

/** An event of Tracee, whatever its layout. Texts are '' where nothing is said. */
export interface TraceeEvent {
  readonly ns: bigint | undefined
  readonly time: Json | undefined
  readonly name: string
  readonly host: string
  readonly syscall: string
  readonly returnValue: string | undefined
  readonly policies: readonly string[]
  readonly process: {
    readonly name: string
    readonly executable: string
    readonly pid: number | undefined
    readonly hostPid: number | undefined
    readonly hostTid: number | undefined
    readonly hostParentPid: number | undefined
    readonly entityId: string | undefined
    readonly userId: string | undefined
  }
  readonly container: {
    readonly id: string
    readonly name: string
    readonly image: string
    readonly digest: string
  }
  readonly pod: { readonly name: string; readonly namespace: string; readonly uid: string }
  readonly args: JsonObject
  readonly signature: Signature | undefined
}

export interface Signature {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly version: string
  readonly severity: Json | undefined
  readonly tactic: string
  readonly technique: string
}

export function eventOf(record: JsonObject, text: string): TraceeEvent | undefined {
  if (isObject(record['SigMetadata'])) {
    const event = objectOf(record['Context'] ?? record['Event'])
    const inner = flatEvent(
      isObject(event['Payload']) ? event['Payload'] : event,
      text,
      record['SigMetadata'],
    )
    return inner
  }
  if (typeof record['eventName'] === 'string') return flatEvent(record, text, undefined)
  return typeof record['name'] === 'string' && isObject(record['workload']) ? nestedEvent(record) : undefined
}

/** `trace.Event`; in versions before 0.11 the container's and the pod's members stand at the top. */
function flatEvent(event: JsonObject, text: string, rule: JsonObject | undefined): TraceeEvent | undefined {
  const name = str(event['eventName'])
  if (name === '') return undefined
  const container = objectOf(event['container'])
  const pod = objectOf(event['kubernetes'])
  const metadata = rule ?? (isObject(event['metadata']) ? event['metadata'] : undefined)
  const args = Object.create(null) as JsonObject
  for (const arg of objectsOf(event['args'])) args[str(arg['name'])] = arg['value'] ?? null
  return {
    ns: stampOf(text, event['timestamp']),
    time: undefined,
    name,
    host: str(event['hostName']),
    syscall: str(event['syscall']),
    returnValue: textOf(event['returnValue']),
    policies: stringsOf(event['matchedPolicies'] ?? event['matchedScopes'], 32) ?? [],
    process: {
      name: str(event['processName']),
      executable: str(objectOf(event['executable'])['path']),
      pid: intOf(event['processId']),
      hostPid: intOf(event['hostProcessId']),
      hostTid: intOf(event['hostThreadId']),
      hostParentPid: intOf(event['hostParentProcessId'] ?? event['parentProcessId']),
      entityId: textOf(event['processEntityId']),
      userId: textOf(event['userId']),
    },
    container: {
      id: str(container['id']) || str(event['containerId']),
      name: str(container['name']) || str(event['containerName']),
      image: str(container['image']) || str(event['containerImage']),
      digest: str(container['imageDigest']),
    },
    pod: {
      name: str(pod['podName']) || str(event['podName']),
      namespace: str(pod['podNamespace']) || str(event['podNamespace']),
      uid: str(pod['podUID']) || str(event['podUID']),
    },
    args,
    signature: metadata === undefined ? undefined : signatureOf(metadata),
  }
}

/** Nanoseconds since the epoch; before 0.7 seconds with a fraction. The digits are read from the text: no double holds them. */
function stampOf(text: string, value: Json | undefined): bigint | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) return undefined
  const digits = value > 1e17 ? /"timestamp" ?: ?(\d{18,19})(?!\d)/.exec(text)?.[1] : undefined
  if (digits !== undefined) return BigInt(digits)
  if (value > 1e17) return BigInt(Math.trunc(value))
  // Seconds since boot are no moment.
  return value > 1e9 && value < 9e9 ? BigInt(Math.round(value * 1e6)) * 1000n : undefined
}

function signatureOf(metadata: JsonObject): Signature {
  const properties = objectOf(metadata['Properties'])
  const mitre = str(properties['MITRE ATT&CK'])
  return {
    id: str(properties['signatureID']) || str(metadata['ID']),
    name: str(properties['signatureName']) || str(metadata['Name']),
    description: str(metadata['Description']),
    version: str(metadata['Version']),
    severity: properties['Severity'],
    tactic: str(properties['Category']) || mitre.split(':', 1)[0]!,
    technique: str(properties['external_id']) || mitre,
  }
}

/** `tracee.v1beta1.Event`. */
function nestedEvent(record: JsonObject): TraceeEvent | undefined {
  const workload = objectOf(record['workload'])
  const process = objectOf(workload['process'])
  const thread = objectOf(process['thread'])
  const container = objectOf(workload['container'])
  const image = objectOf(container['image'])
  const k8s = objectOf(workload['k8s'])
  const pod = objectOf(k8s['pod'])
  const args = Object.create(null) as JsonObject
  for (const item of objectsOf(record['data'])) {
    const kind = Object.keys(item).find((name) => name !== 'name')
    if (kind !== undefined) args[str(item['name'])] = item[kind]!
  }
  const ancestor = objectsOf(process['ancestors'])[0] ?? {}
  return {
    ns: undefined,
    time: record['timestamp'],
    name: str(record['name']),
    host: '',
    syscall: str(thread['syscall']),
    returnValue: textOf(args['returnValue']),
    policies: stringsOf(objectOf(record['policies'])['matched'], 32) ?? [],
    process: {
      name: str(thread['name']),
      executable: str(objectOf(process['executable'])['path']),
      pid: intOf(process['pid']),
      hostPid: intOf(process['hostPid']),
      hostTid: intOf(thread['hostTid']),
      hostParentPid: intOf(ancestor['hostPid']),
      entityId: textOf(process['uniqueId']),
      userId: textOf(objectOf(process['realUser'])['id']),
    },
    container: {
      id: str(container['id']),
      name: str(container['name']),
      image: str(image['name']),
      digest: (stringsOf(image['repoDigests'], 1)?.[0] ?? '').replace(/^.*@/, ''),
    },
    pod: { name: str(pod['name']), namespace: str(objectOf(k8s['namespace'])['name']), uid: str(pod['uid']) },
    args,
    signature: isObject(record['threat']) ? threatOf(record['threat']) : undefined,
  }
}

function threatOf(threat: JsonObject): Signature {
  const mitre = objectOf(threat['mitre'])
  return {
    id: str(objectOf(threat['properties'])['signatureID']),
    name: str(threat['name']),
    description: str(threat['description']),
    version: '',
    severity: threat['severity'],
    tactic: str(objectOf(mitre['tactic'])['name']),
    technique: str(objectOf(mitre['technique'])['id']),
  }
}
