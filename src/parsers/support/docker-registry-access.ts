import type { Draft } from '../../core/document.ts'
import type { FormatContext } from '../../ports/format.ts'
import { putPeer } from './peer.ts'
import { put } from './json-record.ts'
import { relate } from './document.ts'
import { readIso } from './time.ts'

const LINE =
  /^(\S{1,255}) - (\S{1,255}) \[(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}:\d{2}:\d{2}) ([+-]\d{4})\] "([A-Z]{3,10}) (\S+) HTTP\/(\d\.\d)" (\d{3}) (\d{1,15}|-) "([^"]*)" "([^"]*)"$/
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** The access log (Apache's combined form) of requests below `/v2/`. */
export function readAccess(text: string, draft: Draft, context: FormatContext): boolean {
  const match = text.length > 16_384 ? null : LINE.exec(text)
  if (match === null || !match[9]!.startsWith('/v2')) return false
  const { fields } = draft
  const [, address, user, day, month, year, clock, zone, method, uri, version, code, bytes, referrer, agent] =
    match
  const number = String(MONTHS.indexOf(month!) + 1).padStart(2, '0')
  const stamp = readIso(`${year}-${number}-${day}T${clock}${zone}`, 0, context.utcOffsetMinutes)
  draft.timeNs = stamp?.ns ?? draft.timeNs
  const status = Number(code)
  const isRefused = status === 401 || status === 403
  put(fields, 'event.action', isRefused ? 'registry-auth-failed' : 'registry-request')
  put(fields, 'event.category', ['web'])
  put(fields, 'event.type', isRefused ? ['access', 'denied'] : ['access'])
  put(fields, 'event.outcome', status >= 400 ? 'failure' : 'success')
  putPeer(draft, 'source', address!)
  put(fields, 'user.name', user === '-' ? '' : user)
  if (user !== '-') relate(draft, 'user', user!)
  put(fields, 'http.request.method', method)
  put(fields, 'http.request.referrer', referrer)
  put(fields, 'http.version', version)
  put(fields, 'http.response.status_code', status)
  if (bytes !== '-') put(fields, 'http.response.body.bytes', Number(bytes))
  put(fields, 'url.original', uri)
  put(fields, 'url.path', uri!.split('?', 1)[0])
  put(fields, 'user_agent.original', agent)
  put(fields, 'observer.product', 'distribution')
  put(fields, 'observer.type', 'registry')
  const repository = /^\/v2\/(.{1,255}?)\/(?:manifests|blobs|tags|referrers)\//.exec(uri!)?.[1]
  put(fields, 'decklog.registry.repository', repository)
  return true
}
