import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Catalog } from './catalog.ts'
import { Claims } from './claims.ts'
import { applyBatch, cloneStream, newStream } from './coverage.ts'
import { openDatabase, type Database } from './database.ts'
import { decodeEntry } from './entry.ts'
import { indexAside } from './index-aside.ts'
import type { PendingEntry } from './indexer.ts'
import { replayJournal, type EntryPlace } from './journal.ts'
import type { DirectoryLock } from './lock.ts'
import { Records } from './records.ts'
import { Streams, type JournalPosition } from './streams.ts'

export interface PartsOptions {
  readonly directory: string
  readonly memoryBytesMax?: number
  readonly threads?: number
}

/** What a store is made of, before anything runs. */
export interface Parts {
  readonly lock: DirectoryLock | undefined
  readonly catalog: Catalog
  readonly streams: Streams
  readonly records: Records
  readonly claims: Claims
  readonly database: Database
  readonly temporary: string
  readonly pending: readonly PendingEntry[]
  readonly last: { readonly file: number; readonly length: number } | null
}

/** Reads the directory and brings it in order; a lock is held unless it is only read. */
export async function openParts(options: PartsOptions, lock: DirectoryLock | undefined): Promise<Parts> {
  const { directory } = options
  const catalog = new Catalog(directory)
  catalog.load()
  const streams = new Streams(directory)
  const records = new Records(directory)
  records.load()
  const claims = new Claims(directory)
  claims.load()
  const { pending, last } = replay({ directory, catalog, streams })
  const temporary = lock === undefined ? await mkdtemp(join(tmpdir(), 'decklog-')) : join(directory, 'tmp')
  if (lock !== undefined) {
    await rm(temporary, { recursive: true, force: true })
    await catalog.sweep()
  }
  const database = await openDatabase({
    temporary,
    readable: [directory],
    memoryBytesMax: options.memoryBytesMax ?? 200e6,
    threads: options.threads ?? 2,
  })
  if (lock === undefined) catalog.addUnlisted(temporary, await indexAside({ directory, temporary, pending }))
  return { lock, catalog, streams, records, claims, database, temporary, pending, last }
}

/** Takes the journal into the streams' states, from the snapshot on, and gathers what no segment has. */
function replay({
  directory,
  catalog,
  streams,
}: {
  directory: string
  catalog: Catalog
  streams: Streams
}): Pick<Parts, 'pending' | 'last'> {
  const snapshot = streams.load()
  const pending: PendingEntry[] = []
  const last = replayJournal(directory, (payload, place) => {
    const { header, batch } = decodeEntry(payload)
    if (isAfter(place, snapshot)) {
      const known = streams.get(batch.stream)
      const state = known === undefined ? newStream(batch) : cloneStream(known)
      applyBatch(state, batch)
      streams.set(state)
    }
    streams.nextArrival = Math.max(streams.nextArrival, header.arrival + header.rows)
    if (header.rows === 0 || header.arrival < catalog.indexedTo(header.class)) return
    const { class: className, arrival, rows, documentBytes, receivedMs } = header
    pending.push({ place, class: className, arrival, rows, documentBytes, receivedMs })
  })
  return { pending, last }
}

function isAfter(place: EntryPlace, snapshot: JournalPosition): boolean {
  return place.file > snapshot.file || (place.file === snapshot.file && place.offset > snapshot.offset)
}
