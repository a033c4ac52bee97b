import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { chainProblems, ShipYard, until } from './harness.ts'

test('a pod log is shipped from its beginning, with provenance from its path, and goes on as lines come', async () => {
  await using yard = new ShipYard()
  const directory = join(yard.logs, 'shop_web-1_0a1b/nginx')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, '0.log'), 'one\ntwo\n')
  await yard.start([{ kind: 'pods', class: 'pod', path: yard.logs }])
  await until(() => yard.records().size === 2, 'two records')
  appendFileSync(join(directory, '0.log'), 'three\nfour without end')
  await until(() => yard.records().size === 3, 'the third record')
  expect(yard.text()).toBe('one\ntwo\nthree\n')
  const { topic, batch } = yard.bus.batches[0]!
  expect(topic).toBe('decklog.raw.pod')
  expect(batch.provenance).toEqual({
    cluster: 'test',
    node: 'node-1',
    kind: 'pods',
    format: 'cri',
    names: { namespace: 'shop', pod: 'web-1', uid: '0a1b', container: 'nginx', restart: '0' },
  })
  await until(() => yard.marks().includes('idle'), 'an idle mark')
  expect(chainProblems(yard.bus)).toEqual([])
})

test('after a restart nothing is shipped again and new lines are', async () => {
  await using yard = new ShipYard()
  mkdirSync(yard.logs)
  const path = join(yard.logs, 'auth.log')
  writeFileSync(path, 'one\ntwo\n')
  const sources = [{ kind: 'file', class: 'ssh', format: 'syslog', paths: [path] }] as const
  await yard.start(sources)
  await until(() => yard.records().size === 2, 'two records')
  await yard.stop()
  const before = yard.bus.batches.length
  appendFileSync(path, 'three\n')
  await yard.start(sources)
  await until(() => yard.records().size === 3, 'the third record')
  expect(yard.bus.batches.slice(before).filter(({ batch }) => batch.count > 0)).toHaveLength(1)
  expect(yard.streams()).toHaveLength(1)
  expect(chainProblems(yard.bus)).toEqual([])
})
