import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { endianness } from 'node:os'
import type { Address } from './syslog-config.ts'

/**
 * Datagrams that the kernel has thrown away because the socket's buffer was full, from Linux's /proc/net/udp and udp6:
 *
 *     sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 *    123: 0100007F:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 12
 *
 * Undefined where the platform does not tell.
 */
export function kernelDrops({ host, port }: Address): number | undefined {
  const table = tableOf(isIP(host) === 6 ? '/proc/net/udp6' : '/proc/net/udp')
  if (table === undefined) return undefined
  return dropsIn(table, isIP(host) === 6 ? hexOf6(host) : hexOf4(host), port)
}

/** Exported for tests. */
export function dropsIn(table: string, hexAddress: string, port: number): number | undefined {
  const local = `${hexAddress}:${port.toString(16).toUpperCase().padStart(4, '0')}`
  let drops: number | undefined
  for (const line of table.split('\n')) {
    const columns = line.trim().split(/ +/)
    if (columns[1] !== local) continue
    const value = Number(columns.at(-1))
    if (Number.isSafeInteger(value)) drops = (drops ?? 0) + value
  }
  return drops
}

function tableOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}

/** Words of 32 bits in the machine's order, as the kernel prints them. */
function hexOf4(host: string): string {
  return wordHex(host.split('.').map(Number))
}

function hexOf6(host: string): string {
  const plain = new URL(`http://[${host}]/`).hostname.slice(1, -1)
  const [head = '', tail] = plain.split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array<string>(8 - front.length - back.length).fill('0')
  const bytes = [...front, ...zeros, ...back].flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 255]
  })
  return [0, 4, 8, 12].map((at) => wordHex(bytes.slice(at, at + 4))).join('')
}

function wordHex(bytes: readonly number[]): string {
  const ordered = endianness() === 'LE' ? bytes.toReversed() : bytes
  return Buffer.from(ordered).toString('hex').toUpperCase()
}
