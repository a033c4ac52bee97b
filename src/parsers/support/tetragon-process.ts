import type { Draft, Json, JsonObject } from '../../core/document.ts'
import { relate } from './document.ts'
import { intOf, isoAsWritten, listOf, objectOf, put, shortened, str, textOf } from './json-record.ts'
import { imageParts } from './image.ts'
import { putSubject } from './subject.ts'

/** `process.*`, `process.parent.*`, `container.*` and whose pod it is. */
export function putProcess(draft: Draft, process: JsonObject, parent: JsonObject, node: string): void {
  const { fields } = draft
  putOne(fields, 'process', process)
  putOne(fields, 'process.parent', parent)
  const user = str(objectOf(process['user'])['name'])
  put(fields, 'process.user.name', user)
  put(fields, 'user.id', textOf(process['uid']))
  put(fields, 'user.name', user)
  relate(draft, 'user', user)
  const capabilities = objectOf(process['cap'])
  put(fields, 'process.thread.capabilities.permitted', namesOf(capabilities['permitted']))
  put(fields, 'process.thread.capabilities.effective', namesOf(capabilities['effective']))
  putPod(draft, objectOf(process['pod']), str(process['docker']), node)
}

function putOne(fields: JsonObject, path: 'process' | 'process.parent', process: JsonObject): void {
  const binary = str(process['binary'])
  const args = str(process['arguments'])
  put(fields, `${path}.executable`, binary)
  put(fields, `${path}.name`, binary.slice(binary.lastIndexOf('/') + 1))
  if (args !== '') put(fields, `${path}.args`, args.trim().split(/\s+/, 256))
  put(fields, `${path}.command_line`, commandOf(process))
  put(fields, `${path}.working_directory`, str(process['cwd']))
  put(fields, `${path}.pid`, intOf(process['pid']))
  put(fields, `${path}.entity_id`, str(process['exec_id']))
  put(fields, `${path}.thread.id`, intOf(process['tid']))
  put(fields, `${path}.user.id`, textOf(process['uid']))
  put(fields, `${path}.start`, isoAsWritten(process['start_time']))
}

export function commandOf(process: JsonObject): string {
  const binary = str(process['binary'])
  const args = str(process['arguments'])
  return shortened(args === '' ? binary : `${binary} ${args}`, 16_384)
}

function namesOf(value: Json | undefined): string[] {
  return listOf(value)
    .filter((name) => typeof name === 'string')
    .slice(0, 64)
}

function putPod(draft: Draft, pod: JsonObject, docker: string, node: string): void {
  const { fields } = draft
  const container = objectOf(pod['container'])
  const image = objectOf(container['image'])
  put(fields, 'container.id', str(container['id']) || docker)
  put(fields, 'container.name', str(container['name']))
  put(fields, 'container.image.name', str(image['name']))
  const runtime = /^([a-z0-9-]+):\/\//.exec(str(container['id']))?.[1]
  put(fields, 'container.runtime', runtime)
  const { digest } = imageParts(str(image['id']))
  if (digest !== undefined) {
    put(fields, 'container.image.hash.all', [digest])
    relate(draft, 'hash', digest)
  }
  const name = str(pod['name'])
  if (name === '') return
  putSubject(draft, {
    kind: 'pod',
    name,
    namespace: str(pod['namespace']),
    uid: str(pod['uid']),
    container: str(container['name']),
    node,
  })
  put(fields, 'orchestrator.resource.parent.type', str(pod['workload_kind']))
  put(fields, 'decklog.subject.workload', str(pod['workload']))
}
