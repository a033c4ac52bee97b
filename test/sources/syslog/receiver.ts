import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { z } from 'zod'
import { systemClock } from '../../../src/app/system-clock.ts'
import { syslogSource } from '../../../src/config/sources/syslog.ts'
import { Telemetry } from '../../../src/core/telemetry.ts'
import { startSyslog, type SyslogReceiver } from '../../../src/sources/syslog/syslog.ts'
import { MemorySpool } from '../../support/memory-spool.ts'

export interface Running extends AsyncDisposable {
  readonly spool: MemorySpool
  readonly telemetry: Telemetry
  readonly receiver: SyslogReceiver
  /** Of a transport: the port of its first address. */
  readonly port: (transport: 'udp' | 'tcp' | 'tls') => number
  dropped(reason: string): number
  refused(reason: string): number
}

type Given = Partial<z.input<typeof syslogSource>>

const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing }

/** A receiver on loopback; without any word of where to listen, on TCP. */
export async function running(given: Given, spool = new MemorySpool()): Promise<Running> {
  const where = ['udp', 'tcp', 'tls', 'unix'].some((one) => one in given) ? {} : { tcp: '127.0.0.1:0' }
  const config = syslogSource.parse({ kind: 'syslog', class: 'node', ...where, ...given })
  const telemetry = new Telemetry()
  const receiver = await startSyslog({ config, spool, clock: systemClock, telemetry, log: SILENT })
  return {
    spool,
    telemetry,
    receiver,
    port: (transport) => Number(receiver.addresses[transport][0]!.split(':').at(-1)),
    dropped: (reason) => telemetry.get('decklog_source_dropped_total', { kind: 'syslog', reason }),
    refused: (reason) => telemetry.get('decklog_source_refused_total', { kind: 'syslog', reason }),
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
  }
}

export async function tcp(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', nothing)
  await once(socket, 'connect')
  // Else nobody sees that the other end has closed.
  socket.resume()
  return socket
}

export async function tls(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  await once(socket, 'secureConnect')
  socket.on('error', nothing)
  socket.resume()
  return socket
}

export async function udp(port: number, ...messages: readonly (string | Buffer)[]): Promise<void> {
  const socket = createSocket('udp4')
  for (const message of messages) {
    await new Promise<void>((resolve, reject) =>
      socket.send(message, port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error))),
    )
  }
  socket.close()
}

/** Waits until it holds; fails with what it was last. */
export async function until<T>(
  look: () => T,
  holds: (value: T) => boolean = Boolean,
  ms = 10_000,
): Promise<T> {
  const endMs = Date.now() + ms
  for (;;) {
    const value = look()
    if (holds(value)) return value
    if (Date.now() > endMs) throw new Error(`it did not become so within ${ms} ms: ${JSON.stringify(value)}`)
    await systemClock.sleep(5)
  }
}

export interface Certificates extends Disposable {
  readonly ca: string
  readonly server: { readonly certificate: string; readonly key: string }
  /** Signed by the authority; common name `agent-1`, DNS name `agent-1.nodes.example`. */
  readonly client: { readonly cert: string; readonly key: string }
  /** The same names, of another authority. */
  readonly stranger: { readonly cert: string; readonly key: string }
}

export function certificates(): Certificates {
  const directory = mkdtempSync(join(tmpdir(), 'decklog-syslog-tls-'))
  const path = (name: string): string => join(directory, name)
  const read = (name: string): string => readFileSync(path(name), 'utf8')
  const openssl = (...args: string[]): Buffer =>
    execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const authority = (name: string): void => {
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
    )
  }
  const signed = (name: string, by: string, cn: string, alternative: string): void => {
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${cn}`)
    writeFileSync(path(`${name}.ext`), `subjectAltName=${alternative}\n`)
    const ca = ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial']
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...ca,
      '-days',
      '2',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.pem`,
    )
  }
  authority('ca')
  authority('other')
  signed('server', 'ca', 'localhost', 'DNS:localhost,IP:127.0.0.1')
  signed('client', 'ca', 'agent-1', 'DNS:agent-1.nodes.example')
  signed('stranger', 'other', 'agent-1', 'DNS:agent-1.nodes.example')
  return {
    ca: read('ca.pem'),
    server: { certificate: read('server.pem'), key: read('server.key') },
    client: { cert: read('client.pem'), key: read('client.key') },
    stranger: { cert: read('stranger.pem'), key: read('stranger.key') },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

function nothing(): void {}
