import { defineConfig } from 'vitest/config'

/** Roles apart on engines that are killed: about fifteen minutes, one file after the other. */
export default defineConfig({
  test: {
    include: ['test/integrity/distributed/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: 'forks',
    maxWorkers: 1,
  },
})
