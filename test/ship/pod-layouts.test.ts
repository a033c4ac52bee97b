import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { PodsSource } from '../../src/sources/source-config.ts'
import { chainProblems, ShipYard, until } from './harness.ts'

/** Directories as kubelet and the runtimes make them below /var/log/pods and /var/lib/docker/containers. */
const ID = '3f4e1c0b9a8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f'
const UID = '5f0c7d1e-2b3a-4c5d-8e9f-0a1b2c3d4e5f'
const CRI = '2026-11-24T08:00:00.123456789Z stdout F '

function sourceOf(yard: ShipYard): PodsSource {
  return {
    kind: 'pods',
    class: 'pod',
    path: yard.logs,
    dockerPath: join(yard.directory, 'docker/containers'),
  }
}

function writeLog(yard: ShipYard, pod: string, container: string, restart: number, text: string): string {
  const directory = join(yard.logs, pod, container)
  mkdirSync(directory, { recursive: true })
  const path = join(directory, `${restart}.log`)
  writeFileSync(path, text)
  return path
}

/** As cri-dockerd does: docker's own file, and a link to it among the pod's. */
function writeDockerLog(yard: ShipYard, pod: string, container: string, text: string, id = ID): string {
  const own = join(yard.directory, 'docker/containers', id)
  mkdirSync(own, { recursive: true })
  const path = join(own, `${id}-json.log`)
  writeFileSync(path, text)
  const directory = join(yard.logs, pod, container)
  mkdirSync(directory, { recursive: true })
  symlinkSync(path, join(directory, '0.log'))
  return path
}

function dockerLine(text: string): string {
  return `{"log":"${text}\\n","stream":"stdout","time":"2026-11-24T08:00:00.123456789Z"}\n`
}

test('containerd and CRI-O: init and ephemeral containers, restarts and static pods each have a stream', async () => {
  await using yard = new ShipYard()
  const [web, static_] = [
    `shop_web-1_${UID}`,
    'kube-system_kube-apiserver-master-1_8d4e9f0a1b2c3d4e5f60718293a4b5c6',
  ]
  writeLog(yard, web, 'init-schema', 0, `${CRI}init\n`)
  writeLog(yard, web, 'web', 0, `${CRI}first run\n`)
  writeLog(yard, web, 'web', 1, `${CRI}second run\n`)
  writeLog(yard, static_, 'kube-apiserver', 3, `${CRI}static\n`)
  await yard.start([sourceOf(yard)])
  await until(() => yard.streams().length === 4, 'four streams')
  writeLog(yard, web, 'debugger-x7k2p', 0, `${CRI}ephemeral\n`)
  await until(() => yard.streams().length === 5, 'the ephemeral container')
  const seen = new Map(
    yard.bus.batches.map(({ batch }) => [
      yard.text(batch.stream).trim().split(' ').slice(3).join(' '),
      batch.provenance,
    ]),
  )
  const names = { namespace: 'shop', pod: 'web-1', uid: UID }
  expect(seen.get('init')!.names).toEqual({ ...names, container: 'init-schema', restart: '0' })
  expect(seen.get('first run')!.names).toEqual({ ...names, container: 'web', restart: '0' })
  expect(seen.get('second run')!.names).toEqual({ ...names, container: 'web', restart: '1' })
  expect(seen.get('ephemeral')!.names).toEqual({ ...names, container: 'debugger-x7k2p', restart: '0' })
  expect(seen.get('static')!.names).toEqual({
    namespace: 'kube-system',
    pod: 'kube-apiserver-master-1',
    uid: '8d4e9f0a1b2c3d4e5f60718293a4b5c6',
    container: 'kube-apiserver',
    restart: '3',
  })
  expect(new Set([...seen.values()].map(({ format }) => format))).toEqual(new Set(['cri']))
})

test('docker behind cri-dockerd: its own files are followed through rotation, in its own format', async () => {
  await using yard = new ShipYard()
  const path = writeDockerLog(yard, `shop_web-1_${UID}`, 'web', dockerLine('one'))
  writeFileSync(`${path}.1`, dockerLine('before'))
  writeLog(yard, `shop_other_${UID}`, 'app', 0, `${CRI}beside\n`)
  await yard.start([sourceOf(yard)])
  await until(() => yard.streams().length === 2, 'both streams')
  const stream = yard.bus.batches.find(({ batch }) => batch.provenance.format === 'docker-json')!.batch.stream
  await until(() => yard.text(stream).includes('one'), 'the live file')
  appendFileSync(path, dockerLine('two'))
  await until(() => yard.text(stream).includes('two'), 'a line more')
  renameSync(`${path}.1`, `${path}.2`)
  renameSync(path, `${path}.1`)
  writeFileSync(path, dockerLine('three'))
  await until(() => yard.text(stream).includes('three'), 'the next file')
  expect(yard.text(stream)).toBe(['before', 'one', 'two', 'three'].map(dockerLine).join(''))
  const { provenance } = yard.bus.batches.find(({ batch }) => batch.stream === stream)!.batch
  expect(provenance.names).toEqual({
    namespace: 'shop',
    pod: 'web-1',
    uid: UID,
    container: 'web',
    restart: '0',
  })
  expect(yard.bus.batches.find(({ batch }) => batch.stream !== stream)!.batch.provenance.format).toBe('cri')
  expect([yard.losses(), chainProblems(yard.bus)]).toEqual([[], []])
})

test('a container that docker removes ends its stream; after a restart of decklog nothing comes twice', async () => {
  await using yard = new ShipYard()
  const path = writeDockerLog(yard, `shop_web-1_${UID}`, 'web', dockerLine('one'))
  await yard.start([sourceOf(yard)])
  await until(() => yard.records().size === 1, 'one record')
  await yard.stop()
  const before = yard.bus.batches.length
  appendFileSync(path, dockerLine('two'))
  await yard.start([sourceOf(yard)])
  await until(() => yard.records().size === 2, 'the second')
  expect(yard.streams()).toHaveLength(1)
  expect(yard.bus.batches.slice(before).every(({ batch }) => batch.firstSeq > 0 || batch.count === 0)).toBe(
    true,
  )
  rmSync(join(yard.logs, `shop_web-1_${UID}`), { recursive: true })
  rmSync(join(yard.directory, 'docker/containers', ID), { recursive: true })
  await until(() => yard.marks().includes('closed'), 'the end')
  expect(yard.losses()).toEqual([])
})

test('a link that leads neither to the pods nor to docker is not followed', async () => {
  await using yard = new ShipYard()
  const outside = join(yard.directory, `${ID}-json.log`)
  writeFileSync(outside, dockerLine('secret'))
  const directory = join(yard.logs, `shop_web-1_${UID}/web`)
  mkdirSync(directory, { recursive: true })
  symlinkSync(outside, join(directory, '0.log'))
  mkdirSync(join(yard.directory, 'docker/containers'), { recursive: true })
  await yard.start([sourceOf(yard)])
  await until(() => yard.said.some(({ message }) => message.includes('it is not followed')), 'a complaint')
  expect(yard.records().size).toBe(0)
})

test('what the configuration says of the format wins', async () => {
  await using yard = new ShipYard()
  writeLog(yard, `shop_web-1_${UID}`, 'web', 0, dockerLine('one'))
  await yard.start([{ ...sourceOf(yard), format: 'docker-json' }])
  await until(() => yard.records().size === 1, 'one record')
  expect(yard.bus.batches[0]!.batch.provenance.format).toBe('docker-json')
})
