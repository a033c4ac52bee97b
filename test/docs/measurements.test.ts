import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { quantile, verdictOf } from '../../benchmarks/support/measurement.ts'
import { pageOf, readResults, type Result } from '../../benchmarks/support/page.ts'

const RESULTS = resolve(import.meta.dirname, '../../benchmarks/results')
const PAGE = resolve(import.meta.dirname, '../../docs/measurements.md')

describe('docs/measurements.md', () => {
  test('is what the results give: `npm run bench -- --page` writes it anew', () => {
    expect(readFileSync(PAGE, 'utf8')).toBe(pageOf(readResults(RESULTS)))
  })

  test('says where and when each subject was measured', () => {
    const results = readResults(RESULTS)
    expect(results.length).toBeGreaterThan(0)
    for (const { taken } of results) {
      expect(taken.date).toMatch(/^\d{4}-\d{2}-\d{2}$/)
      expect(taken.machine).toMatch(/cores/)
      expect(taken.node).toMatch(/^\d+\./)
    }
  })
})

describe('the page of measurements', () => {
  test('computes what holds, the ratio, and how many targets hold', () => {
    const page = pageOf([
      resultOf([
        {
          name: 'fast',
          value: 200,
          unit: 'lines/s',
          target: { atLeast: 100 },
          beside: [{ name: 'rival', value: 50 }],
        },
        { name: 'slow', value: 3_000, unit: 'ms', target: { atMost: 2_000 } },
        { name: 'shown', value: 1, unit: 'MB' },
      ]),
    ])
    expect(page).toContain('**1 of 2 targets hold.**')
    expect(page).toContain('| fast | 200 lines/s | ≥ 100 lines/s | holds | rival: 50 | × 4 |')
    expect(page).toContain('| slow | 3,000 ms | ≤ 2,000 ms | **does not hold** |  |  |')
    expect(page).toContain('| shown | 1 MB |  |  |  |  |')
  })

  test('a name cannot break out of its cell', () => {
    expect(pageOf([resultOf([{ name: 'a | b', value: 1, unit: 'ms' }])])).toContain('| a \\| b | 1 ms |')
  })

  test('a value on its target holds', () => {
    expect(verdictOf({ name: '', value: 5, unit: '', target: { atLeast: 5 } })).toBe('holds')
    expect(verdictOf({ name: '', value: 5, unit: '', target: { atMost: 5 } })).toBe('holds')
  })

  test('a quantile is a value that was measured', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
    expect(quantile(hundred, 0.99)).toBe(99)
    expect(quantile(hundred, 0.5)).toBe(50)
    expect(quantile([7], 0.99)).toBe(7)
    expect(quantile([1, 2], 1)).toBe(2)
  })
})

function resultOf(measurements: Result['measurements']): Result {
  const taken = { order: 0, name: 'x', date: '2026-11-24', node: '24.21.0', machine: '2 cores' }
  return { subject: 'Subject', about: 'About.', measurements, taken }
}
