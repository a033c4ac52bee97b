import type { FleetRun } from './fleet.ts'
import { type Measurement, median } from './measurement.ts'

/** What the rounds gave, by name of the way: `ship`, `events`, `apart`, `together`, `replay`. */
export interface Rounds {
  readonly runs: ReadonlyMap<string, readonly FleetRun[]>
  /** Percent of raw bulk, measured in the same round. */
  readonly shares: ReadonlyMap<string, readonly number[]>
  readonly rawRates: readonly number[]
  readonly rawAgainRates: readonly number[]
  /** Others, by name. */
  readonly rivals: ReadonlyMap<string, readonly FleetRun[]>
}

const ENGINES = ['Kafka', 'Elasticsearch']

export function measurementsOf(rounds: Rounds): Measurement[] {
  const { runs, rivals, rawRates, rawAgainRates } = rounds
  const beside = (of: (run: FleetRun) => number): { name: string; value: number }[] =>
    [...rivals].map(([name, some]) => ({ name, value: median(some.map(of)) }))
  const has = (name: string): boolean => runs.has(name)
  const rate = (name: string): number => median(runs.get(name)!.map((run) => run.linesPerSecond))
  const cpu = (name: string, of: (run: FleetRun) => number = own): number => median(runs.get(name)!.map(of))
  const share = (name: string): number => median(rounds.shares.get(name)!)
  const raw = (rates: readonly number[]): { name: string; value: number } => ({
    name: 'raw bulk',
    value: median(rates),
  })
  return [
    ...(has('ship')
      ? [
          { name: 'files → Kafka', value: rate('ship'), unit: 'lines/s', target: { atLeast: 500_000 } },
          { name: 'files → Kafka, CPU of a million', value: cpu('ship'), unit: 's', target: { atMost: 1.9 } },
        ]
      : []),
    ...(has('events')
      ? [
          {
            name: 'files → raw → process → events',
            value: rate('events'),
            unit: 'lines/s',
            target: { atLeast: 200_000 },
          },
          { name: 'files → raw → process → events, CPU of a million', value: cpu('events'), unit: 's' },
        ]
      : []),
    ...(has('apart')
      ? [
          {
            name: 'files → Elasticsearch, roles apart',
            value: rate('apart'),
            unit: 'lines/s',
            beside: [raw(rawRates), ...beside((run) => run.linesPerSecond)],
          },
          {
            name: 'roles apart, share of raw bulk',
            value: share('apart'),
            unit: '%',
            target: { atLeast: 72 },
          },
          {
            name: 'roles apart, CPU of a million, all roles',
            value: cpu('apart'),
            unit: 's',
            target: { atMost: 10 },
            beside: beside(own),
          },
          {
            name: 'roles apart, index alone',
            value: cpu('apart', (run) => run.cpuPerMillion['index']!),
            unit: 's',
            target: { atMost: 2.5 },
          },
        ]
      : []),
    ...(has('together')
      ? [
          {
            name: 'process and index in one process',
            value: rate('together'),
            unit: 'lines/s',
            beside: [raw(rawRates)],
          },
          {
            name: 'process and index in one process, share of raw bulk',
            value: share('together'),
            unit: '%',
            target: { atLeast: 90 },
          },
          {
            name: 'process and index in one process, CPU of a million, all roles',
            value: cpu('together'),
            unit: 's',
          },
        ]
      : []),
    ...(has('replay')
      ? [
          {
            name: 'replay of what is stored',
            value: rate('replay'),
            unit: 'events/s',
            beside: [raw(rawAgainRates)],
          },
          {
            name: 'replay, share of raw bulk of the same duplicates',
            value: share('replay'),
            unit: '%',
            target: { atLeast: 85 },
          },
          { name: 'replay, CPU of a million, index', value: cpu('replay'), unit: 's' },
        ]
      : []),
  ]
}

/** Where the CPU of a million lines goes, a sentence a way. */
export function sharesText(name: string, runs: readonly FleetRun[]): string {
  const parts = Object.keys(runs[0]!.cpuPerMillion).map((part) => ({
    part,
    seconds: median(runs.map((run) => run.cpuPerMillion[part]!)),
  }))
  const sum = parts.reduce((total, { seconds }) => total + seconds, 0)
  const texts = parts
    .filter(({ seconds }) => seconds > 0)
    .map(({ part, seconds }) => `${part} ${seconds.toFixed(2)} (${((100 * seconds) / sum).toFixed(0)} %)`)
  return `CPU seconds of a million lines, ${name}: ${texts.join(', ')}`
}

/** Without Kafka and Elasticsearch. */
function own({ cpuPerMillion }: FleetRun): number {
  return Object.entries(cpuPerMillion)
    .filter(([part]) => !ENGINES.includes(part))
    .reduce((sum, [, seconds]) => sum + seconds, 0)
}
