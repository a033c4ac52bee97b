import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLocalArchive, type LocalArchiveOptions } from '../../src/archive/local.ts'
import { decodeRawBatch, encodeRawBatch, rawBatchSchemaJson } from '../../src/codec/raw-batch.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import type { Archive } from '../../src/ports/archive.ts'
import type { ArchivePlace } from '../contracts/archive.ts'
import { manualClock } from '../support/manual-clock.ts'

export const rawBatchCodec = {
  schemaJson: rawBatchSchemaJson,
  encode: encodeRawBatch,
  decode: decodeRawBatch,
}

export function emptyDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'decklog-archive-'))
}

export function openAt(directory: string, options: Partial<LocalArchiveOptions> = {}): Promise<Archive> {
  return openLocalArchive({
    directory,
    clock: manualClock(),
    telemetry: new Telemetry(),
    codec: rawBatchCodec,
    ...options,
  })
}

export async function localPlace(): Promise<ArchivePlace> {
  const directory = emptyDirectory()
  return {
    open: (options) => openAt(directory, options),
    async spoil(name, how) {
      const path = join(directory, 'sealed', name)
      const bytes = readFileSync(path)
      if (how === 'delete') rmSync(path)
      if (how === 'cut') truncateSync(path, bytes.length - 5)
      if (how === 'byte') {
        bytes[bytes.length >>> 1]! ^= 1
        writeFileSync(path, bytes)
      }
    },
  }
}
