import { testKills } from './support/step.ts'

testKills([
  { step: 'cut-journaled', time: 1 },
  { step: 'cut-journaled', time: 40 },
  { step: 'batch-published', time: 1 },
  { step: 'batch-published', time: 40 },
  { step: 'checkpoint-before', time: 1 },
  { step: 'checkpoint-before', time: 2, endAfterMs: 2_000 },
  { step: 'checkpoint-inside', time: 1 },
  { step: 'checkpoint-inside', time: 2, endAfterMs: 2_000 },
])
