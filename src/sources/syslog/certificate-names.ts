import type { TLSSocket } from 'node:tls'

/** Who a client says that it is, by a certificate that was verified. */
export interface CertificateNames {
  readonly commonName: string | undefined
  /** DNS names, addresses, URIs and mail addresses, as they are written. */
  readonly alternative: readonly string[]
  readonly fingerprint: string
}

const NAME_MAX = 256

/** Undefined: it has shown none. */
export function certificateNames(socket: TLSSocket): CertificateNames | undefined {
  const { subject, subjectaltname, fingerprint256 } = socket.getPeerCertificate()
  if (fingerprint256 === undefined) return undefined
  const given: unknown = subject?.CN
  const commonName = Array.isArray(given) ? given[0] : given
  return {
    commonName: typeof commonName === 'string' && commonName !== '' ? commonName : undefined,
    alternative: alternativeNames(subjectaltname ?? ''),
    fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
  }
}

/** The name that a stream gets: the one that the configuration knows it by, else its own first. */
export function clientName(
  names: CertificateNames,
  allowed: readonly string[] | undefined,
): string | undefined {
  const all = [...(names.commonName === undefined ? [] : [names.commonName]), ...names.alternative]
  const found = allowed === undefined ? all : all.filter((name) => allowed.some((one) => fits(name, one)))
  const name = found[0] ?? (allowed === undefined ? names.fingerprint : undefined)
  return name?.slice(0, NAME_MAX)
}

/** `DNS:a.example.com, IP Address:192.0.2.7, URI:"…"`: OpenSSL's text; Node puts quotes around what could be mistaken. */
export function alternativeNames(text: string): string[] {
  const names: string[] = []
  for (let at = 0; at < text.length; ) {
    const colon = text.indexOf(':', at)
    if (colon === -1) break
    const isQuoted = text[colon + 1] === '"'
    const end = isQuoted ? quoteEnd(text, colon + 2) : text.indexOf(', ', colon)
    const stop = end === -1 ? text.length : end
    const value = text.slice(colon + 1, isQuoted ? stop + 1 : stop)
    const name = isQuoted ? unquoted(value) : value
    if (name !== undefined && name !== '') names.push(name)
    at = isQuoted ? stop + 3 : stop + 2
  }
  return names
}

function quoteEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at
  }
  return -1
}

function unquoted(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

function fits(name: string, allowed: string): boolean {
  const given = name.toLowerCase()
  const wanted = allowed.toLowerCase()
  if (!wanted.startsWith('*.')) return given === wanted
  const dot = given.indexOf('.')
  return dot > 0 && given.slice(dot) === wanted.slice(1)
}
