import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { systemCode } from '../../core/errors.ts'

export interface JournalctlOptions {
  readonly journalctl: string
  readonly directory?: string | undefined
  readonly only: {
    readonly units: readonly string[]
    readonly identifiers: readonly string[]
    readonly priority?: number | undefined
  }
  /** The entry to begin with, `all`, or what comes from `now` on. */
  readonly from: { readonly cursor: string } | 'all' | 'now'
  readonly signal: AbortSignal
}

const SAID_BYTES_MAX = 1024
const KILL_MS = 2_000

/** It follows all boots and, where no directory is named, the journals of every machine that is there: a container has another id. */
export function argumentsOf({ directory, only, from }: JournalctlOptions): string[] {
  return [
    '--output=export',
    '--all',
    '--follow',
    '--no-pager',
    '--quiet',
    directory === undefined ? '--merge' : `--directory=${directory}`,
    from === 'now' ? '--lines=0' : '--no-tail',
    ...(typeof from === 'object' ? [`--cursor=${from.cursor}`] : []),
    ...only.units.map((unit) => `--unit=${unit}`),
    ...only.identifiers.map((identifier) => `--identifier=${identifier}`),
    ...(only.priority === undefined ? [] : [`--priority=${only.priority}`]),
  ]
}

/**
 * Runs journalctl and gives each chunk of what it writes to `onChunk`, one after the other: while that takes its time the pipe is full and
 * journalctl waits. Resolves with a sentence on why it ended; undefined: it was told to. `onChunk` answers false to end it.
 */
export async function followJournal(
  options: JournalctlOptions,
  onChunk: (chunk: Buffer) => Promise<boolean>,
): Promise<string | undefined> {
  const { signal, journalctl } = options
  if (signal.aborted) return undefined
  const child = spawn(journalctl, argumentsOf(options), { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = endOf(child)
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-SAID_BYTES_MAX)
  })
  const stop = (): void => void child.kill('SIGTERM')
  signal.addEventListener('abort', stop, { once: true })
  try {
    for await (const chunk of chunksOf(child)) {
      if (signal.aborted || !(await onChunk(chunk))) break
    }
  } finally {
    signal.removeEventListener('abort', stop)
    child.kill('SIGTERM')
    const hard = setTimeout(() => child.kill('SIGKILL'), KILL_MS)
    await ended.promise
    clearTimeout(hard)
  }
  return signal.aborted ? undefined : whyEnded(journalctl, ended.result, said)
}

/** What cannot be read has its reason in how the process ended. */
async function* chunksOf(child: ChildProcess): AsyncGenerator<Buffer> {
  const iterator = (child.stdout as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
  for (;;) {
    const next = await iterator.next().catch(() => ({ done: true as const, value: undefined }))
    if (next.done === true) return
    yield next.value
  }
}

interface End {
  readonly promise: Promise<void>
  result: number | string | undefined
}

function endOf(child: ChildProcess): End {
  const end: End = { promise: Promise.resolve(), result: undefined }
  const wait = async (): Promise<void> => {
    try {
      const [status, killed] = (await once(child, 'close')) as [number | null, string | null]
      end.result = status ?? killed ?? undefined
    } catch (error) {
      end.result = systemCode(error) ?? 'unknown error'
    }
  }
  return Object.assign(end, { promise: wait() })
}

function whyEnded(journalctl: string, result: End['result'], said: string): string {
  if (result === 'ENOENT')
    return `${journalctl} is not there; install systemd's, or name it in "journalctl" of this source`
  if (result === 'EACCES') return `${journalctl} may not be run by this user`
  const last = said.trim().split('\n').at(-1) ?? ''
  return `${journalctl} ended (${result ?? 'unknown'}${last === '' ? '' : `: ${last.slice(0, 200)}`}); it is started again`
}
