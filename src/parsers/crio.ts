import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import {
  putContainerId,
  putImage,
  putPodName,
  putRuntimeAction,
  RUNTIME_ACTIONS,
} from './support/container-event.ts'
import { putOrigin, readLoggedJson, readLogrusText, textOf } from './support/logfmt-line.ts'

/**
 * CRI-O's log, logrus text or JSON:
 *
 *     time="2026-11-24 08:00:00.123456789Z" level=info msg="Pulling image: docker.io/library/nginx:1" id=… name=/runtime.v1.ImageService/PullImage
 */
export const crio: FormatDefinition = {
  name: 'crio',
  version: 1,
  kind: 'payload',
  title: 'CRI-O',
  definedBy: 'CRI-O: server/*.go (messages), internal/log; github.com/sirupsen/logrus (TextFormatter)',
  dataset: 'system.syslog',
  example:
    'time="2026-11-24 08:00:00.123456789Z" level=info msg="Started container" PID=4711 containerID=0c7eb6dc2ecd36c6a4e1bfec7be7e3f5b8c2d1f0a9b8c7d6e5f4a3b2c1d0e9f8 description=shop/web-6f4b7/app file="server/container_start.go:115" id=7e0cbccf-8d8a-4f5f-aefb-60b8af2d2ad5 name=/runtime.v1.RuntimeService/StartContainer sandboxID=ab12',
  remarks: [
    '`message` is `msg`, and the line is in `event.original`. All other keys are in `decklog.payload` (flattened); `id` is that of the request, `name` the call of the CRI.',
    'Messages as CRI-O 1.20 to 1.34 has them; any other has time, level, message and keys.',
  ],
  actions: RUNTIME_ACTIONS,
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const logged = readLogrusText(text, draft, context) ?? readLoggedJson(text, draft, context)
  if (logged === undefined) return false
  const { message, pairs = {} } = logged
  const error = textOf(pairs['error']) || textOf(pairs['err'])
  if (error !== '') draft.fields['error'] = { message: error }
  putOrigin(draft, pairs['file'])
  putMessage(draft, message, pairs)
  return true
}

/** Beginnings of messages → action, and what follows: an image, a container's id, a description, or both. */
type Rest = 'image' | 'id' | 'description' | 'id-description'
const MESSAGES: readonly (readonly [start: string, action: string, rest: Rest])[] = [
  ['Pulling image: ', 'image_pull', 'image'],
  ['Pulled image: ', 'image_pulled', 'image'],
  ['Removing image: ', 'image_removed', 'image'],
  ['Running pod sandbox: ', 'sandbox_start', 'description'],
  ['Ran pod sandbox with infra container: ', 'sandbox_started', 'description'],
  ['Ran pod sandbox ', 'sandbox_started', 'id-description'],
  ['Stopping pod sandbox: ', 'sandbox_stop', 'id'],
  ['Stopped pod sandbox', 'sandbox_stop', 'id'],
  ['Removing pod sandbox: ', 'sandbox_stop', 'id'],
  ['Removed pod sandbox: ', 'sandbox_stop', 'id'],
  ['Creating container: ', 'container_create', 'description'],
  ['Created container ', 'container_created', 'id-description'],
  ['Starting container: ', 'container_start', 'id'],
  ['Started container ', 'container_started', 'id-description'],
  ['Stopping container: ', 'container_stop', 'id'],
  ['Stopped container ', 'container_stopped', 'id-description'],
  ['Removing container: ', 'container_removed', 'id'],
  ['Removed container ', 'container_removed', 'id-description'],
]

function putMessage(draft: Draft, message: string, pairs: JsonObject): void {
  if (message === 'Started container') {
    putStarted(draft, pairs)
    return
  }
  const found = MESSAGES.find(([start]) => message.startsWith(start))
  if (found === undefined) return
  const [start, action, rest] = found
  const text = message.slice(start.length)
  if (rest === 'image') putImage(draft, firstWord(text))
  else if (rest === 'id') putContainerId(draft, firstWord(text))
  else if (rest === 'description') putDescription(draft, text)
  else putIdAndDescription(draft, text)
  putRuntimeAction(draft, action)
}

/** `PID=4711 containerID=… description=ns/pod/container`. */
function putStarted(draft: Draft, pairs: JsonObject): void {
  putContainerId(draft, textOf(pairs['containerID']))
  putDescription(draft, textOf(pairs['description']))
  const pid = Number(textOf(pairs['PID']) || pairs['PID'])
  if (Number.isSafeInteger(pid) && pid > 0) draft.fields['process'] = { pid }
  putRuntimeAction(draft, 'container_started')
}

function firstWord(text: string): string {
  const space = text.indexOf(' ')
  return space < 0 ? text : text.slice(0, space)
}

/** `ID with infra container: ns/pod/POD`, `ID: ns/pod/container`. */
function putIdAndDescription(draft: Draft, text: string): void {
  const word = firstWord(text)
  putContainerId(draft, word.endsWith(':') ? word.slice(0, -1) : word)
  const colon = text.lastIndexOf(': ')
  if (colon >= 0) putDescription(draft, text.slice(colon + 2))
}

/** namespace/pod/container; POD is the name of a sandbox. */
function putDescription(draft: Draft, description: string): void {
  const [namespace = '', name = '', container = '', ...more] = firstWord(description).split('/', 4)
  if (more.length > 0 || name === '') return
  putPodName(draft, { namespace, name, uid: '', container: container === 'POD' ? '' : container })
}
