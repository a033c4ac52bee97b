import { connect as connectPlain, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ISocketFactory } from 'kafkajs'
import type { Address } from './options.ts'

const KEEP_ALIVE_MS = 15_000

/**
 * The connections of one client. kafkajs learns that a connection is gone only from `end` and `error`: one that closes without
 * either would leave its requests pending until they time out, so here every close is an end. And it writes a request in one
 * piece, so Nagle's algorithm could only hold back its last segment (40 ms on a quiet connection).
 */
export class Sockets {
  /** By the broker's address, `host:port`. */
  readonly #open = new Map<Socket, string>()
  #isShut = false
  readonly #reroute: (address: Address) => Address

  constructor(reroute: (address: Address) => Address = (address) => address) {
    this.#reroute = reroute
  }

  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    const address = this.#reroute({ host, port })
    const socket = ssl
      ? connectTls({ ...address, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
      : connectPlain(address, onConnect)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.setNoDelay(true)
    let hasEnded = false
    socket.once('end', () => (hasEnded = true))
    socket.once('close', () => {
      this.#open.delete(socket)
      if (!hasEnded) socket.emit('end')
    })
    this.#open.set(socket, `${host}:${port}`)
    if (this.#isShut) socket.destroy(new Error('the client is closed'))
    return socket
  }

  /** Ends the connections to one broker, or all; kafkajs makes new ones when it needs them. */
  cut(broker?: string): void {
    for (const [socket, address] of this.#open)
      if (broker === undefined || broker === address) socket.destroy()
  }

  /** For good: a client that still tries to do something fails at it. */
  shut(): void {
    this.#isShut = true
    this.cut()
  }
}
