import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatPages } from '../../scripts/format-docs.ts'

const PAGES = join(import.meta.dirname, '..', '..', 'docs', 'formats')

describe('docs/formats', () => {
  it.each([...formatPages()])('%s is what `node scripts/format-docs.ts` writes', (name, text) => {
    expect(readFileSync(join(PAGES, name), 'utf8')).toBe(text)
  })

  it('has no page of a format that is gone', () => {
    expect(readdirSync(PAGES).sort()).toEqual([...formatPages().keys()].sort())
  })
})
