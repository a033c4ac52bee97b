import type { Draft } from '../../core/document.ts'
import { putEndpoint } from './endpoint.ts'

/** `source.*` or `destination.*` of `10.0.0.7:42961`, `[2001:db8::7]:42961` or an address alone. */
export function putPeer(draft: Draft, name: 'source' | 'destination', text: string): void {
  const { address, port } = peerParts(text)
  if (address === '' || address.length > 255) return
  putEndpoint(draft, name, { address, port, start: 0, end: 0 })
}

export function peerParts(text: string): { readonly address: string; readonly port: number } {
  const bracket = text.startsWith('[') ? text.indexOf(']') : -1
  if (bracket > 0) return { address: text.slice(1, bracket), port: portOf(text.slice(bracket + 2)) }
  const colon = text.indexOf(':')
  if (colon < 0 || text.includes(':', colon + 1)) return { address: text, port: -1 }
  return { address: text.slice(0, colon), port: portOf(text.slice(colon + 1)) }
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1
  return port <= 65_535 ? port : -1
}
