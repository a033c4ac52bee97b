import type { Measurement, Subject } from './measurement.ts'

/** The benchmarks of one part each end with a line of JSON of their own; here it becomes rows of the page. */

interface ParseResult {
  readonly results: readonly { name: string; linesPerSecond: number; bytesPerLine: number }[]
}

export function parseSubject({ results }: ParseResult): Subject {
  const rateOf = (name: string): number => results.find((one) => one.name === name)?.linesPerSecond ?? 0
  const targets: readonly [start: string, linesPerSecond: number][] = [
    ['cri, words', 800_000],
    ['cri, access log', 800_000],
    ['cri, JSON', 300_000],
    ['kube-audit', 60_000],
  ]
  const isLimit = (name: string): boolean => !/^cri|example$/.test(name)
  const beside = (name: string): Measurement['beside'] =>
    name.startsWith('cri')
      ? [
          { name: 'newline scan', value: rateOf('newline scan') },
          ...(name === 'cri, JSON'
            ? [{ name: 'JSON.parse alone', value: rateOf('JSON.parse of a payload') }]
            : []),
        ]
      : []
  return {
    subject: 'Parsing: raw bytes → documents, a thread',
    about: 'Lines a second of CPU time of one thread, medians of five rounds, without rules.',
    measurements: results
      .filter(({ name }) => !isLimit(name))
      .map(({ name, linesPerSecond, bytesPerLine }): Measurement => {
        const target = targets.find(([start]) => name.startsWith(start))?.[1]
        return {
          name: `${name}, ${bytesPerLine} B a line`,
          value: linesPerSecond,
          unit: 'lines/s',
          ...(target === undefined ? {} : { target: { atLeast: target } }),
          beside: beside(name) ?? [],
        }
      }),
  }
}

interface TagResult {
  readonly rules: number
  readonly results: readonly {
    sample: string
    parseNs: number
    parseWithRulesNs: number
    prefilterMBps: number
    newlineScanMBps: number
    costPercent: number
  }[]
}

export function tagSubject({ rules, results }: TagResult): Subject {
  return {
    subject: `Tagging with ${rules} rules, a thread`,
    about:
      'What rules add to the time from raw bytes to documents; medians of five rounds, with and without in turn.',
    measurements: results.flatMap((one): Measurement[] => [
      {
        name: `${one.sample}: rules add`,
        value: one.costPercent,
        unit: '%',
        ...(one.sample === 'kube-audit' ? {} : { target: { atMost: 25 } }),
      },
      {
        name: `${one.sample}: pre-filter`,
        value: one.prefilterMBps,
        unit: 'MB/s',
        beside: [{ name: 'newline scan', value: one.newlineScanMBps }],
      },
    ]),
  }
}

interface ShipResult {
  readonly mib: number
  readonly shipMBs: number
  readonly hashAndZstdMBs: number
  readonly newlineScanMBs: number
  readonly share: number
}

export function shipSubject(result: ShipResult): Subject {
  return {
    subject: 'Shipping: files → batches, against a bus that discards',
    about: 'One large file of container lines; medians of the rounds, the primitives in the same ones.',
    notes: [`${Math.round(result.mib)} MiB a round`],
    measurements: [
      {
        name: 'ship',
        value: result.shipMBs,
        unit: 'MB/s',
        beside: [
          { name: 'SHA-256 + zstd 1', value: result.hashAndZstdMBs },
          { name: 'newline scan', value: result.newlineScanMBs },
        ],
      },
      {
        name: 'ship, share of SHA-256 + zstd 1',
        value: result.share * 100,
        unit: '%',
        target: { atLeast: 75 },
      },
    ],
  }
}

interface StoreResult {
  readonly results: Readonly<Record<string, number>>
}

const STORE_UNITS: readonly [name: RegExp, unit: string][] = [
  [/^write to searchable/, 'events/s'],
  [/^disk/, 'B/event'],
  [/^document/, 'B'],
  [/^peak memory/, 'MB'],
  [/^(events|segments)/, ''],
]

export function storeSubject({ results }: StoreResult): Subject {
  return {
    subject: 'The embedded store alone',
    about:
      'Written and asked through its port, in one process with nothing else; questions are medians of five, warm.',
    measurements: Object.entries(results).map(([name, value]) => ({
      name,
      value,
      unit: STORE_UNITS.find(([pattern]) => pattern.test(name))?.[1] ?? 'ms',
    })),
  }
}
