import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

/** Who may import whom (docs/architecture.md). A folder may always import itself; `types` of ports are ports. */
const ALLOWED: Record<string, readonly string[]> = {
  core: [],
  ports: ['core'],
  codec: ['core', 'ports'],
  bus: ['core', 'ports'],
  store: ['core', 'ports'],
  archive: ['core', 'ports'],
  sources: ['core', 'ports'],
  parsers: ['core', 'ports'],
  stages: ['core', 'ports'],
  detect: ['core', 'ports'],
  generate: ['core', 'ports'],
  config: ['core', 'ports'],
  roles: ['core', 'ports', 'codec', 'sources', 'parsers', 'stages', 'detect', 'config', 'api'],
  api: ['core', 'ports'],
  web: [],
  app: ['*'],
  cli: ['*'],
}

/** Packages that belong to one folder. */
const OWNED: Record<string, string> = {
  avsc: 'codec',
  kafkajs: 'bus',
  '@elastic/elasticsearch': 'store',
  '@duckdb/node-api': 'store',
}

interface Source {
  readonly path: string
  readonly text: string
}

const root = resolve(import.meta.dirname, '../../src')

function violations(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) => importsOf(text).flatMap((specifier) => judge(path, specifier)))
}

function importsOf(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '')
  return [...code.matchAll(/(?:from\s+|import\s*\(?\s*)['"]([^'"]+)['"]/g)].map((match) => match[1]!)
}

function judge(path: string, specifier: string): string[] {
  const folder = path.split('/')[0]!
  if (!specifier.startsWith('.')) {
    const owner = OWNED[specifier]
    return owner !== undefined && owner !== folder
      ? [`${path} imports ${specifier}, which belongs to ${owner}/`]
      : []
  }
  const target = relative(root, resolve(root, dirname(path), specifier)).split('/')[0]!
  if (target === '..') return []
  const allowed = ALLOWED[folder]
  if (!allowed) return [`${path} is in a folder that no rule names`]
  if (target === 'cli' && folder !== 'cli') return [`${path} imports cli/`]
  if (target === folder || allowed.includes('*') || allowed.includes(target)) return []
  return [`${path} imports ${target}/`]
}

function sourcesBelow(directory: string): Source[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ path: relative(root, file), text: readFileSync(file, 'utf8') }))
}

describe('import rules', () => {
  test('a planted violation of each kind is caught', () => {
    const planted: Source[] = [
      { path: 'core/a.ts', text: `import { x } from '../ports/bus.ts'` },
      { path: 'bus/a.ts', text: `import type { x } from '../store/b.ts'` },
      { path: 'roles/ship/a.ts', text: `import { x } from '../../bus/memory.ts'` },
      { path: 'parsers/a.ts', text: `export { x } from '../stages/b.ts'` },
      { path: 'roles/a.ts', text: `import avro from 'avsc'` },
      { path: 'app/a.ts', text: `const x = await import('../cli/main.ts')` },
      { path: 'elsewhere/a.ts', text: `import { x } from '../core/b.ts'` },
    ]
    expect(violations(planted)).toHaveLength(planted.length)
    expect(
      violations([{ path: 'roles/a.ts', text: `import { x } from '../core/b.ts'\nimport y from './c.ts'` }]),
    ).toEqual([])
  })

  test('no file imports what its folder may not', () => {
    const sources = sourcesBelow(root)
    expect(sources.length).toBeGreaterThan(20)
    expect(violations(sources)).toEqual([])
  })

  test('only config reads environment variables', () => {
    const readers = sourcesBelow(root).filter(
      ({ path, text }) => !path.startsWith('config/') && /process\.env\b/.test(text),
    )
    expect(readers.map(({ path }) => path)).toEqual([])
  })
})
