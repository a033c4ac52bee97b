import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

/** Does what docs/adding-a-format.md says, word for word, in a copy: the page is the test's input. */
const ROOT = join(import.meta.dirname, '../..')
const NODE = join(ROOT, 'node_modules/.bin/node')
const page = readFileSync(join(ROOT, 'docs/adding-a-format.md'), 'utf8')
let copy: string

function block(language: string): string {
  const found = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page)
  if (!found) throw new Error(`the page has no ${language} block`)
  return found[1]!
}

function run(args: readonly string[], input = ''): string {
  return execFileSync(NODE, args as string[], {
    cwd: copy,
    input,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'decklog-format-'))
  for (const name of [
    'src',
    'pipelines',
    'schemas',
    'scripts',
    'test',
    'package.json',
    'vitest.config.ts',
    'tsconfig.json',
  ]) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true })
  }
  mkdirSync(join(copy, 'docs/formats'), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))

  writeFileSync(join(copy, 'src/parsers/haproxy.ts'), block('ts'))
  const fixture = join(copy, 'test/fixtures/formats/haproxy')
  mkdirSync(fixture)
  writeFileSync(join(fixture, 'lines.log'), '203.0.113.9 GET 503 /login\n2001:db8::1 POST 200 /api?x=1\n')
  writeFileSync(join(fixture, 'source.md'), 'Written after the log-format of the definition.\n')
  const pipeline = join(copy, 'pipelines/node.yaml')
  writeFileSync(pipeline, readFileSync(pipeline, 'utf8').replace('match:\n', `match:\n${block('yaml')}`))
})

afterAll(() => rmSync(copy, { recursive: true, force: true }))

test('the new format parses, through the command line and its pipeline', () => {
  const [line] = run(['src/cli/main.ts', 'parse', '--as', 'haproxy'], '203.0.113.9 GET 503 /login\n')
    .trim()
    .split('\n')
  const document = JSON.parse(line!) as Record<string, unknown>
  expect(document).toMatchObject({
    source: { ip: '203.0.113.9' },
    http: { response: { status_code: 503 } },
    data_stream: { dataset: 'haproxy.log' },
    decklog: { class: 'node', parser: { name: 'haproxy' } },
  })
})

test('what the new format cannot read stays text, tagged', () => {
  const document = JSON.parse(run(['src/cli/main.ts', 'parse', '--as', 'haproxy'], 'nonsense\n')) as {
    message: string
    decklog: { quality: string[] }
  }
  expect(document.message).toBe('nonsense')
  expect(document.decklog.quality).toContain('parse-failed')
})

test('check knows it, and its page is written', () => {
  writeFileSync(
    join(copy, 'decklog.yaml'),
    'http: { listen: 127.0.0.1:0 }\nsources: [{ kind: file, class: node, format: haproxy, paths: [./package.json] }]\n',
  )
  expect(run(['src/cli/main.ts', 'check', '--config', 'decklog.yaml'])).toContain('ok:')
  run(['scripts/format-docs.ts'])
  expect(readFileSync(join(copy, 'docs/formats/haproxy.md'), 'utf8')).toContain('HAProxy, short form')
})

test('the garbage test, the fuzz test and the fixtures take it by themselves', () => {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  // Other formats' tests were run already; -t keeps this to the new one.
  run([vitest, 'run', 'test/parsers/fixtures.test.ts', 'test/parsers/fuzz.test.ts', '-u', '-t', 'haproxy'])
  const made = JSON.parse(
    readFileSync(join(copy, 'test/fixtures/formats/haproxy/lines.json'), 'utf8'),
  ) as unknown[]
  expect(made).toHaveLength(2)
})
