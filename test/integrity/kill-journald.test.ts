import { appendFileSync, chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type Deck, Workplace } from './support/deck.ts'

const FAKE = fileURLToPath(new URL('../sources/fake-journalctl.ts', import.meta.url))

/** Writes entries of two units into the journal that the stand-in for journalctl follows, until it is told to stop. Returns how many. */
async function writeJournal(home: string, signal: AbortSignal): Promise<number> {
  let number = 0
  for (; !signal.aborted; await sleep(15)) {
    const lines = Array.from({ length: 40 }, () => {
      const i = number++
      const unit = i % 3 === 0 ? 'ssh.service' : 'other.service'
      const entry = [
        ['__CURSOR', `s=0b1c2d;i=${i.toString(16)};b=aa11;m=${(1_000 + i).toString(16)};t=5f1;x=9`],
        ['__REALTIME_TIMESTAMP', `${1_795_500_000_000_000 + i}`],
        ['_MACHINE_ID', 'm1'],
        ['_SYSTEMD_UNIT', unit],
        ['MESSAGE', `entry <${i}>${i % 5 === 0 ? '\nsecond line' : ''}`],
      ]
      return `${JSON.stringify(entry)}\n`
    })
    appendFileSync(join(home, 'entries.json'), lines.join(''))
  }
  return number
}

async function storedNumbers(deck: Deck): Promise<number[]> {
  const answer = await fetch(`${deck.url}/api/export?query=&format=ndjson`)
  if (!answer.ok) throw new Error(`export: ${answer.status}`)
  return (await answer.text())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => /"message":"entry <(\d+)>/.exec(line))
    .map((match) => Number(match?.[1] ?? -1))
}

test('killed again and again while the journal is written: every entry is stored once', {
  timeout: 300_000,
}, async () => {
  await using place = new Workplace()
  const home = join(place.directory, 'journal')
  mkdirSync(home)
  writeFileSync(join(home, 'entries.json'), '')
  const journalctl = join(home, 'journalctl')
  writeFileSync(journalctl, `#!/bin/sh\nFAKE_JOURNAL='${home}' exec '${process.execPath}' '${FAKE}' "$@"\n`)
  chmodSync(journalctl, 0o755)
  const units = { 'ssh.service': 'ssh' }
  place.configure({
    sources: [{ kind: 'journald', journalctl, units, spool: { idleAfter: '1s', closeAfter: '5s' } }],
  })
  const stop = new AbortController()
  const writing = writeJournal(home, stop.signal)
  try {
    for (const faults of ['spool-safe=kill@9', 'spool-written=kill@12', 'cut-journaled=kill@15']) {
      const dying = await place.up({ faults, unready: true })
      await dying.ended
    }
    for (let i = 0; i < 2; i++) {
      const deck = await place.up()
      await sleep(700 + 300 * i)
      await deck.kill()
    }
    const last = await place.up()
    await sleep(1_000)
    stop.abort()
    const written = await writing
    await last.until(
      async () => (await last.isAtRest()) && (await storedNumbers(last)).length >= written,
      'all is stored',
      120_000,
    )
    const stored = await storedNumbers(last)
    expect(written).toBeGreaterThan(2_000)
    expect(stored.toSorted((a, b) => a - b)).toEqual(Array.from({ length: written }, (_, i) => i))
    const { ship, receivers } = await last.get<{
      ship: { troubles: unknown[] }
      receivers: { problems: unknown[] }[]
    }>('/api/status')
    expect(ship.troubles).toEqual([])
    expect(receivers[0]!.problems).toEqual([])
  } finally {
    stop.abort()
    await writing
  }
})
