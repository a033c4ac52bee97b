/** Headers of every answer. Log text is data: the page may load its own files and nothing else. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]']

/**
 * Host names that a server on `listenHost` answers to; undefined: any. On loopback only those that mean this machine, and the
 * configured ones: else a web page could name its own host, have it resolve to 127.0.0.1, and read the answers (DNS rebinding).
 */
export function servedHosts(
  listenHost: string,
  configured: readonly string[],
): ReadonlySet<string> | undefined {
  if (!isLoopback(listenHost) && configured.length === 0) return undefined
  return new Set([...LOOPBACK_NAMES, urlHost(listenHost), ...configured].map((name) => name.toLowerCase()))
}

/** Without its port: tunnels have other ports. */
export function hostName(header: string): string {
  return header.toLowerCase().replace(/:\d+$/, '')
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** As it stands in a URL: IPv6 in brackets. */
export function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
