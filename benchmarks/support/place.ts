import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A directory of its own that goes when it is disposed, and when the benchmark is interrupted. */
export function temporaryPlace(name: string): { readonly directory: string } & Disposable {
  const directory = mkdtempSync(join(tmpdir(), `decklog-bench-${name}-`))
  const remove = (): void => rmSync(directory, { recursive: true, force: true })
  process.once('exit', remove)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  return { directory, [Symbol.dispose]: remove }
}

/** A benchmark that is interrupted leaves no program behind. */
export function diesWithUs(child: ChildProcess): void {
  const kill = (): boolean => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
}

/** Progress goes to stderr: stdout has the results. */
export function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`)
}
