import { expect, test } from 'vitest'
import { killAt, type KillOptions } from './support/step.ts'

const KILLS: KillOptions[] = [
  { step: 'archive-append', time: 1 },
  { step: 'archive-append', time: 30 },
  { step: 'seal-inside', time: 1, config: { archive: { kind: 'local', sealAfter: '1s' } } },
  { step: 'seal-inside', time: 4, config: { archive: { kind: 'local', sealAfter: '1s' } } },
]

test.each(KILLS)(
  'killed when it passes $step for time $time: every record is there once, byte for byte',
  {
    timeout: 240_000,
  },
  async (kill) => {
    const { problems, records } = await killAt(kill)
    expect(problems).toEqual([])
    expect(records).toBeGreaterThan(500)
  },
)
