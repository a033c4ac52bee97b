/**
 * Sources that write to a spool: records a second that are on disk, and how long an answer takes.
 *
 * `node benchmarks/sources.ts [--seconds 3] [--rounds 5] [--json FILE]`
 *
 * The spool: one record a call from 100 callers, over 1 and over 100 streams. The audit webhook: lists of 400 events of 1.5 KB from another
 * process, over 8 connections, as fast as it answers, and at 10,000 events a second.
 */
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { systemClock } from '../src/app/system-clock.ts'
import { Telemetry } from '../src/core/telemetry.ts'
import { startAuditWebhook } from '../src/sources/audit-webhook/audit-webhook.ts'
import { type DiskSpool, openSpool } from '../src/sources/spool/disk-spool.ts'
import { median, report } from './support/measurement.ts'

const EVENTS_A_LIST = 400
const CONNECTIONS = 8
const MIB = 1024 * 1024

function spoolIn(directory: string): DiskSpool {
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  return openSpool({
    directory,
    kind: 'http',
    source: 'bench',
    placeOf: () => ({ class: 'node', format: 'json' }),
    maxBytes: 8 * 1024 * MIB,
    idleAfter: 300_000,
    closeAfter: 600_000,
    streamsMax: 1_000,
    clock: systemClock,
    telemetry: new Telemetry(),
    log,
  })
}

async function inRoom<T>(measure: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'decklog-bench-'))
  try {
    return await measure(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Records a second. */
function appends(seconds: number, streams: number): Promise<number> {
  return inRoom(async (directory) => {
    await using spool = spoolIn(directory)
    const record = Buffer.alloc(300, 'x')
    const endMs = performance.now() + seconds * 1_000
    let records = 0
    const call = async (_: unknown, i: number): Promise<void> => {
      const names = { sender: String(i % streams) }
      for (; performance.now() < endMs; records++) await spool.append(names, [record])
    }
    const startMs = performance.now()
    await Promise.all(Array.from({ length: 100 }, call))
    return Math.round((records / (performance.now() - startMs)) * 1_000)
  })
}

interface Sent {
  readonly events: number
  readonly seconds: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly slowest: number
  readonly refused: number
}

function webhook(seconds: number, rate: number): Promise<Sent> {
  return inRoom(async (directory) => {
    await using spool = spoolIn(directory)
    const receiver = await startAuditWebhook({
      config: {
        listen: { host: '127.0.0.1', port: 0 },
        tokens: { one: 'token-of-one' },
        bodyMax: 32 * MIB,
        unpackedMax: 64 * MIB,
        ratioMax: 200,
        connectionsMax: 100,
        memoryMax: 128 * MIB,
        answerTimeoutMs: 900,
      },
      spool,
      clock: systemClock,
      telemetry: new Telemetry(),
      log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    })
    await using _ = receiver
    const sender = fork(import.meta.filename, ['send', receiver.address!, String(seconds), String(rate)])
    return await new Promise<Sent>((resolve) => sender.once('message', (message) => resolve(message as Sent)))
  })
}

function listOf(first: number): Buffer {
  const items = Array.from({ length: EVENTS_A_LIST }, (_, i) => {
    const id = `${first + i}`.padStart(12, '0')
    return `{"level":"RequestResponse","auditID":"${id}","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/pods/web-${id}","verb":"get","user":{"username":"system:serviceaccount:shop:web","groups":["system:serviceaccounts","system:authenticated"]},"sourceIPs":["203.0.113.7"],"objectRef":{"resource":"pods","namespace":"shop","name":"web-${id}","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"responseObject":{"metadata":{"labels":{"app":"web"},"managedFields":"${'x'.repeat(900)}"}},"requestReceivedTimestamp":"2026-11-24T08:00:00.120000Z","stageTimestamp":"2026-11-24T08:00:00.134512Z","annotations":{"authorization.k8s.io/decision":"allow"}}`
  })
  return Buffer.from(
    `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${items.join(',')}]}`,
  )
}

/** The other process: `rate` events a second, 0 for as many as are taken. */
async function send(address: string, seconds: number, rate: number): Promise<Sent> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const bodies = Array.from({ length: 16 }, (_, i) => listOf(i * EVENTS_A_LIST))
  const tookMs: number[] = []
  let refused = 0
  const startMs = performance.now()
  const endMs = startMs + seconds * 1_000
  let next = 0
  const one = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const turn = next++
      if (rate > 0)
        await sleep(Math.max(0, startMs + (turn * EVENTS_A_LIST * 1_000) / rate - performance.now()))
      const beganMs = performance.now()
      const status = await post(address, bodies[turn % bodies.length]!, agent)
      tookMs.push(performance.now() - beganMs)
      if (status !== 200) refused++
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, one))
  agent.destroy()
  tookMs.sort((a, b) => a - b)
  const at = (share: number): number =>
    Number(tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * share))]!.toFixed(1))
  return {
    events: tookMs.length * EVENTS_A_LIST,
    seconds: (performance.now() - startMs) / 1_000,
    p50: at(0.5),
    p99: at(0.99),
    slowest: at(1),
    refused,
  }
}

function post(address: string, body: Buffer, agent: Agent): Promise<number> {
  const [host, port] = address.split(':') as [string, string]
  const headers = {
    authorization: 'Bearer token-of-one',
    'content-type': 'application/json',
    'content-length': body.length,
  }
  return new Promise((resolve, reject) => {
    const sending = request({ host, port, method: 'POST', path: '/', agent, headers }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode!))
    })
    sending.on('error', reject)
    sending.end(body)
  })
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '3' },
      rounds: { type: 'string', default: '5' },
      json: { type: 'string' },
    },
  })
  const seconds = Number(values.seconds)
  const one: number[] = []
  const hundred: number[] = []
  const full: Sent[] = []
  const steady: Sent[] = []
  for (let round = 0; round < Number(values.rounds); round++) {
    one.push(await appends(seconds, 1))
    hundred.push(await appends(seconds, 100))
    full.push(await webhook(seconds, 0))
    steady.push(await webhook(seconds, 10_000))
  }
  const rateOf = (sent: readonly Sent[]): number => median(sent.map((each) => each.events / each.seconds))
  const measurements = [
    {
      name: 'spool, a record a call, 1 stream',
      value: median(one),
      unit: 'records/s',
      target: { atLeast: 10_000 },
    },
    { name: 'spool, a record a call, 100 streams', value: median(hundred), unit: 'records/s' },
    {
      name: 'audit webhook, as fast as it answers',
      value: rateOf(full),
      unit: 'events/s',
      target: { atLeast: 10_000 },
    },
    { name: 'audit webhook at 10,000 events/s', value: rateOf(steady), unit: 'events/s' },
    { name: 'its answers, 99 %', value: median(steady.map(({ p99 }) => p99)), unit: 'ms' },
    {
      name: 'its slowest answer',
      value: Math.max(...steady.map(({ slowest }) => slowest)),
      unit: 'ms',
      target: { atMost: 1_000 },
    },
  ]
  const refused = [...full, ...steady].reduce((sum, each) => sum + each.refused, 0)
  const about =
    'On disk before the answer. The spool: 100 callers, records of 300 bytes. The webhook: lists of 400 events of 1.5 KB from another process over 8 connections. Medians of the rounds.'
  report(
    { subject: 'Sources that write to a spool', about, notes: [`${refused} lists refused`], measurements },
    values.json,
  )
}

if (process.argv[2] === 'send') {
  const [, , , address, seconds, rate] = process.argv
  process.send!(await send(address!, Number(seconds), Number(rate)), () => process.exit(0))
} else await main()
