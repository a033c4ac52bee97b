import { configDefaults, defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Minutes of killed brokers and nodes: `npm run test:distributed`.
    exclude: [...configDefaults.exclude, 'test/integrity/distributed/**'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: 'forks',
    maxWorkers: 2,
    // Tests of real processes, disks and a browser on a shared machine: one more try in CI, and the report says which needed it.
    retry: process.env['CI'] ? 1 : 0,
  },
})
