import type { Draft } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { child, relate } from './support/document.ts'
import { ipOf } from './support/endpoint.ts'
import { putClients, readClients } from './support/nginx-client.ts'
import { putAgent, putExchange, putReferrer, putTime, quotedAt, readAccess } from './support/web-access.ts'
import { readWebJson } from './support/web-json.ts'

/**
 * nginx's `combined` (ngx_http_log_module), and what the packages' nginx.conf calls `main`:
 *
 *     $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"
 *     … "$http_x_forwarded_for"
 *
 * with `$host ` or `$host:$server_port ` and `$http_x_forwarded_for` before it, as many have it.
 */
export const nginxAccess: FormatDefinition = {
  name: 'nginx-access',
  version: 1,
  kind: 'payload',
  title: 'nginx access log',
  definedBy: 'https://nginx.org/en/docs/http/ngx_http_log_module.html (combined), nginx.conf (main)',
  dataset: 'nginx.access',
  example:
    '203.0.113.7 - alice [24/Nov/2026:08:00:00 +0100] "GET /cart?item=4711 HTTP/1.1" 200 612 "https://shop.example/" "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"',
  remarks: [
    'The message stays as it is. `source` is the first address that is not private, as Elastic’s integration chooses; any client can write all addresses of `X-Forwarded-For` but the last. So every address of the line is in `related.ip` (Elastic: only the source and the destination).',
    'A request that is no request line (`"hello"`, bytes of TLS) has no `http.request`; HTTP 0.9 has no `http.version`. `url.path` and `url.query` have their escapes resolved, as Elastic’s `uri_parts` does; where that fails Elastic has no `url` at all, here it is as it was written.',
    'A last `"$http_x_forwarded_for"` gives `network.forwarded_ip`; Elastic’s integration does not read it. `user_agent` has `original` only: names of browsers and systems need a table of their own.',
    'A line of JSON whose keys are nginx’s variables is read too.',
  ],
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  if (text.charCodeAt(0) === 123) return readWebJson(text, draft, context, 'nginx')
  const access = readAccess(text)
  const clients = access === undefined ? undefined : readClients(access.head)
  if (access === undefined || clients === undefined) return false
  const referrer = quotedAt(text, access.end)
  const agent = referrer === undefined ? undefined : quotedAt(text, referrer.end)
  if (agent === undefined) return false
  draft.fields['event'] = { category: ['web'], type: ['access'] }
  putTime(draft, access.timeMs)
  putExchange(draft, access.request, access.status, access.bytes)
  putReferrer(draft, referrer!.value)
  putAgent(draft, agent.value)
  putClients(draft, clients, 'nginx')
  const forwarded = quotedAt(text, agent.end)
  if (forwarded?.value !== undefined) putForwarded(draft, forwarded.value)
  return true
}

const ADDRESSES_MAX = 64

/** `X-Forwarded-For` behind the user agent: the proxy in front is the source, who it spoke for is beside it. */
function putForwarded(draft: Draft, list: string): void {
  const addresses = list.split(',', ADDRESSES_MAX).flatMap((part) => ipOf(part.trim()) ?? [])
  if (addresses.length === 0) return
  child(draft.fields, 'network')['forwarded_ip'] = addresses[0]!
  for (const address of addresses) relate(draft, 'ip', address)
}
