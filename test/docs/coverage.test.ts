import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { uncovered, withCoverage } from '../../scripts/coverage.ts'

const PAGE = resolve(import.meta.dirname, '../../README.md')

test('the table of what is covered is current: `node scripts/coverage.ts` writes it anew', () => {
  const page = readFileSync(PAGE, 'utf8')
  expect(page).toBe(withCoverage(page))
})

test('a table that is not current is found', () => {
  const old = readFileSync(PAGE, 'utf8').replaceAll('| [kube-audit]', '| [kube-other]')
  expect(withCoverage(old)).not.toBe(old)
})

test('every format is in some row, but for those that only wrap others', () => {
  expect(uncovered().toSorted()).toEqual(['journald', 'text'])
})
