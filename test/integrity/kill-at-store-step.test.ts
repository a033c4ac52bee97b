import { expect, test } from 'vitest'
import { killAt, type KillOptions } from './support/step.ts'

const KILLS: KillOptions[] = [
  { step: 'store-commit-inside', time: 1 },
  { step: 'store-commit-inside', time: 12 },
  { step: 'store-committed', time: 1 },
  { step: 'store-committed', time: 12 },
  { step: 'store-merge-inside', time: 1 },
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
