import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import {
  member,
  putContainerId,
  putDigest,
  putImage,
  putPodName,
  putRuntimeAction,
  RUNTIME_ACTIONS,
} from './support/container-event.ts'
import { child } from './support/document.ts'
import { goDurationNs } from './support/klog-known.ts'
import { readLoggedJson, readLogrusText, textOf } from './support/logfmt-line.ts'
import { quotedWord } from './support/quoted.ts'

/**
 * containerd's own log, logrus text or JSON (`[debug] format`):
 *
 *     time="2026-11-24T08:00:00.123456789Z" level=info msg="PullImage \"nginx:latest\"" key=value
 */
export const containerd: FormatDefinition = {
  name: 'containerd',
  version: 1,
  kind: 'payload',
  title: 'containerd',
  definedBy: 'containerd: internal/cri/server (messages), github.com/sirupsen/logrus (TextFormatter)',
  dataset: 'system.syslog',
  example:
    'time="2026-11-24T08:00:00.337715689Z" level=info msg="Pulled image \\"nginx:latest\\" with image id \\"sha256:89da1fb6dcb964dd35c3f41b7b93ffc35eaf20bc61f2e1335fea710a18424287\\", repo tag \\"docker.io/library/nginx:latest\\", repo digest \\"docker.io/library/nginx@sha256:67f9a4f10d147a6e04629340e6493c9703300ca23a2f7f3aa56fe615d75d31ca\\", size \\"70601125\\" in 5.766826368s"',
  remarks: [
    '`message` is `msg`, and the line is in `event.original`. All other keys are in `decklog.payload` (flattened).',
    'Image, container, pod and command of the messages of its CRI service are fields of ECS and of `kubernetes`. Messages as containerd 1.4 to 2.1 has them; any other has time, level, message and keys.',
  ],
  actions: RUNTIME_ACTIONS,
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const logged = readLogrusText(text, draft, context) ?? readLoggedJson(text, draft, context)
  if (logged === undefined) return false
  const { message, pairs = {} } = logged
  const error = textOf(pairs['error'])
  if (error !== '') draft.fields['error'] = { message: error }
  const isFailed = error !== '' && message.includes(' failed')
  if (!putMessage(draft, message, pairs, isFailed) && isFailed) putRuntimeAction(draft, 'container_failed')
  return true
}

/** By the first word. */
function putMessage(draft: Draft, message: string, pairs: JsonObject, isFailed: boolean): boolean {
  const space = message.indexOf(' ')
  const verb = space < 0 ? message : message.slice(0, space)
  switch (verb) {
    case 'PullImage':
      return pullImage(draft, message, isFailed)
    case 'Pulled':
      return pulled(draft, message)
    case 'ImageCreate':
    case 'ImageUpdate':
    case 'ImageDelete':
      return imageEvent(draft, message, verb)
    case 'RunPodSandbox':
      return sandbox(draft, message, isFailed)
    case 'StopPodSandbox':
    case 'RemovePodSandbox':
      putContainerId(draft, quotedWord(message, message.indexOf('"')))
      return put(draft, isFailed ? 'container_failed' : 'sandbox_stop')
    case 'CreateContainer':
      return create(draft, message, isFailed)
    case 'StartContainer':
    case 'StopContainer':
    case 'RemoveContainer':
    case 'Stop':
    case 'Kill':
      return lifecycle(draft, message, verb, isFailed)
    case 'Exec':
    case 'ExecSync':
    case 'Attach':
    case 'PortForward':
    case 'Portforward':
      return exec(draft, message, verb, isFailed)
    case 'TaskExit':
    case 'TaskOOM':
    case 'received':
      return task(draft, message)
    case 'shim':
      putContainerId(draft, textOf(pairs['id']))
      return message === 'shim disconnected' && put(draft, 'container_exited')
    default:
      return false
  }
}

function put(draft: Draft, action: string): true {
  putRuntimeAction(draft, action)
  return true
}

/** `PullImage "nginx:latest"`, `… returns image reference "sha256:…"`, `… failed`. */
function pullImage(draft: Draft, message: string, isFailed: boolean): boolean {
  const image = quotedWord(message, 10)
  if (image === '') return false
  putImage(draft, image)
  const result = message.indexOf(' returns image reference "')
  if (result < 0) return put(draft, isFailed ? 'image_pull_failed' : 'image_pull')
  putDigest(draft, child(child(draft.fields, 'container'), 'image'), quotedWord(message, result + 25))
  return put(draft, 'image_pulled')
}

/** `Pulled image "x" with image id "sha256:…", repo tag "…", repo digest "name@sha256:…", size "1" in 5.7s`. */
function pulled(draft: Draft, message: string): boolean {
  if (!message.startsWith('Pulled image "')) return false
  putImage(draft, quotedWord(message, 13))
  const digest = quotedWord(message, message.indexOf(', repo digest "') + 14)
  const at = digest.indexOf('@')
  const id = quotedWord(message, message.indexOf(' with image id "') + 15)
  const image = child(child(draft.fields, 'container'), 'image')
  if (at > 0) putDigest(draft, image, digest.slice(at + 1))
  else if (id !== '') putDigest(draft, image, id)
  const duration = goDurationNs(message.slice(message.lastIndexOf(' in ') + 4))
  put(draft, 'image_pulled')
  if (duration !== undefined) child(draft.fields, 'event')['duration'] = duration
  return true
}

/** `ImageCreate event name:"docker.io/…" labels:{…}`, before 1.7 `ImageCreate event &ImageCreate{Name:docker.io/…,Labels:…}`. */
function imageEvent(draft: Draft, message: string, verb: string): boolean {
  const at = message.indexOf('name:"')
  putImage(draft, at < 0 ? member(message, 'Name:') : quotedWord(message, at + 5))
  return put(draft, verb === 'ImageDelete' ? 'image_removed' : 'image_changed')
}

/** `RunPodSandbox for &PodSandboxMetadata{Name:…,Uid:…,Namespace:…,Attempt:0,} returns sandbox id "…"`. */
function sandbox(draft: Draft, message: string, isFailed: boolean): boolean {
  putPodName(draft, {
    namespace: member(message, 'Namespace:'),
    name: member(message, '{Name:'),
    uid: member(message, 'Uid:'),
    container: '',
  })
  const id = message.indexOf(' returns sandbox id "')
  if (id >= 0) putContainerId(draft, quotedWord(message, id + 20))
  return put(draft, isFailed ? 'container_failed' : id < 0 ? 'sandbox_start' : 'sandbox_started')
}

/** `CreateContainer within sandbox "…" for [container ]&ContainerMetadata{Name:app,Attempt:0,} returns container id "…"`. */
function create(draft: Draft, message: string, isFailed: boolean): boolean {
  const name = member(message, '{Name:')
  if (name !== '') child(draft.fields, 'container')['name'] = name
  const id = message.indexOf(' returns container id "')
  if (id >= 0) putContainerId(draft, quotedWord(message, id + 22))
  return put(draft, isFailed ? 'container_failed' : id < 0 ? 'container_create' : 'container_created')
}

const LIFECYCLE: Readonly<Record<string, readonly [asked: string, done: string]>> = {
  StartContainer: ['container_start', 'container_started'],
  StopContainer: ['container_stop', 'container_stopped'],
  RemoveContainer: ['container_removed', 'container_removed'],
  Stop: ['container_stop', 'container_stop'],
  Kill: ['container_killed', 'container_killed'],
}

/** `StartContainer for "id"[ returns successfully]`, `Kill container "id"`. */
function lifecycle(draft: Draft, message: string, verb: string, isFailed: boolean): boolean {
  const quote = message.indexOf('"')
  if (quote < 0 || quote > 32) return false
  putContainerId(draft, quotedWord(message, quote))
  const [asked, done] = LIFECYCLE[verb]!
  return put(draft, isFailed ? 'container_failed' : message.includes(' returns successfully') ? done : asked)
}

/** `Exec for "id" with command [sh -c id], tty true and stdin true`; arguments are joined by spaces there. */
function exec(draft: Draft, message: string, verb: string, isFailed: boolean): boolean {
  const quote = message.indexOf('"')
  if (quote < 0 || quote > 20) return false
  putContainerId(draft, quotedWord(message, quote))
  const command = message.indexOf(' with command [')
  const end = command < 0 ? -1 : message.lastIndexOf(']')
  if (end > command) draft.fields['process'] = { command_line: message.slice(command + 15, end) }
  if (isFailed) return put(draft, 'container_failed')
  if (verb === 'Attach') return put(draft, 'container_attach')
  return put(draft, verb.startsWith('Port') ? 'container_port_forward' : 'container_exec')
}

/**
 * `TaskExit event in podsandbox handler container_id:"…" id:"…" pid:1 exit_status:137 …`, `TaskOOM event container_id:"…"`,
 * `received exit event container_id:"…" …`; before 1.7 `TaskExit event &TaskExit{ContainerID:…,ID:…,Pid:1,ExitStatus:137,…}`.
 */
function task(draft: Draft, message: string): boolean {
  if (!message.includes(' event ') && !message.includes(' exit event')) return false
  const id = message.indexOf('container_id:"')
  putContainerId(draft, id < 0 ? member(message, 'ContainerID:') : quotedWord(message, id + 13))
  if (message.startsWith('TaskOOM')) return put(draft, 'oom')
  if (!message.includes('xit')) return false
  const pid = numberAfter(message, 'pid:') ?? numberAfter(message, 'Pid:')
  const code = numberAfter(message, 'exit_status:') ?? numberAfter(message, 'ExitStatus:')
  const process: JsonObject = {}
  if (pid !== undefined) process['pid'] = pid
  if (code !== undefined) process['exit_code'] = code
  if (pid !== undefined || code !== undefined) draft.fields['process'] = process
  return put(draft, 'container_exited')
}

function numberAfter(text: string, label: string): number | undefined {
  const at = text.indexOf(label)
  const digits = at < 0 ? null : /^\d{1,10}/.exec(text.slice(at + label.length, at + label.length + 10))
  return digits === null ? undefined : Number(digits[0])
}
