import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { urlHost } from '../api/security.ts'
import { DecklogError, systemCode } from '../core/errors.ts'

export interface ListenAt {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
}

const CLOSE_GRACE_MS = 2_000

/** Resolves with the address it really has, `http://127.0.0.1:7700`. @throws {DecklogError} `unreachable` when it cannot listen */
export async function listen(server: Server, { host, port }: ListenAt): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onError = (error: unknown): void => reject(listenError(error, `${urlHost(host)}:${port}`))
  server.once('error', onError)
  server.listen({ host, port }, () => {
    server.off('error', onError)
    resolve()
  })
  await promise
  return `http://${urlHost(host)}:${(server.address() as AddressInfo).port}`
}

function listenError(error: unknown, address: string): DecklogError {
  const code = systemCode(error)
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE:
      'another program (perhaps another decklog) has this port; stop it, or set http.listen to another port',
    EACCES: 'this user may not use the port; set http.listen to one above 1023',
    EADDRNOTAVAIL: 'this machine has no such address; set http.listen to one that it has',
    ENOTFOUND: 'this host name is not known; set http.listen to an address',
  }
  const reason = why[code ?? ''] ?? `the system says ${code ?? 'no more'}; see http.listen`
  return new DecklogError('unreachable', `cannot listen on ${address}: ${reason}`, { cause: error })
}

/** Answers in flight have a moment to end; `beforeCut` ends streams. */
export async function closeServer(server: Server, beforeCut: () => void = () => {}): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  beforeCut()
  server.closeIdleConnections()
  const grace = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS)
  await promise
  clearTimeout(grace)
}
