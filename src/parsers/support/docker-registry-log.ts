import type { Draft, JsonObject } from '../../core/document.ts'
import { durationNs } from './kubernetes-event-meaning.ts'
import { relate } from './document.ts'
import { putImage } from './image.ts'
import { intOf, put, shortened, str, textOf } from './json-record.ts'
import { putPeer } from './peer.ts'

/** ECS of one line of the registry's own log; keys as logrus writes them. */
export function putLog(draft: Draft, log: JsonObject): void {
  const { fields } = draft
  const text = str(log['msg'])
  const status = intOf(log['http.response.status'])
  const isRefused =
    status === 401 ||
    status === 403 ||
    str(log['err.code']) === 'unauthorized' ||
    str(log['err.code']) === 'denied' ||
    text.includes('error authorizing')
  const isRequest = log['http.request.uri'] !== undefined
  put(fields, 'log.level', str(log['level']))
  put(
    fields,
    'event.action',
    isRefused
      ? 'registry-auth-failed'
      : isRequest && status !== undefined
        ? 'registry-request'
        : 'registry-log',
  )
  put(fields, 'event.category', [isRequest ? 'web' : 'package'])
  put(fields, 'event.type', isRefused ? ['access', 'denied'] : [isRequest ? 'access' : 'info'])
  const isError = isRefused || (status !== undefined && status >= 400) || log['level'] === 'error'
  if (status !== undefined || isError) put(fields, 'event.outcome', isError ? 'failure' : 'success')
  put(fields, 'event.reason', isError ? shortened(str(log['err.message']) || text, 2048) : '')
  putRequest(draft, log, status)
  const user = str(log['auth.user.name'])
  put(fields, 'user.name', user)
  relate(draft, 'user', user)
  const repository = str(log['vars.name'])
  put(fields, 'decklog.registry.repository', repository)
  const reference = str(log['vars.reference']) || str(log['vars.digest'])
  if (repository !== '') {
    const host = str(log['http.request.host'])
    const joint = reference.includes(':') ? '@' : ':'
    putImage(
      draft,
      `${host === '' ? '' : `${host}/`}${repository}${reference === '' ? '' : `${joint}${reference}`}`,
    )
  }
  put(fields, 'error.code', str(log['err.code']))
  put(
    fields,
    'error.message',
    shortened(str(log['err.detail']) || str(log['err.message']) || str(log['error']), 4096),
  )
  put(fields, 'observer.product', 'distribution')
  put(fields, 'observer.type', 'registry')
  put(fields, 'service.version', str(log['version']))
}

function putRequest(draft: Draft, log: JsonObject, status: number | undefined): void {
  const { fields } = draft
  const uri = str(log['http.request.uri'])
  putPeer(draft, 'source', str(log['http.request.remoteaddr']))
  put(fields, 'http.request.id', str(log['http.request.id']))
  put(fields, 'http.request.method', str(log['http.request.method']))
  put(fields, 'http.response.status_code', status)
  put(fields, 'http.response.body.bytes', intOf(log['http.response.written']))
  put(fields, 'url.original', uri)
  put(fields, 'url.path', uri.split('?', 1)[0])
  put(fields, 'url.query', uri.includes('?') ? uri.slice(uri.indexOf('?') + 1) : '')
  put(fields, 'url.domain', str(log['http.request.host']).split(':', 1)[0])
  put(fields, 'user_agent.original', str(log['http.request.useragent']))
  const took = textOf(log['http.response.duration'])
  if (took !== undefined && took.length < 32) put(fields, 'event.duration', durationNs(took) || undefined)
}
