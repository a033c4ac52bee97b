import { BlockList, isIP } from 'node:net'
import { z } from 'zod'
import { durationSchema, sizeSchema } from '../pipelines.ts'
import { className, formatName, listen, receiverFields, serverTls } from './common.ts'

const KIB = 1024
const DATAGRAM =
  "Node.js has no unix datagram sockets: type can only be stream, which glibc's syslog(3) and logger find by themselves; what systemd-journald takes from /dev/log is read by a source of kind journald"

const NETWORK = 'write an address or a network, e.g. 192.0.2.7 or 2001:db8::/32'
const network = z.string().refine(isNetwork, NETWORK)

const place = z.strictObject({ class: className.optional(), format: formatName.optional() })

/** One or several. */
const addresses = z.preprocess((given) => (Array.isArray(given) ? given : [given]), z.array(listen).min(1))

const tls = serverTls.extend({
  listen: addresses,
  /** Of the clients' certificates: only these. Common names or alternative names, `*.` for one label. */
  clients: z.array(z.string().min(1).max(256)).min(1).optional(),
})

const unix = z.strictObject({
  path: z.string().regex(/^\/.{1,106}$/, 'the path of a socket is absolute and at most 107 characters'),
  type: z.literal('stream', DATAGRAM).default('stream'),
  mode: z
    .string()
    .regex(/^0?[0-7]{3}$/, 'a mode is three octal digits, e.g. 660')
    .default('666'),
})

/** What senders of syslog send: RFC 3164 and 5424, over UDP, TCP, TLS and a unix socket. */
export const syslogSource = z
  .strictObject({
    kind: z.literal('syslog'),
    ...receiverFields,
    class: className,
    format: formatName.default('syslog'),
    udp: addresses.optional(),
    tcp: addresses.optional(),
    tls: tls.optional(),
    unix: unix.optional(),
    /** Class and format of what certain senders send, by address or network: the first that fits. */
    senders: z
      .record(z.string(), place)
      .refine((all) => Object.keys(all).every(isNetwork), NETWORK)
      .default({}),
    /** Longer messages are cut, and tagged. */
    recordMax: sizeSchema
      .prefault('1MiB')
      .refine((bytes) => bytes >= KIB && bytes <= 16 * KIB * KIB, 'recordMax is between 1KiB and 16MiB'),
    /** Senders with a stream of their own; beyond, they share one, `sender: other`. */
    streamsMax: z.number().int().min(1).max(100_000).default(1_000),
    /** For each sender, over a second. Above, TCP is read slower and datagrams are dropped. */
    rateMax: z
      .strictObject({
        messages: z.number().int().min(1).max(10_000_000).default(100_000),
        bytes: sizeSchema.prefault('64MiB'),
      })
      .prefault({}),
    connectionsMax: z.number().int().min(1).max(100_000).default(1_000),
    senderConnectionsMax: z.number().int().min(1).max(100_000).default(100),
    /** A connection that is silent for so long is closed. */
    idleTimeout: durationSchema.prefault('1h'),
    /** For the TLS handshake, and for the header of the PROXY protocol. */
    handshakeTimeout: durationSchema.prefault('10s'),
    /** Messages in memory that are not in the spool yet, over all connections; and as many bytes of datagrams. */
    memoryMax: sizeSchema.prefault('64MiB'),
    /** SO_RCVBUF of the UDP sockets; the kernel gives no more than net.core.rmem_max. */
    receiveBuffer: sizeSchema.prefault('8MiB'),
    /** Connections from these are a load balancer's, and begin with a header of the PROXY protocol, version 1 or 2. */
    proxies: z.array(network).min(1).optional(),
  })
  .refine(({ udp, tcp, tls, unix }) => [udp, tcp, tls, unix].some((one) => one !== undefined), {
    message: 'say what to listen on: udp, tcp, tls or unix, e.g. udp: 0.0.0.0:514',
  })
  .refine((config) => config.tls?.clients === undefined || config.tls.clientCa !== undefined, {
    path: ['tls', 'clients'],
    message: 'clients are known by their certificates: name clientCa, the authority that they are of',
  })
  .refine((config) => config.streamsMax * 4 <= config.spool.streamsMax, {
    path: ['streamsMax'],
    message: 'streamsMax is at most a quarter of spool.streamsMax: a sender may come by several ways',
  })
  .refine((config) => config.recordMax * 4 <= config.spool.maxBytes, {
    path: ['recordMax'],
    message: 'recordMax is at most a quarter of spool.maxBytes',
  })

export type SyslogConfig = z.output<typeof syslogSource>

/** What is said of a sender of its own, besides the source's class and format. */
export function syslogPlaceOf(
  config: SyslogConfig,
  sender: string | undefined,
): { readonly class?: string | undefined; readonly format?: string | undefined } {
  if (sender === undefined || isIP(sender) === 0) return {}
  const found = Object.entries(config.senders).find(([given]) => holds(given, sender))
  return found?.[1] ?? {}
}

function isNetwork(text: string): boolean {
  const [address = '', bits, more] = text.split('/')
  const version = isIP(address)
  if (version === 0 || more !== undefined) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
}

function holds(given: string, sender: string): boolean {
  const [address = '', bits] = given.split('/')
  if (bits === undefined) return address === sender
  const list = new BlockList()
  list.addSubnet(address, Number(bits), isIP(address) === 4 ? 'ipv4' : 'ipv6')
  return list.check(sender, isIP(sender) === 4 ? 'ipv4' : 'ipv6')
}
