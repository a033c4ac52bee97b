import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { systemClock } from '../src/app/system-clock.ts'
import { syslogSource } from '../src/config/sources/syslog.ts'
import { Telemetry } from '../src/core/telemetry.ts'
import { openSpool } from '../src/sources/spool/disk-spool.ts'
import { startSyslog } from '../src/sources/syslog/syslog.ts'

/**
 * How many messages a second a syslog source takes: a sender in a thread, loopback, and a spool on disk that is flushed.
 *
 *     node benchmarks/syslog.ts [SECONDS]
 *
 * TCP is sent as fast as it is taken; of UDP, 20,000 and 40,000 a second are sent, and what was lost is printed.
 */
const LINE = `<38>Nov 24 08:00:00 worker-3 sshd-session[4711]: Accepted publickey for alice from 203.0.113.7 port 50522 ssh2: ED25519 SHA256:sTN9WI88blCwPH1CtKLQEGFK0jrgTxVBOYguUl35gfw`
const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing }

interface Sending {
  readonly transport: 'tcp' | 'udp'
  readonly port: number
  readonly seconds: number
  readonly rate: number
}

async function sendTcp({ port, seconds }: Sending): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1' })
  await once(socket, 'connect')
  const chunk = `${LINE}\n`.repeat(400)
  let sent = 0
  for (const endMs = Date.now() + seconds * 1000; Date.now() < endMs; sent += 400) {
    if (!socket.write(chunk)) await once(socket, 'drain')
  }
  socket.end()
  await once(socket, 'close')
  return sent
}

async function sendUdp({ port, seconds, rate }: Sending): Promise<number> {
  const socket = createSocket('udp4')
  const message = Buffer.from(LINE)
  const startMs = performance.now()
  let sent = 0
  for (let nowMs = startMs; nowMs - startMs < seconds * 1000; nowMs = performance.now()) {
    const due = Math.floor(((nowMs - startMs) * rate) / 1000)
    const last: Promise<unknown>[] = []
    for (; sent < due; sent++)
      last.push(new Promise((resolve) => socket.send(message, port, '127.0.0.1', resolve)))
    await Promise.all(last)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  socket.close()
  return sent
}

async function measure(sending: Omit<Sending, 'port'>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'decklog-syslog-bench-'))
  const telemetry = new Telemetry()
  const { transport, seconds, rate } = sending
  const config = syslogSource.parse({
    kind: 'syslog',
    class: 'node',
    [transport]: '127.0.0.1:0',
    rateMax: { messages: 10_000_000, bytes: '10GiB' },
    spool: { maxBytes: '8GiB' },
  })
  const needs = { clock: systemClock, telemetry, log: SILENT }
  const place = (): { class: string; format: string } => ({ class: 'node', format: 'syslog' })
  const spool = openSpool({
    ...config.spool,
    ...needs,
    directory,
    kind: 'syslog',
    source: 'syslog',
    placeOf: place,
  })
  const receiver = await startSyslog({ config, spool, ...needs })
  const port = Number(receiver.addresses[transport][0]!.split(':').at(-1))
  const cpu = process.threadCpuUsage()
  const worker = new Worker(new URL(import.meta.url), { workerData: { ...sending, port } })
  const [sent] = (await once(worker, 'message')) as [number]
  await receiver[Symbol.asyncDispose]()
  const used = process.threadCpuUsage(cpu)
  const taken = telemetry.get('decklog_source_records_total', { kind: 'syslog' })
  const cpuSeconds = (used.user + used.system) / 1e6
  const what = transport === 'tcp' ? 'TCP' : `UDP, ${rate}/s sent`
  const text = [
    `${Math.round(taken / seconds)} messages/s`,
    `${Math.round(taken / cpuSeconds)} a CPU second of its thread`,
    `${sent - taken} of ${sent} missing`,
  ]
  console.log(`${what}: ${text.join(', ')}`)
  await spool[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
}

function nothing(): void {}

if (isMainThread) {
  const seconds = Number(process.argv[2] ?? 3)
  await measure({ transport: 'tcp', seconds, rate: 0 })
  await measure({ transport: 'udp', seconds, rate: 20_000 })
  await measure({ transport: 'udp', seconds, rate: 40_000 })
} else {
  const { parentPort } = await import('node:worker_threads')
  const sending = workerData as Sending
  const sent = await (sending.transport === 'tcp' ? sendTcp(sending) : sendUdp(sending))
  parentPort!.postMessage(sent, [])
}
