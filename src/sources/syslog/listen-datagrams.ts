import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIP } from 'node:net'
import type { SpooledMark } from '../../core/spooled-record.ts'
import type { Intake } from './intake.ts'
import { kernelDrops } from './kernel-drops.ts'
import { addressText, cannotListen, type StreamListener } from './listen-streams.ts'
import { plainAddress, type Senders, type StreamNames } from './senders.ts'
import type { Address } from './syslog-config.ts'

export interface DatagramListener extends StreamListener {
  /** Reads what the kernel has dropped since the last time. */
  countDrops(): void
  problems(): string[]
}

interface Waiting {
  readonly records: Buffer[]
  readonly marks: Map<number, SpooledMark>
  bytes: number
}

const APPENDS_AT_ONCE = 16
const LF = 0x0a
const CR = 0x0d
/** A datagram more is not waited for, once there was none in so many turns of so long. */
const QUIET_MS = 10
const QUIET_TURNS = 4
const CLOSE_MS_MAX = 1_000

/** @throws {DecklogError} `unreachable` */
export async function listenUdp(
  address: Address,
  shared: { readonly intake: Intake; readonly senders: Senders },
): Promise<DatagramListener> {
  const { receiveBuffer } = shared.intake.options.config
  const type = isIP(address.host) === 6 ? 'udp6' : 'udp4'
  const socket = createSocket({ type })
  try {
    socket.bind({ address: address.host, port: address.port })
    await once(socket, 'listening')
  } catch (error) {
    socket.close()
    throw cannotListen(`udp on ${address.host}:${address.port}`, error)
  }
  return new Datagrams(socket, widen(socket, receiveBuffer), shared)
}

/** The receive buffer that the kernel gives. Linux doubles what is asked for, and says the double. */
function widen(socket: Socket, bytes: number): number {
  try {
    socket.setRecvBufferSize(bytes)
  } catch {
    // What it has is what there is: that is said below.
  }
  return socket.getRecvBufferSize() / (process.platform === 'linux' ? 2 : 1)
}

/** One UDP socket. Its senders cannot be told anything: what is dropped is counted, by reason, and declared. */
class Datagrams implements DatagramListener {
  readonly address: string
  readonly #socket: Socket
  readonly #where: Address
  readonly #bufferBytes: number
  readonly #intake: Intake
  readonly #senders: Senders
  readonly #waiting = new Map<StreamNames, Waiting>()
  #heldBytes = 0
  #appending: Promise<void> | undefined
  /** Datagrams so far. */
  #received = 0
  #kernelDrops: number
  #kernelDropsNow = 0

  constructor(
    socket: Socket,
    bufferBytes: number,
    { intake, senders }: { readonly intake: Intake; readonly senders: Senders },
  ) {
    this.#socket = socket
    this.#bufferBytes = bufferBytes
    this.#intake = intake
    this.#senders = senders
    const { address, port } = socket.address()
    this.#where = { host: address, port }
    this.address = addressText({ address, port })
    this.#kernelDrops = kernelDrops(this.#where) ?? 0
    socket.on('message', (bytes, from) => this.#receive(bytes, from))
    socket.on('error', (error) =>
      intake.options.log.warn({ cause: error.name }, 'a datagram could not be received'),
    )
  }

  countDrops(): void {
    const drops = kernelDrops(this.#where)
    if (drops === undefined) return
    this.#kernelDropsNow = drops - this.#kernelDrops
    if (drops > this.#kernelDrops) this.#intake.drop('kernel', drops - this.#kernelDrops)
    this.#kernelDrops = drops
  }

  problems(): string[] {
    if (this.#kernelDropsNow <= 0) return []
    const kib = Math.round(this.#bufferBytes / 1024)
    return [
      `the kernel drops datagrams for ${this.address}: its receive buffer has ${kib} KiB; raise receiveBuffer and net.core.rmem_max, or let senders use TCP`,
    ]
  }

  /** What the kernel has already is taken, as far as it comes at once. */
  async close(): Promise<void> {
    const { clock } = this.#intake.options
    const endMs = this.#intake.nowMs() + CLOSE_MS_MAX
    // Turns of the event loop are counted, not time alone: on a busy machine a turn may be long, and reads but a few datagrams.
    for (let quiet = 0; quiet < QUIET_TURNS && this.#intake.nowMs() < endMs; ) {
      const before = this.#received
      await clock.sleep(QUIET_MS)
      quiet = this.#received === before ? quiet + 1 : 0
    }
    this.countDrops()
    const closed = once(this.#socket, 'close')
    this.#socket.close()
    await closed
    await this.#appending
  }

  #receive(given: Buffer, from: RemoteInfo): void {
    const nowMs = this.#intake.nowMs()
    this.#received++
    const { config } = this.#intake.options
    const bytes = withoutTerminator(given)
    if (bytes.length === 0) return
    const sender = this.#senders.of(plainAddress(from.address))
    if (!this.#senders.takeOne(sender, bytes.length, nowMs)) return this.#intake.drop('rate-limited')
    if (this.#heldBytes + bytes.length > config.memoryMax) return this.#intake.drop('spool-full')
    const names = this.#senders.namesOf(sender, 'udp')
    let waiting = this.#waiting.get(names)
    if (waiting === undefined) {
      waiting = { records: [], marks: new Map(), bytes: 0 }
      this.#waiting.set(names, waiting)
    }
    const record = bytes.length > config.recordMax ? this.#cut(bytes, waiting) : bytes
    waiting.records.push(record)
    waiting.bytes += record.length
    this.#heldBytes += record.length
    this.#appending ??= this.#appendAll()
  }

  #cut(bytes: Buffer, waiting: Waiting): Buffer {
    const { recordMax } = this.#intake.options.config
    waiting.marks.set(waiting.records.length, 'truncated')
    this.#intake.alter('truncated')
    this.#intake.cut(bytes.length - recordMax)
    return bytes.subarray(0, recordMax)
  }

  async #appendAll(): Promise<void> {
    const append = async (): Promise<void> => {
      for (let next = this.#takeNext(); next !== undefined; next = this.#takeNext()) {
        const [names, { records, marks, bytes }] = next
        await this.#intake.append({ names, records, marks })
        this.#heldBytes -= bytes
      }
    }
    // What comes in the same turn goes together.
    await new Promise((resolve) => setImmediate(resolve))
    const workers = Math.min(APPENDS_AT_ONCE, this.#waiting.size)
    await Promise.all(Array.from({ length: workers }, append))
    this.#appending = undefined
    if (this.#waiting.size > 0) this.#appending = this.#appendAll()
  }

  #takeNext(): [StreamNames, Waiting] | undefined {
    const next = this.#waiting.entries().next().value
    if (next !== undefined) this.#waiting.delete(next[0])
    return next
  }
}

/** A datagram is a message; a newline or zero that it ends with is none of it. */
function withoutTerminator(bytes: Buffer): Buffer {
  let end = bytes.length
  while (end > 0 && (bytes[end - 1] === LF || bytes[end - 1] === 0 || bytes[end - 1] === CR)) end--
  return end === bytes.length ? bytes : bytes.subarray(0, end)
}
