import { describe, expect, it } from 'vitest'
import { runRuleTests } from '../../src/cli/rules/run-tests.ts'
import { loadPipelines } from '../../src/config/pipelines.ts'
import { adviseOn } from '../../src/detect/sigma/inspect.ts'
import { loadRules } from '../../src/detect/sigma/load.ts'
import { makeTagger } from '../../src/detect/sigma/tagger.ts'
import { AUTH, CONTAINER } from './building.ts'

const { rules, problems } = await loadRules({ directory: 'pipelines/rules' })
const pipelines = loadPipelines('pipelines')

describe('the rules that come with decklog', () => {
  it('can all be used, run somewhere, are fast, and are tested both ways', () => {
    expect(problems).toEqual([])
    expect(rules.flatMap(adviseOn)).toEqual([])
    expect(rules.length).toBeGreaterThanOrEqual(10)
  })

  it('do to their samples what they say', () => {
    const report = runRuleTests(rules, pipelines)
    expect(report.failed).toEqual([])
    expect(report.samples).toBeGreaterThan(rules.length * 2)
  })

  it('fail on a sample that says the opposite', () => {
    const wrong = rules.map((rule) => ({
      ...rule,
      samples: rule.samples.map((sample) => ({ ...sample, expected: !sample.expected })),
    }))
    const report = runRuleTests(wrong, pipelines)
    expect(report.failed).toHaveLength(report.samples)
  })

  it('are named by the pipelines, and no set is forgotten', () => {
    const named = new Set(pipelines.classes.flatMap((one) => one.rules))
    expect(new Set(rules.map(({ set }) => `rules/${set}`))).toEqual(named)
  })

  it('say what they are for: description, references, false positives, a tag of ATT&CK', () => {
    for (const rule of rules) {
      expect(rule.description, rule.file).not.toBe('')
      expect(rule.references.length, rule.file).toBeGreaterThan(0)
      expect(rule.falsePositives.length, rule.file).toBeGreaterThan(0)
      expect(
        rule.tags.some((tag) => /^attack\.t\d/.test(tag)),
        rule.file,
      ).toBe(true)
    }
  })

  it('cover the ten of the first release', () => {
    const tags = new Set(rules.flatMap((rule) => rule.tags))
    for (const id of ['s01', 's03', 's08', 's12', 'b04', 'b05', 'b06', 'k01', 'k05', 'k06', 'k07', 'k08']) {
      expect(tags).toContain(`decklog.${id}`)
    }
  })
})

describe('provenance', () => {
  const tagger = makeTagger(rules)
  const event = {
    message: 'Failed password for root from 203.0.113.66 port 40100 ssh2',
    event: { action: 'ssh_login', outcome: 'failure' },
    process: { name: 'sshd' },
    user: { name: 'root' },
  }

  it('decides: what a pod prints is never an event of sshd, whatever its fields say', () => {
    expect(tagger.forSource(AUTH, {})?.match(event, event.message)).toHaveLength(1)
    expect(tagger.forSource(CONTAINER, {})?.match(event, event.message)).toEqual([])
  })

  it('lets a line like sshd’s of a pod pass the pre-filter unseen', () => {
    const raw = Buffer.from(`2026-11-24T08:00:00Z stdout F ${event.message}\n`)
    expect(tagger.forSource(CONTAINER, {})?.prepare(raw).none).toBe(true)
  })

  it('gives nothing to sources without rules', () => {
    expect(tagger.forSource({ class: 'x', dataset: 'decklog.unrouted', format: 'text' }, {})).toBeUndefined()
  })
})

describe('what a match puts into an event', () => {
  it('is ECS: ids, names and links of ATT&CK as lists', () => {
    const rule = rules.find(({ file }) => file.endsWith('pod-exec.yml'))!
    const source = makeTagger([rule]).forSource(
      { class: 'c', dataset: 'kubernetes.audit_logs', format: 'kube-audit' },
      {},
    )
    const audit = {
      verb: 'get',
      stage: 'ResponseStarted',
      objectRef: { resource: 'pods', subresource: 'exec' },
    }
    expect(source?.match({ kubernetes: { audit } }, JSON.stringify(audit))).toEqual([
      {
        id: rule.id,
        name: rule.title,
        level: 'medium',
        tags: ['attack.execution', 'attack.t1609', 'decklog.k01'],
        threat: {
          framework: 'MITRE ATT&CK',
          tactic: {
            id: ['TA0002'],
            name: ['Execution'],
            reference: ['https://attack.mitre.org/tactics/TA0002/'],
          },
          technique: {
            id: ['T1609'],
            name: ['Container Administration Command'],
            reference: ['https://attack.mitre.org/techniques/T1609/'],
          },
        },
      },
    ])
  })
})
