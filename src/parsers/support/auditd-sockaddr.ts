import { isHex } from './auditd-hex.ts'

/** A socket's address, as `saddr` of a record has it: the bytes of a `struct sockaddr` in hexadecimal. */
export interface SocketAddress {
  readonly family: string
  readonly ip?: string
  readonly port?: number
  /** A socket in the file system, or `@name` of the abstract namespace. */
  readonly path?: string
  readonly pid?: number
}

/** AF_* of <linux/socket.h>, by number. */
const FAMILIES =
  'unspec local inet ax25 ipx appletalk netrom bridge atmpvc x25 inet6 rose decnet netbeui security key netlink packet ash econet atmsvc rds sna irda pppox wanpipe llc ib mpls can tipc bluetooth iucv rxrpc isdn phonet ieee802154 caif alg nfc vsock kcm qipcrtr smc xdp mctp'.split(
    ' ',
  )
const LOCAL = 1
const INET = 2
const INET6 = 10
const NETLINK = 16
/** The bytes stay below this: struct sockaddr_storage. */
const BYTES_MAX = 128

/** Undefined when it is no address. The family is in the machine's own byte order, which for a big one is told by a first byte of 0. */
export function readSocketAddress(saddr: string): SocketAddress | undefined {
  if (!isHex(saddr.toUpperCase()) || saddr.length < 4) return undefined
  const bytes = Buffer.from(saddr.slice(0, BYTES_MAX * 2), 'hex')
  const isBig = bytes[0] === 0 && bytes[1] !== 0
  const number = isBig ? bytes.readUInt16BE(0) : bytes.readUInt16LE(0)
  const family = FAMILIES[number] ?? String(number)
  if (number === INET && bytes.length >= 8) return { family, ip: ipv4(bytes, 4), port: bytes.readUInt16BE(2) }
  if (number === INET6 && bytes.length >= 24)
    return { family, ip: ipv6(bytes, 8), port: bytes.readUInt16BE(2) }
  if (number === LOCAL && bytes.length > 2) return { family, path: localPath(bytes.subarray(2)) }
  if (number === NETLINK && bytes.length >= 8) {
    return { family, pid: isBig ? bytes.readUInt32BE(4) : bytes.readUInt32LE(4) }
  }
  return { family }
}

function ipv4(bytes: Buffer, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`
}

/** RFC 5952: the longest run of zero groups becomes `::`; an IPv4 address that is mapped is written as such. */
function ipv6(bytes: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + i * 2))
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return `::ffff:${ipv4(bytes, at + 12)}`
  let start = -1
  let length = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && groups[end] === 0) end++
    if (end - i > length) {
      start = i
      length = end - i
    }
    i = Math.max(i, end - 1)
  }
  const written = groups.map((group) => group.toString(16))
  if (start < 0) return written.join(':')
  return `${written.slice(0, start).join(':')}::${written.slice(start + length).join(':')}`
}

function localPath(bytes: Buffer): string {
  const isAbstract = bytes[0] === 0
  const from = isAbstract ? 1 : 0
  const end = bytes.indexOf(0, from)
  return (isAbstract ? '@' : '') + bytes.toString('utf8', from, end < 0 ? bytes.length : end)
}
