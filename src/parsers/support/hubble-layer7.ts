import type { Draft, JsonObject } from '../../core/document.ts'
import { ipOf } from './endpoint.ts'
import { intOf, isShallow, objectOf, put, str, stringsOf } from './json-record.ts'
import { relate } from './document.ts'
import { isObject } from './document.ts'

/** `dns.*`, `http.*` and `url.*` of what the proxy saw; gives it in words, '' where there is none. */
export function putLayer7(draft: Draft, layer7: JsonObject): string {
  const { fields } = draft
  const latency = intOf(layer7['latency_ns'])
  if (latency !== undefined && latency > 0) put(fields, 'event.duration', latency)
  put(fields, 'decklog.hubble.layer7', str(layer7['type']).toLowerCase())
  if (isObject(layer7['dns'])) return putDns(draft, layer7['dns'], str(layer7['type']))
  if (isObject(layer7['http'])) return putHttp(fields, layer7['http'])
  if (isObject(layer7['kafka']) && isShallow(layer7['kafka'])) return putKafka(fields, layer7['kafka'])
  return ''
}

const CODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'] as const

function putDns(draft: Draft, dns: JsonObject, type: string): string {
  const { fields } = draft
  const isAnswer = type === 'RESPONSE'
  const name = str(dns['query']).replace(/\.$/, '')
  const types = stringsOf(dns['qtypes'], 8) ?? []
  const code = intOf(dns['rcode'])
  put(fields, 'network.protocol', 'dns')
  put(fields, 'dns.type', isAnswer ? 'answer' : 'query')
  put(fields, 'dns.question.name', name)
  put(fields, 'dns.question.type', types[0])
  if (isAnswer) put(fields, 'dns.response_code', CODES[code ?? 0] ?? String(code))
  const addresses = (stringsOf(dns['ips'], 64) ?? []).map(ipOf).filter((ip) => ip !== undefined)
  put(fields, 'dns.resolved_ip', addresses)
  for (const ip of addresses) relate(draft, 'ip', ip)
  relate(draft, 'hosts', name)
  return `dns ${name} ${types.join(',')}${isAnswer ? ` ${CODES[code ?? 0] ?? code}` : ''}`
}

function putHttp(fields: JsonObject, http: JsonObject): string {
  const code = intOf(http['code'])
  const url = str(http['url'])
  put(fields, 'network.protocol', 'http')
  put(fields, 'http.request.method', str(http['method']))
  if (code !== undefined && code > 0) put(fields, 'http.response.status_code', code)
  put(fields, 'http.version', str(http['protocol']).replace(/^HTTP\//, ''))
  put(fields, 'url.original', url)
  const path = /^[a-z][a-z0-9+.-]*:\/\/([^/?#:]*)(?::(\d{1,5}))?([^?#]*)(?:\?([^#]*))?/i.exec(url)
  if (path !== null) {
    put(fields, 'url.domain', path[1])
    put(fields, 'url.port', path[2] === undefined ? undefined : Number(path[2]))
    put(fields, 'url.path', path[3])
    put(fields, 'url.query', path[4])
  } else put(fields, 'url.path', url.split('?', 1)[0])
  return `${str(http['method'])} ${url}${code === undefined || code === 0 ? '' : ` ${code}`}`
}

function putKafka(fields: JsonObject, kafka: JsonObject): string {
  put(fields, 'network.protocol', 'kafka')
  const topic = objectOf(kafka)['topic']
  put(fields, 'decklog.hubble.topic', str(topic))
  return `kafka ${str(kafka['api_key'])} ${str(topic)}`
}
