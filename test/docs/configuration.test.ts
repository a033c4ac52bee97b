import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config/config.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const PEM = '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'
const KEYS = ['enrichment', 'podMetadata', 'cluster', 'bus', 'store', 'setup', 'dataDir', 'sources']

/** Blocks that are a decklog.yaml, or a part of one. */
const blocks = [
  'README.md',
  'docs/configuration.md',
  'docs/operating.md',
  'docs/sources.md',
  'docs/enrichment.md',
].flatMap((page) =>
  [...readFileSync(join(ROOT, page), 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)]
    .map(([, text]) => text!)
    .filter((text) => KEYS.some((key) => key in (parse(text) as object)))
    .map((text, i) => [`${page}, block ${i + 1}`, text] as const),
)

describe('configuration as the documentation shows it', () => {
  let room: string
  beforeAll(() => {
    room = mkdtempSync(join(tmpdir(), 'decklog-docs-'))
    writeFileSync(join(room, 'x.pem'), PEM)
  })
  afterAll(() => rmSync(room, { recursive: true }))

  test('is found at all', () => {
    expect(blocks.map(([name]) => name)).toContain('docs/configuration.md, block 2')
  })

  test.each(blocks)('%s is valid', (_, text) => {
    const file = join(room, 'decklog.yaml')
    // Files and secrets of the examples are not here.
    const here = text
      .replaceAll(/\/etc\/decklog\/\S+\.(pem|key)/g, join(room, 'x.pem'))
      .replaceAll(/\$\{[^}]+\}/g, 'a-secret')
    writeFileSync(file, here)
    expect(() => loadConfig(file)).not.toThrow()
  })

  test('says every key of the bus, the store and setup', () => {
    const page = readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8')
    const sources = ['bus', 'store', 'setup'].map((name) =>
      readFileSync(join(ROOT, `src/config/${name}.ts`), 'utf8'),
    )
    const keys = sources.flatMap((text) => [
      ...text.matchAll(/^\s+([a-zA-Z]+): (?:z\.|durationSchema|sizeSchema|pem|count)/gm),
    ])
    expect(keys.length).toBeGreaterThan(30)
    for (const [, key] of keys) expect(page, key).toContain(key)
  })
})
