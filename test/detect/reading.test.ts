import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { DecklogError } from '../../src/core/errors.ts'
import { adviseOn } from '../../src/detect/sigma/inspect.ts'
import { loadRules, loadTagger } from '../../src/detect/sigma/load.ts'
import { problemsOf, ruleOf, ruleText } from './building.ts'

const DETECTION_LINE = 6

describe('a rule that cannot be used', () => {
  it.each([
    ['  s: { f|contians: x }\n  condition: s', 1, 'unknown modifier "contians"'],
    ['  s:\n    a: 1\n    f|re: "(a"\n  condition: s', 3, '"(" without ")"'],
    [
      '  s:\n    f|cidr:\n      - 10.0.0.0/8\n      - 10.0.0.1/33\n  condition: s',
      4,
      '"10.0.0.1/33" is no network',
    ],
    ['  s: { f: x }\n  condition: s and t', 2, '"t" is not defined'],
    ['  s: { f: x }\n  condition: 1 of t*', 2, '"t*" names nothing'],
    ['  s: { f: x }\n  condition: (s', 2, '"(" without ")"'],
    ['  s: { f: x }\n  condition: s s', 2, '"s" is not expected here'],
    ['  s: { f: x }\n  condition: s | count() > 5', 2, 'aggregations'],
    ['  s: { f: x }', 0, 'the condition is missing'],
    ['  s: {}\n  condition: s', 1, 'an empty map'],
    ['  s: []\n  condition: s', 1, 'an empty list'],
    ['  s: { f: [] }\n  condition: s', 1, 'an empty list'],
    ['  s: { f: { g: x } }\n  condition: s', 1, 'a map where a value should be'],
    ['  s: { f|gt: many }\n  condition: s', 1, 'no number'],
    ['  s: { f|exists: maybe }\n  condition: s', 1, '"exists" takes true or false'],
    ['  s: { f|expand: "%Servers%" }\n  condition: s', 1, 'the placeholder %Servers% has no values here'],
    ['  s: { f|base64: "a*" }\n  condition: s', 1, 'cannot encode a value with wildcards'],
    ['  s: { f|contains|re: a }\n  condition: s', 1, 'cannot be combined'],
    ['  s: [null]\n  condition: s', 1, 'null as a keyword'],
    ['  s: { f: x }\n  timeframe: 5m\n  condition: s', 2, '"timeframe" is no longer'],
  ])('says the line and what is wrong: %j', (detection, line, message) => {
    const [problem, ...more] = problemsOf(ruleText({ detection }))
    expect(more).toEqual([])
    expect(problem).toContain(message)
    expect(problem).toMatch(new RegExp(`^rule\\.yml:${DETECTION_LINE + line}: `))
  })

  it.each([
    ['id: nonsense\ntitle: x', '"id:" is no UUID; write "id: '],
    ['title: x', '"id:" is missing; write "id: '],
    [ruleText().replace('level: low', 'level: severe'), 'unknown level; write one of: informational, low'],
    [ruleText().replace(/logsource:.*\n/, ''), '"logsource:" is missing'],
    [ruleText().replace('title: A rule\n', ''), '"title:" is missing'],
    [ruleText().replace(/detection:[^]*/, ''), '"detection:" is missing'],
    ['title: [', 'this is no YAML'],
    ['- a', 'this is no rule'],
    ['', 'the file holds no rule'],
    ['a: &x [1]\nb: *x', 'YAML aliases are not allowed'],
    [`a: ${'['.repeat(50_000)}`, ''],
    ['x'.repeat(300_000), 'too large'],
  ])('is a problem and never an exception (%#)', (text, message) => {
    const problems = problemsOf(text)
    expect(problems.length).toBeGreaterThan(0)
    expect(problems[0]).toContain(message)
  })

  it('says of correlations and filters that they are not supported yet, and reads what stands beside them', () => {
    const correlation = 'title: c\ncorrelation: { type: event_count }\n'
    const problems = problemsOf(`${ruleText()}---\n${correlation}`)
    expect(problems).toEqual([expect.stringContaining('"correlation:" is not supported yet')])
    expect(problemsOf('title: f\nfilter: { rules: [] }')).toEqual([
      expect.stringContaining('"filter:" is not supported yet'),
    ])
  })

  it('leaves out what its author gave up, and says so', () => {
    expect(problemsOf(ruleText({ more: 'status: deprecated' }))).toEqual([
      expect.stringContaining('deprecated'),
    ])
  })

  it('does not let an alias bomb take the memory', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]']
    for (let i = 1; i < 12; i++)
      lines.push(
        `a${i}: &a${i} [${Array(9)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      )
    const started = process.memoryUsage().heapUsed
    expect(problemsOf(lines.join('\n'))[0]).toContain('aliases')
    expect(process.memoryUsage().heapUsed - started).toBeLessThan(100e6)
  })
})

describe('advice', () => {
  it('names rules that never run, have no samples, or have unknown tags', () => {
    const rule = ruleOf(ruleText({ logsource: '{ product: windows }', more: 'tags: [attack.t9999]' }))
    const advice = adviseOn(rule).map(({ message }) => message)
    expect(advice).toEqual([
      'no source of decklog is "windows": the rule never runs',
      'no sample that it matches',
      'no sample that it ignores',
      '"attack.t9999" is no tactic or technique that decklog knows',
    ])
  })
})

describe('a directory of rules', () => {
  const made: string[] = []
  afterEach(async () => {
    for (const directory of made.splice(0)) await rm(directory, { recursive: true })
  })

  async function directoryWith(files: Record<string, string>): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'rules-'))
    made.push(directory)
    for (const [name, text] of Object.entries(files)) {
      await mkdir(join(directory, name, '..'), { recursive: true })
      await writeFile(join(directory, name), text)
    }
    return directory
  }

  it('is read by sets, as pipelines name them', async () => {
    const id = '22222222-2222-4222-8222-222222222222'
    const directory = await directoryWith({
      'ssh/a.yml': ruleText(),
      'pod/b.yaml': ruleText({ id }),
      'pod/notes.txt': 'x',
    })
    expect((await loadRules({ directory })).rules.map(({ set }) => set)).toEqual(['pod', 'ssh'])
    expect((await loadRules({ directory, ruleSets: ['rules/ssh'] })).rules.map(({ set }) => set)).toEqual([
      'ssh',
    ])
  })

  it('refuses two rules with one id', async () => {
    const directory = await directoryWith({ 'a/a.yml': ruleText(), 'b/b.yml': ruleText() })
    const { problems } = await loadRules({ directory })
    expect(problems).toEqual([
      expect.objectContaining({ severity: 'error', message: expect.stringContaining('a/a.yml:1') }),
    ])
  })

  it('makes no tagger of a wrong rule, and says file, line and advice', async () => {
    const directory = await directoryWith({
      'a/a.yml': ruleText({ detection: '  s: { f|x: 1 }\n  condition: s' }),
    })
    const error = await loadTagger({ directory }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(DecklogError)
    expect(error).toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(/a\.yml:7: unknown modifier "x"; write one of/),
    })
  })

  it('says which sets there are when one is missing', async () => {
    const directory = await directoryWith({ 'a/a.yml': ruleText() })
    await expect(loadTagger({ directory, ruleSets: ['b'] })).rejects.toThrow('the sets are: a')
    await expect(loadTagger({ directory: join(directory, 'none') })).rejects.toThrow('ENOENT')
  })
})
