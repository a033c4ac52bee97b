import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { run } from '../../src/cli/program.ts'
import { ELASTICSEARCH } from '../support/elasticsearch-manage.ts'
import { noKafka, plaintext } from '../support/kafka.ts'

interface Ended {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the command in this process: what it prints is taken, and its status is what a shell would see. */
async function setup(...args: string[]): Promise<Ended> {
  const printed = { stdout: '', stderr: '' }
  const taken = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      printed[name] += String(text)
      return true
    }),
  )
  const before = process.exitCode
  process.exitCode = 0
  try {
    const status = await run(['node', 'decklog', 'setup', ...args])
    return { status, ...printed }
  } finally {
    process.exitCode = before
    for (const spy of taken) spy.mockRestore()
  }
}

describe('decklog setup', () => {
  let folder: string
  const configured = async (text: string): Promise<string> => {
    const path = join(folder, 'decklog.yaml')
    await writeFile(path, text)
    return path
  }
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'decklog-setup-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  test('one machine needs none', async () => {
    const { status, stdout } = await setup('--config', await configured('cluster: a\n'))
    expect(status).toBe(0)
    expect(stdout).toMatch(/^nothing to set up/)
  })

  test('the rights of a part are one JSON object', async () => {
    const { status, stdout, stderr } = await setup('--print-role', 'writer')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const role = JSON.parse(stdout) as { cluster: string[]; indices: { names: string[] }[] }
    expect(role.cluster).toEqual(['monitor'])
    expect(role.indices[0]!.names).toContain('logs-system.auth-*.ssh')
    expect((await setup('--print-role', 'anybody')).status).toBe(2)
  })

  test('what cannot be reached is status 3, and one line', async () => {
    const path = await configured('store: { kind: elasticsearch, nodes: ["http://127.0.0.1:9"] }\n')
    const { status, stdout, stderr } = await setup('--config', path)
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' })
    expect(stderr).toMatch(/decklog: Elasticsearch: .*ECONNREFUSED/)
  })

  test('a class that no pipeline has is status 2', async () => {
    const path = await configured('setup: { topics: { partitions: { pdo: 24 } } }\n')
    const { status, stderr } = await setup('--config', path)
    expect(status).toBe(2)
    expect(stderr).toMatch(/setup.topics.partitions: no pipeline has the class pdo/)
  })

  test.skipIf(noKafka !== undefined || ELASTICSEARCH === undefined)(
    'a dry run on real servers says all as JSON, with what it does on stderr',
    { timeout: 60_000 },
    async () => {
      const [broker] = plaintext.brokers
      const path = await configured(
        `bus: { kind: kafka, brokers: ["${broker}"] }\nstore: { kind: elasticsearch, nodes: ["${ELASTICSEARCH}"] }\n`,
      )
      const { status, stdout, stderr } = await setup('--config', path, '--dry-run', '--json')
      expect(status).toBe(0)
      expect(stderr).toMatch(/^asking Kafka what it has\nasking Elasticsearch what it has\n/)
      const report = JSON.parse(stdout) as Record<string, Record<string, unknown>>
      expect(report).toMatchObject({ applied: false, problems: [] })
      expect(report['kafka']!['topics']).toContainEqual(
        expect.objectContaining({ name: 'decklog.raw.pod', partitions: 12 }),
      )
      expect(report['elasticsearch']!['templates']).toContainEqual(
        expect.objectContaining({ kind: 'index', name: 'decklog-system.auth-ssh' }),
      )
      expect(report['elasticsearch']!['shards']).toMatchObject({
        counts: expect.any(Array) as unknown,
      })
    },
  )
})
