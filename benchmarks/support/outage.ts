import { appendFileSync } from 'node:fs'
import { createServer, type Server, type Socket, connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Engines } from './engines.ts'
import type { Fleet, StartedFleet } from './fleet.ts'
import type { Measurement } from './measurement.ts'
import { say } from './place.ts'
import { memoryOf } from './proc.ts'

/** Elasticsearch away at full load: what the roles hold meanwhile, and how soon an ssh event is found when it is back. */

const SAMPLE_MS = 1_000
/** From then on all that is bounded is full. */
const FILLED_SHARE = 0.4
const FOUND_MS_MAX = 120_000
const LIMITS_MB = { ship: 160, process: 300, index: 300 } as const

interface Sample {
  readonly second: number
  readonly mb: number
}

export async function measureOutage(options: {
  readonly fleet: Fleet
  readonly seconds: number
  /** Of pod lines, that arrive while the store is away. */
  readonly backlogMiB: number
  /** How long it is watched catching up. @default until all is stored */
  readonly catchUpSeconds?: number
}): Promise<{ readonly measurements: Measurement[]; readonly notes: string[] }> {
  const { fleet, seconds, backlogMiB } = options
  const { engines, warmUp, input, directory } = fleet.options
  await using door = await Door.open(engines)
  const { logs } = await fleet.fresh({ elasticsearch: door.url })
  appendFileSync(join(logs, 'auth.log'), '')
  await using started = await fleet.start([['ship'], ['process'], ['index']])
  const staging = join(directory, 'staging')
  warmUp.prepare(staging).appear(join(logs, 'pods'))
  await started.until('stored', warmUp.lines)
  door.shut()
  say(`Elasticsearch is away for ${seconds} s`)
  const samples = new Map(started.processes.map(({ name }) => [name, [] as Sample[]]))
  const copies = Math.ceil((backlogMiB * 1024 * 1024) / input.bytes)
  const startMs = performance.now()
  for (let second = 0, copied = 0; second < seconds; second = (performance.now() - startMs) / 1000) {
    if (copied < copies && copied <= (copies * second) / (seconds * 0.8)) {
      input.prepare(staging).appear(join(logs, 'pods'))
      copied++
    }
    for (const { name, pid } of started.processes)
      samples.get(name)!.push({ second, mb: memoryOf(pid).rssMb })
    await sleep(SAMPLE_MS)
  }
  const process = await started.of('process').metrics()
  const waiting = process('decklog_process_events_total', { class: 'pod' }) - warmUp.lines
  const mark = `outage${Date.now()}`
  const time =
    new Date().toString().slice(4, 7) +
    ' ' +
    String(new Date().getDate()).padStart(2) +
    ' ' +
    new Date().toTimeString().slice(0, 8)
  appendFileSync(
    join(logs, 'auth.log'),
    `${time} node-1 sshd[4711]: Accepted publickey for ${mark} from 10.1.2.3 port 50022 ssh2\n`,
  )
  await sleep(2_000)
  await door.reopen()
  const foundMs = await untilFound(engines, `logs-system.auth-${fleet.options.cluster}.ssh`, mark)
  say(`the ssh event was found ${foundMs.toFixed(0)} ms after Elasticsearch's return`)
  const lines = warmUp.lines + copies * input.lines
  const stored = await catchUp(started, { lines, seconds: options.catchUpSeconds })
  const caughtUpSeconds = (performance.now() - startMs) / 1000 - seconds
  const reached = stored < lines ? `${stored.toLocaleString('en')} of` : 'all'
  const rest = stored < lines ? ', when it was ended' : ''
  const names = ['ship', 'process', 'index'] as const
  return {
    measurements: [
      ...names.flatMap((name): Measurement[] => [
        {
          name: `Elasticsearch away for ${seconds} s: ${name}, peak resident memory`,
          value: memoryOf(started.of(name).pid).peakMb,
          unit: 'MB',
          target: { atMost: LIMITS_MB[name] },
        },
      ]),
      {
        name: 'Elasticsearch back: an ssh event behind a backlog of pod lines is found after',
        value: foundMs / 1000,
        unit: 's',
        target: { atMost: 5 },
      },
    ],
    notes: [
      `away: ${((copies * input.bytes) / 1e6).toFixed(0)} MB of pod lines came meanwhile, of which ${waiting.toLocaleString('en')} had become events; ${reached} ${lines.toLocaleString('en')} were stored ${caughtUpSeconds.toFixed(0)} s after the return${rest}`,
      ...names.map((name) => shapeOf(name, samples.get(name)!)),
    ],
  }
}

/** Returns how many were stored when the time was over. */
async function catchUp(
  started: StartedFleet,
  { lines, seconds }: { readonly lines: number; readonly seconds: number | undefined },
): Promise<number> {
  if (seconds === undefined) await started.until('stored', lines)
  else await sleep(seconds * 1000)
  return started.reached('stored')
}

async function untilFound(engines: Engines, dataStream: string, word: string): Promise<number> {
  const startMs = performance.now()
  while (performance.now() - startMs < FOUND_MS_MAX) {
    // A data stream that has just been made answers 503 for a moment.
    const answer = await fetch(`${engines.elasticsearch}/${dataStream}/_count?q=${word}`)
    const { count = 0 } = answer.ok ? ((await answer.json()) as { count?: number }) : {}
    if (count > 0) return performance.now() - startMs
    await sleep(50)
  }
  throw new Error(`the ssh event was not found within ${FOUND_MS_MAX / 1000} s`)
}

function shapeOf(name: string, samples: readonly Sample[]): string {
  const filled = samples.filter(({ second }) => second >= samples.at(-1)!.second * FILLED_SHARE)
  const half = filled.length >> 1
  const mean = (some: readonly Sample[]): number =>
    some.reduce((sum, { mb }) => sum + mb, 0) / Math.max(1, some.length)
  const growth = mean(filled.slice(half)) - mean(filled.slice(0, half))
  const every = Math.max(1, Math.ceil(samples.length / 8))
  const some = samples.filter((_, i) => i % every === 0)
  return `${name}, resident MB while away: ${some.map(({ second, mb }) => `${second.toFixed(0)} s ${mb.toFixed(0)}`).join(', ')}; from the first to the second half once full ${growth >= 0 ? '+' : ''}${growth.toFixed(0)}`
}

/** A way to the node that can be shut: who knocks then is refused, as by a node that is down. */
class Door implements AsyncDisposable {
  readonly url: string
  readonly #target: { readonly host: string; readonly port: number }
  readonly #port: number
  #server: Server
  readonly #sockets = new Set<Socket>()

  static async open({ elasticsearch }: Engines): Promise<Door> {
    const { hostname, port } = new URL(elasticsearch)
    const target = { host: hostname, port: Number(port) }
    const server = createServer()
    await listen(server, 0)
    return new Door(server, target)
  }

  private constructor(server: Server, target: { readonly host: string; readonly port: number }) {
    this.#server = server
    this.#target = target
    const address = server.address()
    this.#port = typeof address === 'object' && address !== null ? address.port : 0
    this.url = `http://127.0.0.1:${this.#port}`
    this.#serve()
  }

  shut(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  async reopen(): Promise<void> {
    this.#server = createServer()
    this.#serve()
    await listen(this.#server, this.#port)
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.shut()
    return Promise.resolve()
  }

  #serve(): void {
    this.#server.on('connection', (near) => {
      const far = connect(this.#target)
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one)
        one.on('error', () => other.destroy())
        one.on('close', () => {
          this.#sockets.delete(one)
          other.destroy()
        })
      }
      near.pipe(far).pipe(near)
    })
  }
}

function listen(server: Server, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(port, '127.0.0.1', resolve)
  return promise
}
