import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createApi } from '../../src/api/app.ts'
import { SERVICE_LIMITS } from '../../src/api/service.ts'
import { Telemetry } from '../../src/core/telemetry.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { testClock } from '../support/test-server.ts'

const DOCS = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8')

const api = createApi({
  store: new MemoryStore(),
  telemetry: new Telemetry(),
  clock: testClock,
  status: () => ({}),
  ready: () => undefined,
  hosts: undefined,
  webDirectory: undefined,
  onFault: () => {},
  closing: new AbortController().signal,
  limits: SERVICE_LIMITS,
})

test('docs/api.md lists the paths that there are, and no other', () => {
  const served = new Set(api.routes.map(({ path }) => path).filter((path) => !path.includes('*')))
  const table = DOCS.slice(DOCS.indexOf('| path |'), DOCS.indexOf('## Parameters'))
  const listed = new Set([...table.matchAll(/`(?:POST )?(\/[a-z/-]+)`/g)].map((match) => match[1]))
  expect(listed).toEqual(served)
})

test.each(
  [...DOCS.matchAll(/^\| `(\/api\/[a-z-]+)` \| ([^|]*) \|/gm)].map(
    (match) => [match[1]!, match[2]!] as const,
  ),
)('docs/api.md lists the parameters of %s, and no other', async (path, cell) => {
  const listed = (/^`([a-z ]+)`/.exec(cell)?.[1] ?? '').split(' ').filter(Boolean)
  const { detail } = (await (await api.request(`${path}?nonsense=1`)).json()) as { detail: string }
  const taken = detail.endsWith(' takes none') ? [] : detail.replace(/^.* takes /, '').split(', ')
  expect(taken.sort()).toEqual(listed.sort())
})

test('docs/api.md lists the problems that there are', () => {
  const source = readFileSync(new URL('../../src/api/problems.ts', import.meta.url), 'utf8')
  const kinds = [...source.matchAll(/^ {2}'?([a-z-]+)'?: \{ status: (\d+)/gm)].map(
    ([, kind, status]) => `${status} ${kind}`,
  )
  const listed = [...DOCS.matchAll(/^\| (\d{3}) \| `([a-z-]+)`/gm)].map(
    ([, status, kind]) => `${status} ${kind}`,
  )
  expect(kinds.length).toBeGreaterThan(5)
  expect(listed.sort()).toEqual(kinds.sort())
})
