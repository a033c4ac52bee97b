import type { Draft, JsonObject } from '../../core/document.ts'
import type { FormatContext } from '../../ports/format.ts'
import { relate } from './document.ts'
import { putImage } from './image.ts'
import { intOf, objectOf, put, putTime, str } from './json-record.ts'
import { putPeer } from './peer.ts'

const TYPES: Readonly<Record<string, string>> = {
  push: 'installation',
  pull: 'access',
  mount: 'change',
  delete: 'deletion',
}

/** One notification of the registry. */
export function putNotification(draft: Draft, event: JsonObject, context: FormatContext): void {
  const { fields } = draft
  const target = objectOf(event['target'])
  const request = objectOf(event['request'])
  const action = str(event['action'])
  const user = str(objectOf(event['actor'])['name'])
  putTime(draft, context, event['timestamp'])
  put(fields, 'event.id', str(event['id']))
  put(fields, 'event.action', action)
  put(fields, 'event.category', ['package'])
  put(fields, 'event.type', [Object.hasOwn(TYPES, action) ? TYPES[action]! : 'info'])
  put(fields, 'event.outcome', 'success')
  put(fields, 'user.name', user)
  relate(draft, 'user', user)
  const image = putTarget(draft, target, str(request['host']))
  putPeer(draft, 'source', str(request['addr']))
  put(fields, 'http.request.id', str(request['id']))
  put(fields, 'http.request.method', str(request['method']))
  put(fields, 'url.domain', str(request['host']).split(':', 1)[0])
  put(fields, 'user_agent.original', str(request['useragent']))
  const source = objectOf(event['source'])
  put(fields, 'observer.product', 'distribution')
  put(fields, 'observer.type', 'registry')
  put(fields, 'observer.hostname', str(source['addr']).split(':', 1)[0])
  draft.message = `${action} ${image}${user === '' ? '' : ` by ${user}`}${str(request['addr']) === '' ? '' : ` from ${str(request['addr'])}`}`
}

function putTarget(draft: Draft, target: JsonObject, host: string): string {
  const { fields } = draft
  const repository = str(target['repository'])
  const tag = str(target['tag'])
  const digest = str(target['digest'])
  const name = `${host === '' ? '' : `${host}/`}${repository}`
  const image = `${name}${tag === '' ? '' : `:${tag}`}${digest === '' ? '' : `@${digest}`}`
  putImage(draft, image)
  put(fields, 'decklog.registry.repository', repository)
  put(fields, 'decklog.registry.media_type', str(target['mediaType']))
  put(fields, 'decklog.registry.from_repository', str(target['fromRepository']))
  put(fields, 'file.size', intOf(target['size'] ?? target['length']))
  put(fields, 'url.full', str(target['url']))
  return image
}
