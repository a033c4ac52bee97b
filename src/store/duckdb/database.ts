import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance, type DuckDBConnection, type DuckDBValue } from '@duckdb/node-api'
import { DecklogError } from '../../core/errors.ts'
import { ADDRESS_MACRO } from './sql-address.ts'

/** The only place that talks to DuckDB. It holds nothing: an engine over the segments' files. */
export interface Database {
  /** Rows of one statement. Waits for its turn; interrupted by the signal. */
  rows(sql: string, signal?: AbortSignal): Promise<DuckDBValue[][]>
  /** A long statement of the background: has a connection of its own. */
  background(sql: string): Promise<void>
  close(): void
}

export interface DatabaseOptions {
  readonly temporary: string
  readonly readable: readonly string[]
  readonly memoryBytesMax: number
  readonly threads: number
}

/** Every running statement occupies a thread of libuv's pool (4), which the journal's flushes need as well. */
const STATEMENTS_MAX = 2

export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  mkdirSync(options.temporary, { recursive: true })
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: `${Math.floor(options.memoryBytesMax / 1e6)}MB`,
    threads: String(options.threads),
    temp_directory: join(options.temporary, 'spill'),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  })
  const connections: DuckDBConnection[] = []
  for (let i = 0; i <= STATEMENTS_MAX; i++) connections.push(await instance.connect())
  const first = connections[0]!
  const directories = [options.temporary, ...options.readable].map(
    (path) => `'${path.replaceAll("'", "''")}'`,
  )
  await first.run('SET parquet_metadata_cache = true')
  // The kernel caches the files already.
  await first.run('SET enable_external_file_cache = false')
  await first.run(`SET TimeZone = 'UTC'`)
  await first.run(ADDRESS_MACRO)
  await first.run(`SET allowed_directories = [${directories.join(', ')}]`)
  await first.run('SET enable_external_access = false')
  await first.run('SET lock_configuration = true')
  return database(instance, connections)
}

function database(instance: DuckDBInstance, connections: DuckDBConnection[]): Database {
  const background = connections.pop()!
  const free = connections.slice()
  const waiting: ((connection: DuckDBConnection | undefined) => void)[] = []
  let closed = false

  async function take(): Promise<DuckDBConnection> {
    if (closed) throw new DecklogError('closed', 'the store is closed')
    const connection =
      free.pop() ?? (await new Promise<DuckDBConnection | undefined>((resolve) => waiting.push(resolve)))
    if (connection === undefined) throw new DecklogError('closed', 'the store is closed')
    return connection
  }

  function release(connection: DuckDBConnection): void {
    const next = waiting.shift()
    if (next) next(connection)
    else free.push(connection)
  }

  return {
    async rows(sql, signal) {
      const connection = await take()
      const interrupt = (): void => connection.interrupt()
      try {
        signal?.throwIfAborted()
        signal?.addEventListener('abort', interrupt)
        const reader = await connection.runAndReadAll(sql)
        signal?.throwIfAborted()
        return reader.getRows()
      } catch (error) {
        if (signal?.aborted) throw new DecklogError('aborted', 'the question was given up')
        throw failed(error)
      } finally {
        signal?.removeEventListener('abort', interrupt)
        release(connection)
      }
    },
    async background(sql) {
      if (closed) throw new DecklogError('closed', 'the store is closed')
      await background.run(sql)
    },
    close() {
      closed = true
      for (const resolve of waiting.splice(0)) resolve(undefined)
      for (const connection of [...connections, background]) {
        connection.interrupt()
        connection.closeSync()
      }
      instance.closeSync()
    },
  }
}

/** DuckDB's messages quote values, which are log content: only the kind of the error is kept. */
function failed(error: unknown): DecklogError {
  if (error instanceof DecklogError) return error
  const message = error instanceof Error ? error.message : ''
  const kind = /^[A-Z][A-Za-z /]{0,30} Error/.exec(message)?.[0] ?? 'unknown error'
  if (kind === 'Out of Memory Error') {
    const text =
      'the question needs more memory than the store may use: ask for a shorter time or fewer values'
    return new DecklogError('internal', text, { retryable: true })
  }
  return new DecklogError('internal', `the store could not answer (DuckDB: ${kind})`)
}
