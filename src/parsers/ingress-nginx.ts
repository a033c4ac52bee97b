import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { klog } from './klog.ts'
import { nginxError } from './nginx-error.ts'
import { child, isObject } from './support/document.ts'
import { putClients, readClients } from './support/nginx-client.ts'
import { putUpstream, type Upstream } from './support/nginx-upstream.ts'
import { putAgent, putExchange, putReferrer, putTime, quotedAt, readAccess } from './support/web-access.ts'
import { readWebJson } from './support/web-json.ts'

/**
 * ingress-nginx's `log-format-upstream` (rootfs/etc/nginx/template, internal/ingress/controller/config):
 *
 *     $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"
 *     $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name]
 *     $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id
 *
 * all on one line. What is said of the upstream is a list where several were tried: `10.0.0.1:80, 10.0.0.2:80 0, 12 0.000, 0.012 502, 200`.
 *
 * Its container writes nginx's errors and the controller's own lines besides, in the formats `nginx-error` and `klog`.
 */
export const ingressNginx: FormatDefinition = {
  name: 'ingress-nginx',
  version: 1,
  kind: 'payload',
  title: 'ingress-nginx: access log, errors, controller',
  definedBy: 'https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/log-format/',
  dataset: 'nginx_ingress_controller.access',
  example:
    '203.0.113.7 - - [24/Nov/2026:08:00:00 +0000] "POST /login HTTP/2.0" 401 59 "-" "curl/8.14.1" 89 0.012 [shop-web-8080] [] 10.244.1.5:8080, 10.244.2.7:8080 0, 59 0.000, 0.012 502, 401 529a007902362a5f51385a5fa7049884',
  remarks: [
    'Names and types are those of Elastic’s integration; of several upstreams the last one answered, and lengths and times are sums. nginx’s errors are read as `nginx-error` does, the controller’s own lines as `klog`, with `nginx_ingress_controller.error.*` besides; there `log.level` is a word, where Elastic’s integration has klog’s letter.',
    '`source` is the first address that is not private, as Elastic’s integration chooses; all addresses are in `related.ip`. `user_agent` has `original` only.',
    'A line of JSON (`log-format-escape-json`) whose keys are nginx’s variables, or those of the project’s own example, is read too.',
  ],
  actions: klog.actions!,
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  if (text.charCodeAt(4) === 47) return nginxError.parse(text, draft, context)
  if (text.charCodeAt(14) === 46 && klog.parse(text, draft, context)) return putController(draft)
  if (text.charCodeAt(0) === 123) return readWebJson(text, draft, context, 'nginx_ingress_controller')
  const access = readAccess(text)
  const clients = access === undefined ? undefined : readClients(access.head)
  if (access === undefined || clients === undefined) return false
  const referrer = quotedAt(text, access.end)
  const agent = referrer === undefined ? undefined : quotedAt(text, referrer.end)
  const upstream = agent === undefined ? undefined : readUpstream(text.slice(agent.end))
  if (upstream === undefined) return false
  draft.fields['event'] = { category: ['web'], type: ['info'] }
  putTime(draft, access.timeMs)
  putExchange(draft, access.request, access.status, access.bytes)
  putReferrer(draft, referrer!.value)
  putAgent(draft, agent!.value)
  putClients(draft, clients, 'nginx_ingress_controller')
  putUpstream(draft, upstream)
  return true
}

/** What Elastic's integration calls the error log: where in the controller's source a line comes from. */
function putController(draft: Draft): true {
  const log = child(draft.fields, 'log')
  const origin = isObject(log['origin']) ? log['origin'] : {}
  const file = isObject(origin['file']) ? origin['file'] : {}
  const process = child(draft.fields, 'process')
  const thread = isObject(process['thread']) ? process['thread']['id'] : undefined
  const source: JsonObject = { file: file['name'] ?? '', line_number: file['line'] ?? 0 }
  const error: JsonObject = thread === undefined ? { source } : { thread_id: thread, source }
  child(draft.fields, 'nginx_ingress_controller')['error'] = error
  const event = child(draft.fields, 'event')
  event['category'] ??= ['web']
  const level = log['level']
  event['type'] ??= [level === 'error' || level === 'fatal' ? 'error' : 'info']
  return true
}

/** ` 89 0.001 [default-web-8080] [] 172.17.0.5:8080 59 0.000 200 529a…`. Undefined when it is none. */
function readUpstream(text: string): Upstream | undefined {
  const open = text.indexOf(' [')
  const close = open < 0 ? -1 : text.indexOf('] [', open)
  const end = close < 0 ? -1 : text.indexOf('] ', close + 3)
  if (end < 0) return undefined
  const [length, time, ...more] = text.slice(1, open).split(' ', 3)
  if (length === undefined || time === undefined || more.length > 0) return undefined
  const lists = listsOf(text.slice(end + 2))
  if (lists.length < 5) return undefined
  return {
    length,
    time,
    name: text.slice(open + 2, close),
    alternative: text.slice(close + 3, end),
    addresses: lists[0]!,
    lengths: lists[1]!,
    times: lists[2]!,
    statuses: lists[3]!,
    id: lists.slice(4).join(' '),
  }
}

const WORDS_MAX = 400

/** Words, but those that a comma or a colon of its own joins are one. */
function listsOf(text: string): string[] {
  const lists: string[] = []
  let isOpen = false
  for (const word of text.split(' ', WORDS_MAX)) {
    if (word === ':' && lists.length > 0) {
      lists.push(`${lists.pop()!} :`)
      isOpen = true
      continue
    }
    if (isOpen) lists.push(`${lists.pop()!} ${word}`)
    else lists.push(word)
    isOpen = word.endsWith(',')
  }
  return lists
}
