import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { diesWithUs } from './place.ts'
import { cpuSecondsOf, memoryOf } from './proc.ts'

export interface RivalRun {
  readonly version: string
  readonly linesPerSecond: number
  readonly cpuSecondsPerMillion: number
  readonly peakMb: number
}

const RSYSLOGD = 'rsyslogd'

/** Version of the rsyslog that this machine has; undefined when it has none. */
export function rsyslogVersion(): string | undefined {
  const { stdout, status } = spawnSync(RSYSLOGD, ['-v'], { encoding: 'utf8' })
  return status === 0 ? /rsyslogd\s+(\S+)/.exec(stdout)?.[1] : undefined
}

/**
 * rsyslog does the nearest thing that it can: follows the same files (imfile), reads a container line into its four fields
 * (mmnormalize) and writes a JSON line to a file. It neither reads the payload nor makes anything searchable.
 */
export async function runRsyslog(options: {
  readonly directory: string
  readonly logs: string
  /** Lines of container logs, and of other files, that must come out. */
  readonly lines: number
  readonly timeoutMs: number
}): Promise<RivalRun> {
  const { directory, logs, lines, timeoutMs } = options
  const version = rsyslogVersion()
  if (version === undefined) throw new Error('rsyslogd is not installed: apt-get install rsyslog')
  mkdirSync(join(directory, 'state'), { recursive: true })
  const out = join(directory, 'out.json')
  writeFileSync(join(directory, 'cri.rulebase'), RULEBASE)
  writeFileSync(join(directory, 'rsyslog.conf'), configOf(directory, logs, out))
  const startMs = performance.now()
  const child = spawn(
    RSYSLOGD,
    ['-n', '-f', join(directory, 'rsyslog.conf'), '-i', join(directory, 'rsyslog.pid')],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  )
  diesWithUs(child)
  const exited = once(child, 'exit')
  try {
    using counter = new LineCounter(out)
    while (counter.count() < lines) {
      if (child.exitCode !== null) throw new Error(`rsyslogd ended with status ${child.exitCode}`)
      if (performance.now() - startMs > timeoutMs)
        throw new Error(`rsyslogd wrote ${counter.count()} of ${lines} lines in ${timeoutMs / 1000} s`)
      await sleep(50)
    }
    const seconds = (performance.now() - startMs) / 1000
    return {
      version,
      linesPerSecond: lines / seconds,
      cpuSecondsPerMillion: (cpuSecondsOf(child.pid!) / lines) * 1e6,
      peakMb: memoryOf(child.pid!).peakMb,
    }
  } finally {
    child.kill('SIGKILL')
    await exited
  }
}

/** `2026-11-24T08:00:00.123456789Z stdout F text` */
const RULEBASE = `version=2
rule=:%time:word% %stream:word% %tag:word% %log:rest%
`

function configOf(directory: string, logs: string, out: string): string {
  return `global(workDirectory="${join(directory, 'state')}" maxMessageSize="64k")
module(load="imfile" mode="inotify")
module(load="mmnormalize")
main_queue(queue.type="LinkedList" queue.size="200000" queue.dequeueBatchSize="4096")
template(name="cri" type="list" option.jsonf="on") {
  property(outname="@timestamp" name="$!time" format="jsonf")
  property(outname="stream" name="$!stream" format="jsonf")
  property(outname="tag" name="$!tag" format="jsonf")
  property(outname="message" name="$!log" format="jsonf")
  property(outname="file" name="$!metadata!filename" format="jsonf")
}
template(name="line" type="list" option.jsonf="on") {
  property(outname="@timestamp" name="timegenerated" dateFormat="rfc3339" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
  property(outname="file" name="$!metadata!filename" format="jsonf")
}
ruleset(name="pods") {
  action(type="mmnormalize" ruleBase="${join(directory, 'cri.rulebase')}" useRawMsg="on")
  action(type="omfile" file="${out}" template="cri" asyncWriting="on" ioBufferSize="256k" flushOnTXEnd="off" flushInterval="1")
}
ruleset(name="files") {
  action(type="omfile" file="${out}" template="line" asyncWriting="on" ioBufferSize="256k" flushOnTXEnd="off" flushInterval="1")
}
input(type="imfile" file="${logs}/pods/*/*/*.log" tag="pod" ruleset="pods" addMetadata="on" readMode="0")
input(type="imfile" file="${logs}/kubernetes/*.log" tag="audit" ruleset="files" addMetadata="on")
input(type="imfile" file="${logs}/auth.log" tag="auth" ruleset="files" addMetadata="on")
`
}

/** Counts newlines of a file that grows, reading each byte once. */
class LineCounter {
  readonly #path: string
  readonly #chunk = Buffer.allocUnsafe(1024 * 1024)
  #fd = -1
  #lines = 0

  constructor(path: string) {
    this.#path = path
  }

  count(): number {
    if (this.#fd < 0) {
      if (!existsSync(this.#path)) return 0
      this.#fd = openSync(this.#path, 'r')
    }
    for (;;) {
      const bytes = readSync(this.#fd, this.#chunk, 0, this.#chunk.length, null)
      if (bytes === 0) return this.#lines
      for (let at = this.#chunk.indexOf(0x0a); at >= 0 && at < bytes; at = this.#chunk.indexOf(0x0a, at + 1))
        this.#lines++
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) closeSync(this.#fd)
  }
}
