import { connect as connectPlain, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ISocketFactory } from 'kafkajs'
import { release } from '../../core/release.ts'
import type { Address } from './options.ts'

const KEEP_ALIVE_MS = 15_000

/**
 * The connections of one client. kafkajs learns that a connection is gone only from `end` and `error`; at an `end` it forgets the
 * requests in flight if the connection was already being given up, and the attempt to connect if it had not been made: those would wait
 * for ever. At an `error` it ends them all, so here every close is one. And it writes a request in one piece, so Nagle's algorithm
 * could only hold back its last segment (40 ms on a quiet connection).
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
    releaseWritten(socket)
    let hasFailed = false
    socket.once('error', () => (hasFailed = true))
    socket.once('close', () => {
      this.#open.delete(socket)
      if (!hasFailed) socket.emit('error', new Error('the connection was closed'))
    })
    this.#open.set(socket, `${host}:${port}`)
    if (this.#isShut) socket.destroy(new Error('the client is closed'))
    return socket
  }

  /** Ends the connections to one broker, or all; kafkajs makes new ones when it needs them. */
  cut(broker?: string): void {
    for (const [socket, address] of this.#open)
      if (broker === undefined || broker === address) socket.destroy(new Error('the connection was given up'))
  }

  /** For good: a client that still tries to do something fails at it. */
  shut(): void {
    this.#isShut = true
    this.cut()
  }
}

/**
 * kafkajs encodes a request for one write and forgets it; a megabyte of them each second need not wait for the garbage collector. One
 * whose write failed may still be in the system's hands, and is left to it.
 */
function releaseWritten(socket: Socket): void {
  const write = socket.write.bind(socket) as (
    bytes: Uint8Array,
    encoding: BufferEncoding | undefined,
    onWritten: (error?: Error | null) => void,
  ) => boolean
  socket.write = ((bytes: Uint8Array, encoding?: BufferEncoding) =>
    write(bytes, encoding, (error) => {
      if (!error) release(bytes)
    })) as typeof socket.write
}
