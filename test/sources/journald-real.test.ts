import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, existsSync, readdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/app/system-clock.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import { startJournald } from '../../src/sources/journald/journald.ts'
import { MemorySpool } from '../support/memory-spool.ts'

const DAEMON = '/lib/systemd/systemd-journald'
const JOURNALS = '/var/log/journal'
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** A journald of its own beside the machine's, if there is any, needs systemd's program, root, and a place for its journal. */
function whyNot(): string | undefined {
  if (!existsSync(DAEMON) || !existsSync('/etc/machine-id')) return `${DAEMON} is not there`
  if (process.getuid?.() !== 0) return 'it needs root'
  try {
    execFileSync('journalctl', ['--version'], { stdio: 'ignore' })
    accessSync(JOURNALS, constants.W_OK)
    return undefined
  } catch {
    return `journalctl or ${JOURNALS} is not there`
  }
}

const reason = whyNot()
if (reason !== undefined) console.log(`not tested with a real journal: ${reason}`)

test.skipIf(reason !== undefined)(
  'with the real journald and journalctl: all lines once and in order, over restarts, and what is vacuumed declared',
  async () => {
    const name = `decklog${process.pid}`
    const sockets = `/run/systemd/journal.${name}`
    const daemon = spawn(DAEMON, [name], { stdio: 'ignore' })
    const gone = once(daemon, 'exit')
    const directory = (): string =>
      join(JOURNALS, readdirSync(JOURNALS).find((one) => one.endsWith(`.${name}`))!)
    const spool = new MemorySpool()
    const start = (): ReturnType<typeof startJournald> =>
      startJournald({
        config: {
          units: {},
          only: { units: [], identifiers: ['decklog-test'] },
          directory: directory(),
          journalctl: 'journalctl',
          from: 'all',
        },
        spool,
        clock: systemClock,
        telemetry: new Telemetry(),
        log,
      })
    const lines = (): string[] =>
      spool
        .texts()
        .map((text) => (JSON.parse(text) as { MESSAGE: string }).MESSAGE)
        .filter((text) => text.startsWith('line '))
    const numbered = (from: number, to: number): string[] =>
      Array.from({ length: to - from }, (_, i) => `line ${from + i}`)
    try {
      await until(() => existsSync(join(sockets, 'stdout')), 'journald listens')
      await write(sockets, numbered(0, 800))
      await until(
        () => existsSync(JOURNALS) && readdirSync(JOURNALS).some((one) => one.endsWith(`.${name}`)),
        'there is a journal',
      )
      const first = await start()
      await until(() => lines().length === 800, 'what was there')
      await write(sockets, numbered(800, 1_000))
      await until(() => lines().length === 1_000, 'what came')
      await first[Symbol.asyncDispose]()
      await write(sockets, numbered(1_000, 1_100))
      const second = await start()
      await until(() => lines().length === 1_100, 'what came meanwhile')
      await second[Symbol.asyncDispose]()
      expect(lines()).toEqual(numbered(0, 1_100))
      await write(sockets, numbered(1_100, 1_500))
      execFileSync('journalctl', [`--namespace=${name}`, '--sync'])
      execFileSync('journalctl', [`--namespace=${name}`, '--rotate'])
      execFileSync('journalctl', [`--directory=${directory()}`, '--vacuum-files=1'], { stdio: 'ignore' })
      await write(sockets, numbered(1_500, 1_510))
      const third = await start()
      await until(() => lines().includes('line 1509'), 'what came then')
      await third[Symbol.asyncDispose]()
      expect(lines().slice(1_100)).toEqual(numbered(1_500, 1_510))
      expect(spool.texts().filter((text) => text.includes('"__DECKLOG_LOSS":"vacuumed"'))).toHaveLength(1)
    } finally {
      daemon.kill()
      await gone
      rmSync(sockets, { recursive: true, force: true })
      for (const one of readdirSync(JOURNALS)) {
        if (one.endsWith(`.${name}`)) rmSync(join(JOURNALS, one), { recursive: true })
      }
    }
  },
)

/** As a service's standard output: a header of seven lines, then a line each. */
async function write(sockets: string, lines: readonly string[]): Promise<void> {
  const socket = connect(join(sockets, 'stdout'))
  await once(socket, 'connect')
  socket.end(`decklog-test\n\n6\n0\n0\n0\n0\n${lines.join('\n')}\n`)
  await once(socket, 'close')
  await sleep(100)
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const endMs = Date.now() + 20_000; !condition(); await sleep(20)) {
    if (Date.now() > endMs) throw new Error(`waited in vain until ${what}`)
  }
}
