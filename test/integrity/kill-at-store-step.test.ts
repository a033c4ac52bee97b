import { testKills } from './support/step.ts'

testKills([
  { step: 'store-commit-inside', time: 1 },
  { step: 'store-commit-inside', time: 12 },
  { step: 'store-committed', time: 1 },
  { step: 'store-committed', time: 12 },
  { step: 'store-merge-inside', time: 1 },
])
