import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ShipYard, until } from './harness.ts'

const LINE = '2026-11-24T08:00:00.123456789Z stdout F hello\n'

test('what is known of a pod when its stream begins travels with it, stays the same after a restart, and wins over no name', async () => {
  await using yard = new ShipYard()
  const directory = join(yard.logs, 'shop_web-1_u1', 'web')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, '0.log'), LINE)
  const sources = [{ kind: 'pods', class: 'pod', path: yard.logs } as const]
  await yard.start(sources, { describe: ({ kind }) => ({ image: 'r/web:1', pod: 'forged', seen: kind }) })
  await until(() => yard.bus.batches.length === 1, 'the first line')
  const first = yard.bus.batches[0]!.batch
  expect(first.provenance.names).toEqual({
    namespace: 'shop',
    pod: 'web-1',
    uid: 'u1',
    container: 'web',
    restart: '0',
    image: 'r/web:1',
    seen: 'pods',
  })
  await yard.stop()
  appendFileSync(join(directory, '0.log'), LINE)
  await yard.start(sources, { describe: () => ({ image: 'r/other:2' }) })
  const lastWithLines = () => yard.bus.batches.findLast(({ batch }) => batch.count > 0)!.batch
  await until(() => lastWithLines().firstSeq === 1, 'the second line')
  expect(lastWithLines().stream).toBe(first.stream)
  expect(lastWithLines().provenance.names).toEqual(first.provenance.names)
})
