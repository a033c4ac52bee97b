import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../../../../src/generate/random.ts'
import type { TcpProxy } from '../../../support/tcp-proxy.ts'
import { rollOver } from './elasticsearch-events.ts'
import { type Engine, signal } from './engine-process.ts'
import { type Member, ROLES, type Role } from './fleet.ts'
import type { Voyage } from './voyage.ts'

export interface StormOptions {
  readonly seed: number
  /** How long a process stands still at most. */
  readonly stopMsMax: number
  /** Between two troubles, at most. */
  readonly pauseMsMax: number
  /** How often each trouble comes. @default 1 */
  readonly rounds?: number
}

export interface StormReport {
  /** By kind. */
  readonly troubles: Readonly<Record<string, number>>
  readonly rollovers: number
}

interface Trouble {
  readonly kind: string
  readonly name: string
  readonly happen: (storm: Storm) => Promise<void>
}

interface Storm extends Voyage {
  readonly random: Random
  readonly stopMsMax: number
}

/** Every trouble that there is, in random order, one after the other; and all the while random data streams are rolled over. */
export async function storm(voyage: Voyage, options: StormOptions): Promise<StormReport> {
  const { seed, pauseMsMax, stopMsMax, rounds = 1 } = options
  const { written, accounted, say } = voyage
  const random = new Random(`storm ${seed}`)
  const inner: Storm = { ...voyage, random, stopMsMax }
  const counts: Record<string, number> = {}
  const stop = new AbortController()
  const rolling = rollOverAtRandom(inner, stop.signal)
  try {
    for (let round = 0; round < rounds; round++) {
      for (const { kind, name, happen } of shuffled(TROUBLES, random)) {
        await sleep(random.between(500, pauseMsMax))
        say(`${name}; ${written()} records are written, ${await accounted()} stored`)
        await happen(inner)
        counts[kind] = (counts[kind] ?? 0) + 1
      }
    }
  } finally {
    stop.abort()
  }
  return { troubles: counts, rollovers: await rolling }
}

const KILLS: readonly Trouble[] = ROLES.map((role) => ({
  kind: 'role killed',
  name: `kill -9 of ${role}`,
  happen: ({ fleet, random }) => fleet.killAndRestart(one(fleet.of(role), random)),
}))

const STOPS: readonly Trouble[] = ROLES.map((role) => ({
  kind: 'role stopped',
  name: `SIGSTOP of ${role}`,
  happen: ({ fleet, random, stopMsMax }) =>
    standStill(one(fleet.of(role), random).deck.child.pid!, random.between(stopMsMax / 2, stopMsMax)),
}))

const REBALANCES: readonly Trouble[] = (['process', 'index'] as const).map((role) => ({
  kind: 'rebalance storm',
  name: `processes of ${role} join and leave`,
  happen: (storm) => rebalance(storm, role),
}))

const ENGINES: readonly Trouble[] = (['kafka', 'elasticsearch'] as const).flatMap((which) => [
  {
    kind: 'server killed',
    name: `kill -9 of ${which}`,
    happen: ({ engines, random }: Storm) => killAndStart(engines[which], random.between(0, 8_000)),
  },
  {
    kind: 'server stopped',
    name: `SIGSTOP of ${which}`,
    happen: ({ engines, random, stopMsMax }: Storm) =>
      standStill(engines[which].pid, random.between(stopMsMax / 2, stopMsMax)),
  },
  {
    kind: 'connections cut',
    name: `connections to ${which} are cut`,
    happen: ({ engines, random }: Storm) => cutOften(engines[which].proxy, random),
  },
  {
    kind: 'answers lost',
    name: `answers of ${which} are lost with their connections`,
    happen: ({ engines, random }: Storm) => loseAnswers(engines[which].proxy, random),
  },
  {
    kind: 'answers dropped',
    name: `answers of ${which} vanish`,
    happen: ({ engines, random }: Storm) => dropAnswers(engines[which].proxy, random.between(2_000, 6_000)),
  },
  {
    kind: 'connections frozen',
    name: `connections to ${which} carry nothing any more`,
    happen: ({ engines }: Storm) => Promise.resolve(engines[which].proxy.freeze()),
  },
  {
    kind: 'slow network',
    name: `the network to ${which} is slow`,
    happen: ({ engines, random }: Storm) => slowDown(engines[which].proxy, random.between(50, 300)),
  },
])

const TROUBLES: readonly Trouble[] = [...KILLS, ...STOPS, ...REBALANCES, ...ENGINES]

/** Longer than a session, where `ms` is: then the others take over, and who wakes up is a stranger. */
async function standStill(pid: number, ms: number): Promise<void> {
  signal(pid, 'SIGSTOP')
  await sleep(ms)
  signal(pid, 'SIGCONT')
}

async function killAndStart(engine: Engine, awayMs: number): Promise<void> {
  await engine.kill()
  await sleep(awayMs)
  await engine.start()
}

async function cutOften(proxy: TcpProxy, random: Random): Promise<void> {
  for (let times = random.between(2, 6); times > 0; times--) {
    proxy.cut()
    await sleep(random.between(50, 800))
  }
}

/** Of requests that are large, so that they are writes. */
async function loseAnswers(proxy: TcpProxy, random: Random): Promise<void> {
  const lost = proxy.cutBeforeResponse({ times: random.between(3, 8), requestBytesMin: 8 * 1024 })
  await Promise.race([lost, sleep(15_000, undefined, { ref: false })])
}

async function dropAnswers(proxy: TcpProxy, ms: number): Promise<void> {
  proxy.dropResponses(true)
  await sleep(ms)
  proxy.dropResponses(false)
  // What was dropped is not to be waited for until requests time out: the next trouble would meet nobody at work.
  proxy.cut()
}

async function slowDown(proxy: TcpProxy, ms: number): Promise<void> {
  proxy.delay(ms)
  await sleep(8_000)
  proxy.delay(0)
}

async function rebalance({ fleet, random }: Storm, role: Role): Promise<void> {
  for (let round = 0; round < 3; round++) {
    const guest = fleet.join(role)
    await sleep(random.between(1_500, 6_000))
    if (random.once(2)) await fleet.leave(guest)
    else await fleet.vanish(guest)
    if (random.once(2)) await fleet.killAndRestart(one(fleet.of(role), random))
  }
}

async function rollOverAtRandom({ engines, fleet, random }: Storm, stop: AbortSignal): Promise<number> {
  let rollovers = 0
  while (!stop.aborted) {
    await sleep(random.between(1_500, 12_000))
    const { direct } = engines.elasticsearch
    // It may be away just now.
    const stream = await rollOver(direct, fleet.cluster, (below) => random.below(below)).catch(
      () => undefined,
    )
    if (stream !== undefined) rollovers++
  }
  return rollovers
}

function one(members: readonly Member[], random: Random): Member {
  return members[random.below(members.length)]!
}

function shuffled<T>(values: readonly T[], random: Random): T[] {
  const left = [...values]
  return values.map(() => left.splice(random.below(left.length), 1)[0]!)
}
