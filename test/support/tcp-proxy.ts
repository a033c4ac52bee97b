import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP connection's way through a bad network. All faults act on connections that are open and on those to come. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** Connections open now. */
  readonly connections: number
  /** Connections that `cutBeforeResponse` has cut so far. */
  readonly cuts: number
  /** What is open now stays open and carries nothing any more, as when the other end has lost its power; new connections work. */
  freeze(): void
  /** Ends every open connection at once, on both sides. */
  cut(): void
  /**
   * The next `times` answers are lost, each with its connection: the server has done what was asked, and the client does not know.
   * Only connections count that have sent `requestBytesMin` since their last answer. Resolves when it has happened.
   */
  cutBeforeResponse(options?: { readonly times?: number; readonly requestBytesMin?: number }): Promise<void>
  /** Answers vanish while the connections stay open; with `false` those to come arrive again. */
  dropResponses(isOn: boolean): void
  /** Each piece arrives so much later, in both directions. */
  delay(ms: number): void
  /** New connections are closed at once. */
  refuse(isOn: boolean): void
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
  /** Sent by the client since the last answer. */
  asked: number
  isFrozen: boolean
}

export async function openTcpProxy(target: {
  readonly host: string
  readonly port: number
}): Promise<TcpProxy> {
  const pairs = new Set<Pair>()
  let [isDropping, isRefusing, delayMs, cuts] = [false, false, 0, 0]
  let armed: { times: number; requestBytesMin: number; done: () => void } | undefined

  const end = (pair: Pair): void => {
    pairs.delete(pair)
    pair.client.destroy()
    pair.server.destroy()
  }
  const pass = (to: Socket, data: Buffer): void => {
    if (delayMs === 0) to.write(data)
    else setTimeout(() => to.writable && to.write(data), delayMs)
  }
  const onAnswer = (pair: Pair, data: Buffer): void => {
    if (armed !== undefined && !pair.isFrozen && pair.asked >= armed.requestBytesMin) {
      end(pair)
      cuts++
      armed.times--
      if (armed.times > 0) return
      armed.done()
      armed = undefined
      return
    }
    pair.asked = 0
    if (!isDropping && !pair.isFrozen) pass(pair.client, data)
  }
  const server = createServer((client) => {
    if (isRefusing) {
      client.destroy()
      return
    }
    const pair: Pair = { client, server: connect(target), asked: 0, isFrozen: false }
    pairs.add(pair)
    client.on('data', (data: Buffer) => {
      pair.asked += data.byteLength
      if (!pair.isFrozen) pass(pair.server, data)
    })
    pair.server.on('data', (data: Buffer) => onAnswer(pair, data))
    for (const socket of [client, pair.server]) {
      socket.setNoDelay(true)
      socket.on('error', () => end(pair))
      socket.on('close', () => end(pair))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return pairs.size
    },
    get cuts() {
      return cuts
    },
    freeze() {
      for (const pair of pairs) pair.isFrozen = true
    },
    cut() {
      for (const pair of pairs) end(pair)
    },
    cutBeforeResponse({ times = 1, requestBytesMin = 1 } = {}) {
      return new Promise((resolve) => {
        armed = { times, requestBytesMin, done: resolve }
      })
    },
    dropResponses(isOn) {
      isDropping = isOn
    },
    delay(ms) {
      delayMs = ms
    },
    refuse(isOn) {
      isRefusing = isOn
    },
    async [Symbol.asyncDispose]() {
      for (const pair of pairs) end(pair)
      server.close()
      await once(server, 'close')
    },
  }
}
