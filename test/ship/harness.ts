import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { zstdDecompressSync } from 'node:zlib'
import { systemClock } from '../../src/app/system-clock.ts'
import { decodeRawBatch, encodeRawBatch } from '../../src/codec/raw-batch.ts'
import type { RawBatch } from '../../src/core/batch.ts'
import { DecklogError } from '../../src/core/errors.ts'
import { chainHead } from '../../src/core/identity.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import type { Bus, Message, PublishOptions } from '../../src/ports/bus.ts'
import type { Log } from '../../src/roles/log.ts'
import { type ShipOptions, type ShipRole, startShipRole } from '../../src/roles/ship/ship.ts'
import type { SourceConfig } from '../../src/sources/source-config.ts'

/** Takes every batch and keeps it. What `hold` answers true for is not acknowledged before `release`. */
export class RecordingBus implements Bus {
  readonly batches: { readonly topic: string; readonly batch: RawBatch; readonly bytes: Buffer }[] = []
  hold: (topic: string, batch: RawBatch) => boolean = () => false
  /** The next publishes fail with this, so many times. */
  failures: DecklogError[] = []
  #held: (() => void)[] = []

  async publish(topic: string, messages: readonly Message[], options: PublishOptions = {}): Promise<void> {
    const failure = this.failures.shift()
    if (failure !== undefined) throw failure
    for (const { value } of messages) {
      const batch = decodeRawBatch(value)
      this.batches.push({ topic, batch, bytes: Buffer.from(value) })
      if (!this.hold(topic, batch)) continue
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      this.#held.push(resolve)
      const abort = (): void => reject(new DecklogError('aborted', 'aborted'))
      if (options.signal?.aborted) abort()
      options.signal?.addEventListener('abort', abort, { once: true })
      await promise
    }
  }

  release(): void {
    this.hold = () => false
    for (const resolve of this.#held.splice(0)) resolve()
  }

  subscribe(): never {
    throw new Error('not used')
  }
  lag(): Promise<never[]> {
    return Promise.resolve([])
  }
  close(): Promise<void> {
    return Promise.resolve()
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

export interface Said {
  readonly level: string
  readonly message: string
}

/** A directory that is removed when the test ends, with logs and state in it, and a shipper that can be restarted. */
export class ShipYard {
  readonly directory = mkdtempSync(join(tmpdir(), 'decklog-ship-'))
  readonly dataDirectory = join(this.directory, 'data')
  readonly logs = join(this.directory, 'logs')
  readonly said: Said[] = []
  bus = new RecordingBus()
  telemetry = new Telemetry()
  role: ShipRole | undefined

  async start(sources: readonly SourceConfig[], options: Partial<ShipOptions> = {}): Promise<ShipRole> {
    const log = this.log()
    this.role = await startShipRole({
      sources,
      dataDirectory: this.dataDirectory,
      bus: this.bus,
      clock: systemClock,
      telemetry: this.telemetry,
      log,
      cluster: 'test',
      node: 'node-1',
      pipelineVersion: '1',
      encode: encodeRawBatch,
      ...options,
      timings: {
        idleMs: 100,
        gatherMs: 10,
        unfinishedQuietMs: 300,
        rotatedQuietMs: 50,
        lingerMs: 300,
        retryMs: 100,
        podGoneMs: 300,
        fileGoneMs: 500,
        ...options.timings,
      },
    })
    return this.role
  }

  /** Stops it without giving what is under way time to be acknowledged: as far as the files go, a crash. */
  async stop(): Promise<void> {
    await this.role?.close()
    this.role = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.bus.release()
    await this.stop()
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** Records as the reader of the bus sees them, each once: `seq` to bytes. */
  records(stream?: string): Map<number, string> {
    const found = new Map<number, string>()
    const parts = new Map<number, Map<number, Buffer>>()
    for (const { batch } of this.bus.batches) {
      if (stream !== undefined && batch.stream !== stream) continue
      const raw = payloadOf(batch)
      if (batch.fragment === null) {
        for (const [index, line] of splitLines(raw).entries())
          put(found, batch.firstSeq + index, line.toString('latin1'))
        continue
      }
      const record = parts.get(batch.firstSeq) ?? new Map<number, Buffer>()
      record.set(batch.fragment.index, raw)
      parts.set(batch.firstSeq, record)
      if (batch.fragment.last) {
        const whole = Buffer.concat([...record].sort((a, b) => a[0] - b[0]).map(([, part]) => part))
        put(found, batch.firstSeq, whole.toString('latin1'))
      }
    }
    return found
  }

  text(stream?: string): string {
    const records = this.records(stream)
    return [...records.keys()]
      .sort((a, b) => a - b)
      .map((seq) => records.get(seq))
      .join('')
  }

  streams(): string[] {
    return [...new Set(this.bus.batches.map(({ batch }) => batch.stream))]
  }

  losses(): RawBatch['losses'] {
    return this.bus.batches.flatMap(({ batch }) => batch.losses)
  }

  marks(): string[] {
    return this.bus.batches.flatMap(({ batch }) => [...batch.marks])
  }

  log(): Log {
    const say = (level: string) => (_fields: object, message: string) =>
      void this.said.push({ level, message })
    return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  }
}

function put(found: Map<number, string>, seq: number, text: string): void {
  const known = found.get(seq)
  if (known !== undefined && known !== text) throw new Error(`record ${seq} came with two contents`)
  found.set(seq, text)
}

export function payloadOf(batch: RawBatch): Buffer {
  return batch.codec === 'zstd' ? zstdDecompressSync(batch.payload) : Buffer.from(batch.payload)
}

function splitLines(raw: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let at = 0; at < raw.length; ) {
    const end = raw.indexOf(10, at) + 1
    lines.push(raw.subarray(at, end === 0 ? raw.length : end))
    at = end === 0 ? raw.length : end
  }
  return lines
}

/** Every batch continues the chain of the one before it in its stream; repeats must be the same to the byte. */
export function chainProblems(bus: RecordingBus): string[] {
  const problems: string[] = []
  const heads = new Map<string, string>()
  const seen = new Map<string, Buffer>()
  for (const { batch, bytes } of bus.batches) {
    const name = `${batch.stream} ${Buffer.from(batch.previous).toString('hex')}`
    const known = seen.get(name)
    if (known !== undefined) {
      if (!known.equals(bytes))
        problems.push(`two batches follow one head in ${batch.stream} at ${batch.firstSeq}`)
      continue
    }
    seen.set(name, bytes)
    const previous = heads.get(batch.stream) ?? '0'.repeat(64)
    if (Buffer.from(batch.previous).toString('hex') !== previous)
      problems.push(`chain broken at ${batch.firstSeq}`)
    heads.set(batch.stream, Buffer.from(chainHead(batch)).toString('hex'))
  }
  return problems
}

/** Waits for something that another party does; the limit only ends a test that would hang. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + 20_000
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`waited in vain: ${what}`)
    await sleep(5)
  }
}

/** The log of a container, and what follows it. */
export function podLog(yard: ShipYard): { readonly path: string; readonly sources: SourceConfig[] } {
  const directory = join(yard.logs, 'shop_web-1_0a1b/nginx')
  mkdirSync(directory, { recursive: true })
  return { path: join(directory, '0.log'), sources: [{ kind: 'pods', class: 'pod', path: yard.logs }] }
}

/** A log named by its path, and what follows it. */
export function fileLog(yard: ShipYard): { readonly path: string; readonly sources: SourceConfig[] } {
  mkdirSync(yard.logs, { recursive: true })
  const path = join(yard.logs, 'auth.log')
  return { path, sources: [{ kind: 'file', class: 'ssh', format: 'syslog', paths: [path] }] }
}
