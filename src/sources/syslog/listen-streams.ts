import { once } from 'node:events'
import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import { BlockList, connect, createServer, isIP, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from 'node:tls'
import { DecklogError, systemCode } from '../../core/errors.ts'
import { certificateNames, clientName } from './certificate-names.ts'
import { Connection } from './connection.ts'
import type { Intake } from './intake.ts'
import { readProxyHeader } from './proxy-header.ts'
import { plainAddress, type Sender, type Senders } from './senders.ts'
import type { Address, SyslogTls, Transport } from './syslog-config.ts'

export interface StreamListener {
  /** `host:port`, or a path. */
  readonly address: string
  /** Takes no new connection, and what the open ones have sent. */
  close(): Promise<void>
}

interface Shared {
  readonly intake: Intake
  readonly senders: Senders
  /** Open connections of all listeners, also those that have said nothing yet. */
  readonly sockets: Set<Socket>
}

const KEEP_ALIVE_MS = 60_000

/** @throws {DecklogError} `unreachable` */
export async function listenTcp(address: Address, shared: Shared): Promise<StreamListener> {
  const door = new Door('tcp', shared)
  return door.listen({ host: address.host, port: address.port })
}

/** @throws {DecklogError} `unreachable`, `config-invalid` */
export async function listenTls(address: Address, tls: SyslogTls, shared: Shared): Promise<StreamListener> {
  const door = new Door('tls', shared, tls)
  return door.listen({ host: address.host, port: address.port })
}

/** @throws {DecklogError} `unreachable` */
export async function listenUnix(path: string, mode: string, shared: Shared): Promise<StreamListener> {
  await makeRoom(path)
  const listener = await new Door('unix', shared).listen({ path })
  chmodSync(path, Number.parseInt(mode, 8))
  return listener
}

/** Lets connections in: counts them, finds out whose they are, and has them read. */
class Door {
  readonly #transport: Transport
  readonly #shared: Shared
  readonly #server: Server
  readonly #tls: TlsServer | undefined
  readonly #clients: readonly string[] | undefined
  readonly #asksClients: boolean
  readonly #proxies: BlockList | undefined
  readonly #connections = new Set<Connection>()
  /** Whose connections are in their TLS handshake: by the address and port of the other end. */
  readonly #shaking = new Map<string, Sender>()

  constructor(transport: Transport, shared: Shared, tls?: SyslogTls) {
    this.#transport = transport
    this.#shared = shared
    const { handshakeTimeout, proxies } = shared.intake.options.config
    this.#clients = tls?.clients
    this.#asksClients = tls?.clientCa !== undefined
    this.#tls = tls === undefined ? undefined : tlsServer(tls, handshakeTimeout)
    this.#proxies = proxies === undefined || transport === 'unix' ? undefined : listOf(proxies)
    this.#server = createServer({ allowHalfOpen: false }, (socket) => this.#accept(socket))
    this.#tls?.on('secureConnection', (socket) => this.#secured(socket))
    this.#tls?.on('tlsClientError', (error, socket) => this.#notSecured(error, socket))
  }

  async listen(
    where: { readonly host: string; readonly port: number } | { readonly path: string },
  ): Promise<StreamListener> {
    const text = 'path' in where ? where.path : `${where.host}:${where.port}`
    try {
      this.#server.listen(where)
      await once(this.#server, 'listening')
    } catch (error) {
      throw cannotListen(`${this.#transport} on ${text}`, error)
    }
    this.#server.on('error', (error) =>
      this.#shared.intake.options.log.warn(
        { code: systemCode(error) },
        'a connection of syslog could not be accepted',
      ),
    )
    return { address: addressOf(this.#server), close: () => this.#close() }
  }

  #accept(socket: Socket): void {
    const { intake, senders, sockets } = this.#shared
    const { config } = intake.options
    const address = this.#transport === 'unix' ? 'local' : plainAddress(socket.remoteAddress)
    if (sockets.size >= config.connectionsMax)
      return refuse(socket, () => intake.refuse('connections', address))
    const sender = senders.of(address)
    sockets.add(socket)
    intake.showConnections(sockets.size)
    socket.on('error', ignore)
    socket.once('close', () => {
      sockets.delete(socket)
      intake.showConnections(sockets.size)
    })
    if (this.#transport !== 'unix') socket.setKeepAlive(true, KEEP_ALIVE_MS)
    const isProxy = this.#proxies?.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4') === true
    if (isProxy) this.#readHeader(socket)
    else this.#admit(socket, sender)
  }

  #readHeader(socket: Socket): void {
    const { intake, senders } = this.#shared
    const { handshakeTimeout } = intake.options.config
    const from = plainAddress(socket.remoteAddress)
    const reject = (): void => refuse(socket, () => intake.refuse('proxy-header', from))
    let bytes: Buffer = Buffer.alloc(0)
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk])
      const header = readProxyHeader(bytes)
      if (header.kind === 'more') return
      socket.removeListener('data', onData)
      socket.setTimeout(0)
      socket.removeListener('timeout', reject)
      if (header.kind === 'none') return reject()
      socket.pause()
      if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length))
      this.#admit(socket, senders.of(header.address ?? from))
    }
    socket.on('data', onData)
    socket.setTimeout(handshakeTimeout)
    socket.once('timeout', reject)
  }

  #admit(socket: Socket, sender: Sender): void {
    const { intake, senders } = this.#shared
    if (sender.connections >= intake.options.config.senderConnectionsMax)
      return refuse(socket, () => intake.refuse('sender-connections', sender.address))
    sender.connections++
    socket.once('close', () => senders.closed(sender))
    if (this.#tls === undefined) return this.#serve(socket, sender)
    const peer = peerOf(socket)
    this.#shaking.set(peer, sender)
    socket.once('close', () => this.#shaking.delete(peer))
    this.#tls.emit('connection', socket)
  }

  #secured(socket: TLSSocket): void {
    const { intake } = this.#shared
    const sender = this.#shaking.get(peerOf(socket))
    socket.on('error', ignore)
    if (sender === undefined) return void socket.destroy()
    if (!this.#asksClients) return this.#serve(socket, sender)
    if (!socket.authorized) {
      const why = `${sender.address}, ${String(socket.authorizationError)}`
      return refuse(socket, () => intake.refuse('client-certificate', why))
    }
    const names = certificateNames(socket)
    const client = names === undefined ? undefined : clientName(names, this.#clients)
    if (client === undefined) return refuse(socket, () => intake.refuse('client-name', sender.address))
    this.#serve(socket, sender, client)
  }

  #notSecured(error: Error, socket: TLSSocket): void {
    const address = this.#shaking.get(peerOf(socket))?.address ?? plainAddress(socket.remoteAddress)
    this.#shared.intake.refuse('tls-handshake', `${address}, ${systemCode(error) ?? 'unknown error'}`)
    socket.on('error', ignore)
    socket.destroy()
  }

  #serve(socket: Socket, sender: Sender, client?: string): void {
    const { intake, senders } = this.#shared
    const names = senders.namesOf(sender, this.#transport, client)
    const connection = new Connection({ socket, intake, senders, sender, names })
    this.#connections.add(connection)
    void connection.ended.then(() => this.#connections.delete(connection))
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    await Promise.all([...this.#connections].map((one) => one.close()))
    const rest = [...this.#shared.sockets].map(async (socket) => {
      socket.destroy()
      if (this.#shared.sockets.has(socket)) await once(socket, 'close')
    })
    await Promise.all([closed, ...rest])
  }
}

function ignore(): void {}

function refuse(socket: Socket, say: () => void): void {
  say()
  socket.on('error', ignore)
  socket.destroy()
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}

function tlsServer(tls: SyslogTls, handshakeTimeout: number): TlsServer {
  const { certificate, key, passphrase, clientCa, minVersion } = tls
  try {
    return createTlsServer({
      cert: certificate,
      key,
      ...(passphrase === undefined ? {} : { passphrase }),
      ...(clientCa === undefined ? {} : { ca: clientCa }),
      minVersion,
      handshakeTimeout,
      // Who has no good certificate is refused once the handshake is over: then it can be said why.
      requestCert: clientCa !== undefined,
      rejectUnauthorized: false,
    })
  } catch (error) {
    const why = systemCode(error) ?? 'unknown error'
    const message = `the certificate or key of a syslog source cannot be used (${why}): do they belong together, and is the passphrase right?`
    throw new DecklogError('config-invalid', message, { cause: error })
  }
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    const version = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, version)
    else list.addSubnet(address, Number(bits), version)
  }
  return list
}

function addressOf(server: Server): string {
  const address = server.address()
  return typeof address === 'string' || address === null ? String(address) : addressText(address)
}

export function addressText({ address, port }: Pick<AddressInfo, 'address' | 'port'>): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`
}

export function cannotListen(what: string, error: unknown): DecklogError {
  const code = systemCode(error) ?? 'unknown error'
  const hints: Readonly<Record<string, string>> = {
    EADDRINUSE: 'something else listens there: end it (rsyslog?), or choose another address',
    EACCES:
      'this needs a right (CAP_NET_BIND_SERVICE for ports below 1024): give it, or choose another address',
    EADDRNOTAVAIL: 'this machine does not have that address',
  }
  const hint = hints[code] === undefined ? '' : `; ${hints[code]}`
  return new DecklogError('unreachable', `cannot listen for syslog over ${what} (${code})${hint}`, {
    cause: error,
  })
}

/** A socket that an earlier run left is removed; one that is listened to, or another file, is not. @throws {DecklogError} `unreachable` */
async function makeRoom(path: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return
  if (!stats.isSocket()) {
    throw new DecklogError('unreachable', `${path} is no socket: it is left alone; choose another path`)
  }
  if (await isListenedTo(path)) {
    const hint = 'what systemd-journald takes from /dev/log is read by a source of kind journald'
    throw new DecklogError('unreachable', `something else listens on ${path}: choose another path (${hint})`)
  }
  unlinkSync(path)
}

async function isListenedTo(path: string): Promise<boolean> {
  const socket = connect({ path })
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    // EPROTOTYPE: a datagram socket is there, and who listens to it cannot be told.
    return systemCode(error) !== 'ECONNREFUSED'
  } finally {
    socket.destroy()
  }
}
