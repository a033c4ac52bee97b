import type { Draft } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { readBind } from './support/dns-bind.ts'
import { readDnsmasq } from './support/dns-dnsmasq.ts'
import { putDns } from './support/dns-event.ts'
import { readUnbound } from './support/dns-unbound.ts'
import { processName } from './support/document.ts'

/**
 * Queries and answers that a resolver logs (CoreDNS has a format of its own):
 *
 *     dnsmasq (log-queries, log-queries=extra)    [7 10.0.0.7/41234 ]query[A] example.com from 10.0.0.7      reply example.com is 203.0.113.9
 *     unbound (log-queries, log-replies)          [1795507200] unbound[1:0] info: 10.0.0.7 example.com. A IN[ NOERROR 0.023 0 60]
 *     BIND (category queries, security, rpz)      24-Nov-2026 08:00:00.123 client @0x7f 10.0.0.7#41234 (example.com): query: example.com IN A +E(0)K (192.0.2.53)
 */
export const dns: FormatDefinition = {
  name: 'dns',
  version: 1,
  kind: 'payload',
  title: 'DNS queries: dnsmasq, unbound, BIND',
  definedBy:
    'dnsmasq: src/cache.c log_query(); unbound: util/net_help.c log_nametypeclass(), log_reply_info(); BIND 9: lib/ns/query.c, lib/ns/client.c',
  dataset: 'decklog.dns',
  example:
    '24-Nov-2026 08:00:00.123 queries: info: client @0x7f3a5c0 10.0.0.7#41234 (example.com): query: example.com IN A +E(0)K (192.0.2.53)',
  remarks: [
    'The message stays as it is. A name is kept without its last dot; what a client asked for is in `related.hosts`, addresses of answers in `dns.resolved_ip` and `related.ip`.',
    'dnsmasq writes one line a step: `dns.type` is `query` for `query`, `answer` for `reply`, `cached`, `config` and files; `forwarded` names the upstream as `destination`. Other lines of the three are left to the format before.',
  ],
  actions: {
    'dns-query': 'A question of a client',
    'dns-answer': 'An answer, or a record of one',
    'dns-forwarded': 'A question was sent on',
    'dns-denied': 'Refused: not allowed, or rewritten by a policy',
  },
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const writer = processName(draft)
  const event =
    writer === undefined
      ? (readUnbound(text, context) ?? readBind(text, context) ?? readDnsmasq(text))
      : writer === 'dnsmasq'
        ? readDnsmasq(text)
        : writer === 'unbound'
          ? readUnbound(text, context)
          : writer === 'named'
            ? readBind(text, context)
            : undefined
  if (event === undefined) return false
  putDns(draft, event)
  return true
}
