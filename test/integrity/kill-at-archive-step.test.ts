import { testKills } from './support/step.ts'

testKills([
  { step: 'archive-append', time: 1 },
  { step: 'archive-append', time: 30 },
  { step: 'seal-inside', time: 1, config: { archive: { kind: 'local', sealAfter: '1s' } } },
  { step: 'seal-inside', time: 4, config: { archive: { kind: 'local', sealAfter: '1s' } } },
])
