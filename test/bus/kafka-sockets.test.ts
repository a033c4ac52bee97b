import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { Sockets } from '../../src/bus/kafka/sockets.ts'

const REQUEST_BYTES = 300_000
/** More than the system takes of a peer that does not read. */
const TOO_MUCH_BYTES = 32 * 1024 * 1024

test('a request gives its memory back when it is written, and all of it has arrived', async () => {
  await using peer = await listening()
  const { socket, other } = await connected(peer.server)
  const request = Buffer.alloc(REQUEST_BYTES, 7)
  const expected = Buffer.from(request)
  socket.write(request, 'binary')
  const received: Buffer[] = []
  let bytes = 0
  for await (const chunk of other as AsyncIterable<Buffer>) {
    received.push(chunk)
    bytes += chunk.length
    if (bytes >= REQUEST_BYTES) break
  }
  expect(Buffer.concat(received).equals(expected)).toBe(true)
  await expect.poll(() => request.byteLength).toBe(0)
  socket.destroy()
})

test('one that is under way when the connection ends is left alone', async () => {
  await using peer = await listening()
  const { socket, other } = await connected(peer.server)
  other.pause()
  const request = Buffer.alloc(TOO_MUCH_BYTES, 7)
  socket.write(request, 'binary')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  setImmediate(() => socket.destroy())
  await closed
  expect(request.byteLength).toBe(TOO_MUCH_BYTES)
  other.destroy()
})

async function listening(): Promise<{ readonly server: Server } & AsyncDisposable> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    server,
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}

async function connected(server: Server): Promise<{ readonly socket: Socket; readonly other: Socket }> {
  const { port } = server.address() as { port: number }
  const arrived = once(server, 'connection') as Promise<[Socket]>
  const { promise, resolve } = Promise.withResolvers<void>()
  const socket = new Sockets().factory({ host: '127.0.0.1', port, ssl: false as never, onConnect: resolve })
  socket.on('error', () => undefined)
  await promise
  const [other] = await arrived
  other.on('error', () => undefined)
  return { socket, other }
}
