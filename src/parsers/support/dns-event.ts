import type { Draft } from '../../core/document.ts'
import { relate } from './document.ts'
import { ipOf } from './endpoint.ts'
import { put } from './json-record.ts'

/** What a resolver says of one question. */
export interface DnsEvent {
  readonly action: 'dns-query' | 'dns-answer' | 'dns-forwarded' | 'dns-denied'
  readonly product: string
  readonly ns?: bigint | undefined
  readonly name: string
  readonly type?: string | undefined
  readonly class?: string | undefined
  readonly id?: string | undefined
  readonly code?: string | undefined
  /** Address, name or text of a record. */
  readonly answer?: string | undefined
  readonly client?: string | undefined
  readonly clientPort?: number | undefined
  readonly server?: string | undefined
  readonly transport?: string | undefined
  readonly flags?: string | undefined
  readonly durationNs?: number | undefined
  readonly bytes?: number | undefined
  readonly reason?: string | undefined
}

const NAME_MAX = 1024

export function putDns(draft: Draft, event: DnsEvent): void {
  const { fields } = draft
  if (event.ns !== undefined) draft.timeNs = event.ns
  const name = event.name.length > NAME_MAX ? event.name.slice(0, NAME_MAX) : event.name
  const bare = name.length > 1 && name.endsWith('.') ? name.slice(0, -1) : name
  const isAnswer = event.action === 'dns-answer'
  put(fields, 'event.action', event.action)
  put(fields, 'event.category', ['network'])
  put(fields, 'event.type', event.action === 'dns-denied' ? ['protocol', 'denied'] : ['protocol'])
  if (event.action === 'dns-denied') put(fields, 'event.outcome', 'failure')
  else if (event.code !== undefined)
    put(fields, 'event.outcome', event.code === 'NOERROR' ? 'success' : 'failure')
  put(fields, 'event.reason', event.reason)
  put(fields, 'event.duration', event.durationNs)
  put(fields, 'network.protocol', 'dns')
  put(fields, 'network.transport', event.transport)
  put(fields, 'observer.product', event.product)
  put(fields, 'dns.type', isAnswer ? 'answer' : 'query')
  put(fields, 'dns.id', event.id)
  put(fields, 'dns.question.name', bare)
  put(fields, 'dns.question.type', event.type)
  put(fields, 'dns.question.class', event.class)
  put(fields, 'dns.response_code', event.code)
  put(fields, 'dns.header_flags', event.flags)
  relate(draft, 'hosts', bare)
  putAnswer(draft, event)
  putEnds(draft, event)
}

function putAnswer(draft: Draft, { answer, bytes }: DnsEvent): void {
  if (bytes !== undefined) put(draft.fields, 'destination.bytes', bytes)
  if (answer === undefined || answer === '') return
  const ip = ipOf(answer)
  if (ip === undefined) {
    if (!answer.startsWith('<')) put(draft.fields, 'dns.answers.data', [answer])
    return
  }
  put(draft.fields, 'dns.resolved_ip', [ip])
  relate(draft, 'ip', ip)
}

function putEnds(draft: Draft, { client, clientPort, server }: DnsEvent): void {
  const { fields } = draft
  const from = client === undefined ? undefined : ipOf(client)
  const to = server === undefined ? undefined : ipOf(server)
  put(fields, 'source.ip', from)
  put(fields, 'source.address', from)
  put(fields, 'source.port', clientPort)
  put(fields, 'destination.ip', to)
  put(fields, 'destination.address', to)
  for (const ip of [from, to]) if (ip !== undefined) relate(draft, 'ip', ip)
}
