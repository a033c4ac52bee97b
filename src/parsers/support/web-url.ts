import type { JsonObject } from '../../core/document.ts'
import { numberAt } from './quoted.ts'

/**
 * `url.*` of what a request line named, as Elastic's `uri_parts` has it: path and query with their escapes resolved, the
 * extension of the last segment. What holds escapes that are none stays as it is.
 */
export function urlParts(original: string): JsonObject {
  const url: JsonObject = { original }
  let rest = original
  const scheme = schemeEnd(original)
  if (scheme > 0) {
    url['scheme'] = original.slice(0, scheme)
    const from = scheme + 3
    let end = from
    while (end < original.length && !isAuthorityEnd(original.charCodeAt(end))) end++
    putAuthority(url, original.slice(from, end))
    rest = original.slice(end)
  } else if (isAuthorityForm(original)) {
    putAuthority(url, original)
    return url
  }
  const hash = rest.indexOf('#')
  if (hash >= 0) {
    url['fragment'] = decoded(rest.slice(hash + 1))
    rest = rest.slice(0, hash)
  }
  const question = rest.indexOf('?')
  if (question >= 0) {
    url['query'] = decoded(rest.slice(question + 1))
    rest = rest.slice(0, question)
  }
  const path = decoded(rest)
  if (path !== '') url['path'] = path
  const dot = path.lastIndexOf('.')
  if (dot > path.lastIndexOf('/') && dot + 1 < path.length) url['extension'] = path.slice(dot + 1)
  return url
}

const SCHEME_LENGTH_MAX = 16

function schemeEnd(text: string): number {
  const first = text.charCodeAt(0)
  if (first === 47 || first === 42) return -1
  const colon = text.indexOf('://')
  return colon > 0 && colon <= SCHEME_LENGTH_MAX ? colon : -1
}

/** `host:443`, as CONNECT has it. */
function isAuthorityForm(text: string): boolean {
  const colon = text.lastIndexOf(':')
  return colon > 0 && !text.includes('/') && numberAt(text, colon + 1)?.end === text.length
}

function isAuthorityEnd(code: number): boolean {
  return code === 47 || code === 63 || code === 35
}

/** `[user[:password]@]host[:port]`. A password is no field of its own. */
function putAuthority(url: JsonObject, authority: string): void {
  const at = authority.lastIndexOf('@')
  if (at > 0) url['username'] = authority.slice(0, at).split(':', 1)[0]!
  const host = authority.slice(at + 1)
  const colon = host.endsWith(']') ? -1 : host.lastIndexOf(':')
  const port = colon < 0 ? Number.NaN : Number(host.slice(colon + 1))
  if (Number.isInteger(port) && port > 0 && port < 65_536) url['port'] = port
  const domain = colon < 0 ? host : host.slice(0, colon)
  if (domain !== '') url['domain'] = domain
}

function decoded(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
