import { armFaults } from '../core/faults.ts'

/** The only reader of environment variables. */
export function environment(name: string): string | undefined {
  return process.env[name]
}

/** Faults that an integrity test asks for; see `core/faults.ts`. Nothing is armed otherwise. */
export function armFaultsFromEnvironment(): void {
  const text = environment('DECKLOG_TEST_FAULTS')
  if (text) armFaults(text)
}

/** Colours only on a terminal, and never with NO_COLOR set (no-color.org). */
export function colours(stream: { isTTY?: boolean }): boolean {
  return stream.isTTY === true && !environment('NO_COLOR')
}

/** DuckDB, zstd and the disk share libuv's pool: four threads would let a query wait for a flush. Before the pool's first use. */
export function widenThreadPool(threads: number): void {
  process.env['UV_THREADPOOL_SIZE'] ??= String(threads)
}
