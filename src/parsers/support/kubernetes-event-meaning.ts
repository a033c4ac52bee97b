import type { Draft } from '../../core/document.ts'
import { putDenial, readDenial } from './admission-denial.ts'
import { putImage } from './image.ts'
import { put, shortened } from './json-record.ts'

type Meaning = readonly [category: string, type: string, outcome?: 'success' | 'failure']

/** What reasons of the kubelet and of the controllers mean. `Failed` and `BackOff` are said by their text. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  Pulling: ['package', 'start'],
  Pulled: ['package', 'installation', 'success'],
  ErrImageNeverPull: ['package', 'installation', 'failure'],
  InspectFailed: ['package', 'access', 'failure'],
  Created: ['process', 'info', 'success'],
  Started: ['process', 'start', 'success'],
  Killing: ['process', 'end'],
  Preempting: ['process', 'end'],
  Preempted: ['process', 'end'],
  Evicted: ['process', 'end'],
  OOMKilling: ['process', 'end', 'failure'],
  SystemOOM: ['process', 'end', 'failure'],
  Unhealthy: ['process', 'info', 'failure'],
  ProbeWarning: ['process', 'info', 'failure'],
  ExceededGracePeriod: ['process', 'end', 'failure'],
  FailedPostStartHook: ['process', 'start', 'failure'],
  FailedPreStopHook: ['process', 'end', 'failure'],
  FailedCreatePodSandBox: ['process', 'start', 'failure'],
  FailedCreatePodContainer: ['process', 'start', 'failure'],
  FailedKillPod: ['process', 'end', 'failure'],
  FailedMount: ['file', 'access', 'failure'],
  FailedAttachVolume: ['file', 'access', 'failure'],
  FailedScheduling: ['host', 'info', 'failure'],
  Scheduled: ['host', 'info', 'success'],
  SuccessfulCreate: ['configuration', 'creation', 'success'],
  SuccessfulDelete: ['configuration', 'deletion', 'success'],
  SuccessfulRescale: ['configuration', 'change', 'success'],
  ScalingReplicaSet: ['configuration', 'change', 'success'],
  FailedCreate: ['configuration', 'creation', 'failure'],
  FailedDelete: ['configuration', 'deletion', 'failure'],
  FailedUpdate: ['configuration', 'change', 'failure'],
  PolicyViolation: ['configuration', 'info', 'failure'],
  PolicyApplied: ['configuration', 'info', 'success'],
  PolicyError: ['configuration', 'error', 'failure'],
  NodeReady: ['host', 'info'],
  NodeNotReady: ['host', 'info', 'failure'],
  NodeSchedulable: ['host', 'change'],
  NodeNotSchedulable: ['host', 'change'],
  Rebooted: ['host', 'start'],
  Starting: ['host', 'start'],
  Shutdown: ['host', 'end'],
  RegisteredNode: ['host', 'info'],
  RemovingNode: ['host', 'deletion'],
  DeletingNode: ['host', 'deletion'],
  NodeHasDiskPressure: ['host', 'info', 'failure'],
  NodeHasMemoryPressure: ['host', 'info', 'failure'],
  EvictionThresholdMet: ['host', 'info', 'failure'],
}

/** ECS of what happened, by the reason and the text of the Event. */
export function putMeaning(draft: Draft, reason: string, type: string): void {
  const { fields, message } = draft
  put(fields, 'event.action', reason)
  const meaning = meaningOf(reason, message)
  if (meaning !== undefined) {
    put(fields, 'event.category', [meaning[0]])
    put(fields, 'event.type', [meaning[1]])
    put(fields, 'event.outcome', meaning[2])
  } else put(fields, 'event.type', ['info'])
  if (meaning?.[2] === 'failure' || type === 'Warning') put(fields, 'event.reason', shortened(message))
  if (meaning?.[0] === 'package') putPull(draft)
  const denial = type === 'Warning' ? readDenial(message) : undefined
  if (denial === undefined) return
  putDenial(draft, denial)
  put(fields, 'event.type', [meaning?.[1] ?? 'info', 'denied'])
}

const PULL_FAILURES = [
  'Failed to pull image',
  'Back-off pulling image',
  'Error: ErrImagePull',
  'Error: ImagePullBackOff',
  'Error: ErrImageNeverPull',
  'Error: InvalidImageName',
  'Error: RegistryUnavailable',
  'Error: SignatureValidationFailed',
  'Error: ImageInspectError',
  'Failed to apply default image tag',
  'Failed to inspect image',
]

function meaningOf(reason: string, message: string): Meaning | undefined {
  if (reason === 'Failed' || reason === 'BackOff') {
    const isPull = PULL_FAILURES.some((start) => message.startsWith(start))
    return isPull ? ['package', 'installation', 'failure'] : ['process', 'start', 'failure']
  }
  return Object.hasOwn(MEANINGS, reason) ? MEANINGS[reason] : undefined
}

/** `Successfully pulled image "IMAGE" in 1.204s (…)`, `Failed to pull image "IMAGE": …` */
function putPull(draft: Draft): void {
  const { message, fields } = draft
  const open = message.indexOf('mage "')
  const close = open < 0 ? -1 : message.indexOf('"', open + 6)
  if (close > 0) putImage(draft, message.slice(open + 6, close))
  const took =
    close < 0
      ? null
      : /^ in ((?:\d{1,6}(?:\.\d{1,9})?(?:ms|µs|us|ns|h|m|s)){1,4})/.exec(
          message.slice(close + 1, close + 64),
        )
  if (took !== null) put(fields, 'event.duration', durationNs(took[1]!))
}

const UNITS: Readonly<Record<string, number>> = {
  h: 3.6e12,
  m: 6e10,
  s: 1e9,
  ms: 1e6,
  µs: 1e3,
  us: 1e3,
  ns: 1,
}

/** A duration as Go writes it: `1m2.5s`. */
export function durationNs(text: string): number {
  let sum = 0
  for (const [, value, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|µs|us|ns|h|m|s)/g))
    sum += Number(value) * UNITS[unit!]!
  return Math.round(sum)
}
