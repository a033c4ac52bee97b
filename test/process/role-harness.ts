import { zstdCompressSync } from 'node:zlib'
import { systemClock } from '../../src/app/system-clock.ts'
import { openMemoryBus } from '../../src/bus/memory.ts'
import { decodeEventBatch } from '../../src/codec/event-batch.ts'
import { encodeRawBatch } from '../../src/codec/raw-batch.ts'
import type { Pipeline } from '../../src/config/pipelines.ts'
import type { RawBatch } from '../../src/core/batch.ts'
import type { EventBatch } from '../../src/core/event-batch.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import type { Bus, Delivery } from '../../src/ports/bus.ts'
import { type ProcessRole, startProcessRole } from '../../src/roles/process/process-role.ts'
import { batchOf, eventsOf, type TestEvent } from '../stages/stream-of.ts'

export function pipeline(name: string, options: Partial<Pipeline> = {}): Pipeline {
  return {
    class: name,
    weight: 1,
    budget: { shipperMiB: 16, processMiB: 32 },
    match: [{ when: {}, parse: ['cri', ['json']], dataset: 'kubernetes.container_logs' }],
    enrich: [],
    redact: [],
    rules: [],
    facts: [],
    ...options,
  }
}

export const HOSTILE_PARTS = new URL('./hostile-parts.ts', import.meta.url).href

export interface Letter {
  readonly reason: string
  readonly detail: string
  readonly firstSeq: number
  readonly count: number
  readonly bytes: string
}

export class RoleHarness {
  readonly bus: Bus
  readonly telemetry = new Telemetry()
  readonly batches: EventBatch[] = []
  readonly letters: Letter[] = []
  readonly warnings: string[] = []
  /** Firsts of the raw batches that are acknowledged, in that order. */
  readonly settled: string[] = []
  /** While set, event batches are kept here and not acknowledged. */
  held: Delivery[] | undefined
  role: ProcessRole | undefined
  /** How far the bus's clock is ahead of the others. */
  busAheadMs = 0
  readonly #classes: readonly Pipeline[]
  readonly #nextSeq = new Map<string, number>()

  constructor(classes: readonly Pipeline[] = [pipeline('pod')]) {
    this.#classes = classes
    this.bus = openMemoryBus({
      clock: { ...systemClock, now: () => systemClock.now() + this.busAheadMs },
      groupsOf: (topic) => (topic.startsWith('decklog.raw.') ? ['process'] : ['index']),
    })
  }

  async start(options: Partial<Parameters<typeof startProcessRole>[0]> = {}): Promise<void> {
    await this.bus.subscribe({
      group: 'index',
      topics: [...this.#classes.map(({ class: name }) => `decklog.events.${name}`), 'decklog.dead-letter'],
      bytesMax: 1 << 30,
      handle: (delivery) => this.#take(delivery),
    })
    await this.startRole(options)
  }

  async startRole(options: Partial<Parameters<typeof startProcessRole>[0]> = {}): Promise<void> {
    const warn = (fields: object, message: string): void => {
      this.warnings.push(`${message} ${JSON.stringify(fields)}`)
    }
    this.role = await startProcessRole({
      bus: this.bus,
      pipelines: this.#classes,
      directory: '/nowhere',
      clock: systemClock,
      telemetry: this.telemetry,
      log: { debug: () => {}, info: () => {}, warn, error: warn },
      workers: 1,
      ...options,
    })
  }

  /** Publishes lines as one batch of a stream. Resolves when the batch is settled. */
  send(stream: string, lines: readonly (string | Buffer)[], options: Partial<RawBatch> = {}): Promise<void> {
    const raw = Buffer.concat(lines.map((line) => Buffer.concat([Buffer.from(line), Buffer.from('\n')])))
    const firstSeq = options.firstSeq ?? this.#nextSeq.get(stream) ?? 0
    this.#nextSeq.set(stream, Math.max(this.#nextSeq.get(stream) ?? 0, firstSeq + lines.length))
    const batch = batchOf({
      stream: stream.padEnd(24, '0'),
      firstSeq,
      count: lines.length,
      rawBytes: raw.length,
      codec: 'zstd',
      payload: raw.length === 0 ? new Uint8Array(0) : zstdCompressSync(raw),
      ...options,
    })
    return this.sendBytes(batch.stream, batch.class, encodeRawBatch(batch), `${stream}:${firstSeq}`)
  }

  async sendBytes(key: string, className: string, value: Uint8Array, name: string): Promise<void> {
    await this.bus.publish(`decklog.raw.${className}`, [{ key, value }])
    this.settled.push(name)
  }

  get events(): TestEvent[] {
    return this.batches.flatMap((batch) => eventsOf(batch))
  }

  release(): void {
    const held = this.held ?? []
    this.held = undefined
    for (const delivery of held) delivery.ack()
  }

  async close(): Promise<void> {
    await this.role?.close()
    await this.bus.close()
  }

  #take(delivery: Delivery): void {
    if (delivery.topic === 'decklog.dead-letter') {
      this.letters.push(JSON.parse(Buffer.from(delivery.value).toString()) as Letter)
      delivery.ack()
      return
    }
    this.batches.push(decodeEventBatch(delivery.value))
    if (this.held === undefined) delivery.ack()
    else this.held.push(delivery)
  }
}

/** Waits until it holds; fails after ten seconds. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited in vain for: ${what}`)
    await systemClock.sleep(5)
  }
}
