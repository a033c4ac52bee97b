import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Deck } from './support/deck.ts'
import { Workplace } from './support/deck.ts'

/** What a sender knows of the records that it sent, by id. */
interface Sent {
  readonly taken: Set<string>
  /** It got no answer, or another than 200: they may be there, once. */
  readonly unknown: Set<string>
}

const RECORDS_A_PUSH = 15
const SENDERS = 4

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Pushes until it is told to stop, whatever becomes of decklog. Nothing is sent twice: an id that comes twice was made by decklog. */
async function push(name: string, port: number, sent: Sent, signal: AbortSignal): Promise<void> {
  for (let number = 0; !signal.aborted; number++) {
    const ids = Array.from({ length: RECORDS_A_PUSH }, (_, i) => `id-${name}-${number}-${i}-end`)
    const body = ids
      .map((id) => JSON.stringify({ message: `pushed ${id}`, more: 'x'.repeat(number % 200) }))
      .join('\n')
    try {
      const response = await fetch(`http://127.0.0.1:${port}/${name}`, {
        method: 'POST',
        headers: { authorization: 'Bearer token-of-test', 'content-type': 'application/x-ndjson' },
        body,
      })
      await response.arrayBuffer()
      for (const id of ids) (response.status === 200 ? sent.taken : sent.unknown).add(id)
    } catch {
      for (const id of ids) sent.unknown.add(id)
      await sleep(20)
    }
    await sleep(number % 50 === 49 ? 2_300 : 4)
  }
}

async function storedIds(deck: Deck): Promise<string[]> {
  const answer = await fetch(`${deck.url}/api/export?query=&format=ndjson`)
  if (!answer.ok) throw new Error(`export: ${answer.status} ${await answer.text()}`)
  return [...(await answer.text()).matchAll(/pushed (id-[a-z0-9-]+-end)/g)].map(([, id]) => id!)
}

async function settled(deck: Deck, sent: Sent): Promise<void> {
  await deck.until(
    async () => (await deck.isAtRest()) && (await storedIds(deck)).length >= sent.taken.size,
    'all is stored',
  )
}

/** Each taken record once, none twice, and nothing that was not sent. */
function check(stored: readonly string[], { taken, unknown }: Sent): void {
  const counts = new Map<string, number>()
  for (const id of stored) counts.set(id, (counts.get(id) ?? 0) + 1)
  expect(
    [...taken].filter((id) => counts.get(id) !== 1).map((id) => `${id}: ${counts.get(id) ?? 0}`),
  ).toEqual([])
  expect([...counts].filter(([id, count]) => count > 1 || (!taken.has(id) && !unknown.has(id)))).toEqual([])
}

async function run(kill: (deck: Deck, place: Workplace) => Promise<Deck>): Promise<void> {
  const port = await freePort()
  const source = {
    kind: 'http',
    class: 'node',
    listen: `127.0.0.1:${port}`,
    tokens: { test: 'token-of-test' },
    spool: { idleAfter: '1s', closeAfter: '3s' },
  }
  await using place = new Workplace({ config: { sources: [source] } })
  const sent: Sent = { taken: new Set(), unknown: new Set() }
  const stop = new AbortController()
  const first = await place.up()
  await first.stop()
  const senders = Array.from({ length: SENDERS }, (_, i) => push(`s${i}`, port, sent, stop.signal))
  try {
    const last = await kill(first, place)
    await sleep(1_500)
    stop.abort()
    await Promise.all(senders)
    expect(sent.taken.size).toBeGreaterThan(500)
    await settled(last, sent)
    check(await storedIds(last), sent)
    // All is shipped and quiet: nothing of it is left.
    const { ship } = await last.get<{ ship: { troubles: unknown[] } }>('/api/status')
    expect(ship.troubles).toEqual([])
    await last.until(
      async () =>
        /decklog_spool_bytes\{source="http"\} 0\b/.test(await (await fetch(`${last.url}/metrics`)).text()),
      'the spool is empty',
    )
    check(await storedIds(last), sent)
  } finally {
    stop.abort()
    await Promise.all(senders)
  }
}

test.each([
  'spool-written=kill@60',
  'spool-safe=kill@60',
  'spool-rotated=kill@1',
  'spool-removed=kill@4',
  'batch-published=kill@20',
])(
  'killed at %s, what was answered 200 is stored once, and the spool empties',
  { timeout: 120_000 },
  async (faults) => {
    await run(async (_, place) => {
      const dying = await place.up({ faults, unready: true })
      await dying.ended
      return place.up()
    })
  },
)

test('killed at random, again and again', { timeout: 180_000 }, async () => {
  await run(async (_, place) => {
    for (let i = 0; i < 4; i++) {
      const deck = await place.up()
      await sleep(300 + 400 * i)
      await deck.kill()
    }
    return place.up()
  })
})
