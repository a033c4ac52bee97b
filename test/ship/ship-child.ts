/**
 * A shipper in a process of its own, to be killed. Its bus appends every batch to a file, as `<length, 4 bytes LE><bytes>`, before it
 * acknowledges: what is in the file is what a broker would have.
 */
import { openSync, writeSync } from 'node:fs'
import { systemClock } from '../../src/app/system-clock.ts'
import { encodeRawBatch } from '../../src/codec/raw-batch.ts'
import { armFaults } from '../../src/core/faults.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import type { Bus, Message } from '../../src/ports/bus.ts'
import { startShipRole } from '../../src/roles/ship/ship.ts'
import type { SourceConfig } from '../../src/sources/source-config.ts'

export interface ChildOptions {
  readonly sources: readonly SourceConfig[]
  readonly dataDirectory: string
  readonly out: string
  readonly faults: string
}

const options = JSON.parse(process.argv[2]!) as ChildOptions
armFaults(options.faults)
const out = openSync(options.out, 'a')

async function publish(_topic: string, messages: readonly Message[]): Promise<void> {
  for (const { value } of messages) {
    const framed = Buffer.alloc(4 + value.length)
    framed.writeUInt32LE(value.length)
    framed.set(value, 4)
    writeSync(out, framed)
  }
  await systemClock.sleep(5)
}

const nothing = (): Promise<void> => Promise.resolve()
const bus: Bus = {
  publish,
  subscribe: () => Promise.reject(new Error('not used')),
  lag: () => Promise.resolve([]),
  close: nothing,
  [Symbol.asyncDispose]: nothing,
}
const say = (_fields: object, message: string): void => console.error(message)
const role = await startShipRole({
  sources: options.sources,
  dataDirectory: options.dataDirectory,
  bus,
  clock: systemClock,
  telemetry: new Telemetry(),
  log: { debug: () => undefined, info: say, warn: say, error: say },
  cluster: 'test',
  node: 'node-1',
  pipelineVersion: '1',
  encode: encodeRawBatch,
  timings: { idleMs: 100, gatherMs: 10, rotatedQuietMs: 50, unfinishedQuietMs: 300 },
})
process.on('SIGTERM', () => void role.close().then(() => process.exit(0)))
