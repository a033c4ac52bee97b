import type { Measurement } from './measurement.ts'

/** The counts of a soak, each record against what was written; `zero` is what must not have happened besides. */
export function soakMeasurements(found: {
  readonly expectedRecords: number
  readonly records: number
  readonly events: number
  readonly store: string
  readonly problems: number
  readonly zero?: Readonly<Record<string, number>>
  readonly written: Readonly<Record<string, number>>
}): Measurement[] {
  const zero = { 'records or events missing, doubled or altered': found.problems, ...found.zero }
  return [
    { name: 'records written', value: found.expectedRecords, unit: '' },
    {
      name: 'records archived, byte for byte',
      value: found.records,
      unit: '',
      target: { atLeast: found.expectedRecords },
    },
    { name: `events in ${found.store}`, value: found.events, unit: '' },
    ...Object.entries(zero).map(([name, value]) => ({ name, value, unit: '', target: { atMost: 0 } })),
    ...Object.entries(found.written).map(([name, ms]) => ({ name, value: ms / 1000, unit: 's' })),
  ]
}
