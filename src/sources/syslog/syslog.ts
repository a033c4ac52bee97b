import type { Socket } from 'node:net'
import { isAbort } from '../../core/errors.ts'
import type { Receiver, ReceiverOptions } from '../../ports/receiver.ts'
import { Intake, RECENT_MS } from './intake.ts'
import { type DatagramListener, listenUdp } from './listen-datagrams.ts'
import { listenTcp, listenTls, listenUnix, type StreamListener } from './listen-streams.ts'
import { Senders } from './senders.ts'
import type { SyslogConfig, Transport } from './syslog-config.ts'

export interface SyslogReceiver extends Receiver {
  readonly address: string
  /** By transport, in the order of the configuration. */
  readonly addresses: Readonly<Record<Transport, readonly string[]>>
}

const TICK_MS = 1_000
/** What senders sent is waited for so long when decklog ends. */
const CLOSE_MS_MAX = 5_000
/** The spool has closed the stream by then. */
const FORGET_LATER_MS = 5_000
const LIMITED_SHOWN = 5

/**
 * Takes syslog over UDP, TCP, TLS and a unix socket. Names of a stream: `sender` (an address; `local` on the unix socket; `other` for
 * those beyond `streamsMax`), `transport`, and `client` (the name of a client's certificate that was verified).
 */
export async function startSyslog(options: ReceiverOptions<SyslogConfig>): Promise<SyslogReceiver> {
  const { config, clock, telemetry } = options
  const intake = new Intake(options)
  const senders = new Senders({
    clock,
    streamsMax: config.streamsMax,
    messagesMax: config.rateMax.messages,
    bytesMax: config.rateMax.bytes,
    forgetAfter: config.spool.closeAfter + FORGET_LATER_MS,
  })
  const open = new Listeners()
  const shared = { intake, senders, sockets: new Set<Socket>() }
  try {
    for (const address of config.udp ?? []) open.add('udp', await listenUdp(address, shared))
    for (const address of config.tcp ?? []) open.add('tcp', await listenTcp(address, shared))
    for (const address of config.tls?.listen ?? [])
      open.add('tls', await listenTls(address, config.tls!, shared))
    if (config.unix !== undefined)
      open.add('unix', await listenUnix(config.unix.path, config.unix.mode, shared))
  } catch (error) {
    await open.close()
    throw error
  }
  telemetry.set('decklog_source_connections', 0, { kind: 'syslog' })
  const ending = new AbortController()
  const keeping = keep(open, intake, ending.signal)
  return {
    address: open.text,
    addresses: open.addresses,
    problems: () => [...intake.problems(), ...open.problems(), ...limitedSenders(senders)],
    [Symbol.asyncDispose]: async () => {
      ending.abort()
      await keeping
      const late = setTimeout(() => intake.giveUp(), CLOSE_MS_MAX)
      await open.close()
      await intake.declareLast()
      clearTimeout(late)
    },
  }
}

class Listeners {
  readonly addresses: Record<Transport, string[]> = { udp: [], tcp: [], tls: [], unix: [] }
  readonly #all: StreamListener[] = []
  readonly #datagrams: DatagramListener[] = []

  add(transport: Transport, listener: StreamListener | DatagramListener): void {
    this.addresses[transport].push(listener.address)
    this.#all.push(listener)
    if ('countDrops' in listener) this.#datagrams.push(listener)
  }

  get text(): string {
    const parts = Object.entries(this.addresses).flatMap(([transport, all]) =>
      all.map((one) => `${transport} ${one}`),
    )
    return parts.join(', ')
  }

  countDrops(): void {
    for (const one of this.#datagrams) one.countDrops()
  }

  problems(): string[] {
    return this.#datagrams.flatMap((one) => one.problems())
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((one) => one.close()))
  }
}

async function keep(open: Listeners, intake: Intake, signal: AbortSignal): Promise<void> {
  const { clock } = intake.options
  while (!signal.aborted) {
    try {
      await clock.sleep(TICK_MS, signal)
    } catch (error) {
      if (!isAbort(error)) throw error
      return
    }
    open.countDrops()
    await intake.declare(intake.nowMs())
  }
}

function limitedSenders(senders: Senders): string[] {
  const limited = senders.limited(senders.nowMs() - RECENT_MS)
  if (limited.length === 0) return []
  const shown = limited.slice(0, LIMITED_SHOWN).map(({ address, dropped }) => `${address} (${dropped})`)
  const more = limited.length > LIMITED_SHOWN ? ` and ${limited.length - LIMITED_SHOWN} more` : ''
  return [
    `${limited.length} senders of datagrams are over rateMax, and what is above is dropped: ${shown.join(', ')}${more}`,
  ]
}
