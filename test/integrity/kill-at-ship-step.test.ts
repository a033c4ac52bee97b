import { expect, test } from 'vitest'
import { killAt, type KillOptions } from './support/step.ts'

const KILLS: KillOptions[] = [
  { step: 'cut-journaled', time: 1 },
  { step: 'cut-journaled', time: 40 },
  { step: 'batch-published', time: 1 },
  { step: 'batch-published', time: 40 },
  { step: 'checkpoint-before', time: 1 },
  { step: 'checkpoint-before', time: 2, endAfterMs: 2_000 },
  { step: 'checkpoint-inside', time: 1 },
  { step: 'checkpoint-inside', time: 2, endAfterMs: 2_000 },
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
