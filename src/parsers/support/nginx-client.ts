import type { Draft } from '../../core/document.ts'
import { child, relate } from './document.ts'
import { ipOf } from './endpoint.ts'
import { firstPublic, type HostPort, hostPort, isWord, putDestination, putUser } from './web-access.ts'

/**
 * What stands before the time: `[HOST[:PORT] ]CLIENTS - USER`. CLIENTS is an address, or a list as `X-Forwarded-For` has it,
 * with or without quotation marks: `10.0.0.2, 10.0.0.1`, `"10.5.102.222, 199.96.1.1" 10.2.1.185`, `unix:`.
 * False when it is none.
 */
export function readClients(head: string): Clients | undefined {
  const quoteEnd = head.includes('"') ? head.lastIndexOf('"') : 0
  const dash = head.indexOf(' - ', quoteEnd)
  if (dash <= 0) return undefined
  const left = head.slice(0, dash)
  const user = head.slice(dash + 3)
  const space = left.indexOf(' ')
  const hasHost = space > 0 && left.charCodeAt(0) !== 34 && left.charCodeAt(space - 1) !== 44
  const list = hasHost ? left.slice(space + 1) : left
  const addresses =
    space < 0
      ? [list]
      : list
          .split(' ')
          .map(bare)
          .filter((address) => address !== '')
  if (addresses.length === 0) return undefined
  return { host: hasHost ? hostPort(left.slice(0, space)) : undefined, addresses, user }
}

export interface Clients {
  readonly host: HostPort | undefined
  readonly addresses: readonly string[]
  readonly user: string
}

function bare(token: string): string {
  const from = token.startsWith('"') ? 1 : 0
  let to = token.length
  while (to > from && (token.charCodeAt(to - 1) === 34 || token.charCodeAt(to - 1) === 44)) to--
  return token.slice(from, to)
}

/**
 * `source`, and under `nginx.access` or `nginx_ingress_controller.access` all addresses. Any client can write those of a
 * `X-Forwarded-For` but the last; the first public one is the source, as Elastic has it, and all are in `related.ip`.
 */
export function putClients(draft: Draft, { host, addresses, user }: Clients, product: string): void {
  const isList = addresses.every(
    (address) => ipOf(address) !== undefined || isWord(address, 0, address.length),
  )
  if (isList) child(child(draft.fields, product), 'access')['remote_ip_list'] = [...addresses]
  const address = firstPublic(addresses)
  const ip = ipOf(address)
  draft.fields['source'] = ip === undefined ? { address } : { address, ip }
  if (ip !== undefined) relate(draft, 'ip', ip)
  if (host !== undefined) putDestination(draft, host)
  for (const each of addresses) {
    const other = ipOf(each)
    if (other !== undefined) relate(draft, 'ip', other)
  }
  putUser(draft, user)
}
