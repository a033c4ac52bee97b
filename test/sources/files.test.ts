import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/app/system-clock.ts'
import { continues, type FilePosition, fingerprint } from '../../src/sources/fingerprint.ts'
import { peekGzip, unpackLog } from '../../src/sources/gunzip-log.ts'
import { groupKey, isRotatedName, type LogGroup, rotatedFiles } from '../../src/sources/log-group.ts'
import { isOpen, openLog } from '../../src/sources/open-log.ts'
import { podNames } from '../../src/sources/pods.ts'
import { surveySource } from '../../src/sources/survey.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'decklog-sources-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const group = (livePath: string, kind = 'file'): LogGroup => ({
  key: 'k',
  class: 'node',
  kind,
  format: 'text',
  names: {},
  livePath,
  root: directory,
  history: true,
})

test.each([
  ['0.log.20261124-080000', '0.log', true],
  ['0.log.20261124-080000.gz', '0.log', true],
  ['0.log.20261124-080000.tmp', '0.log', false],
  ['1.log', '0.log', false],
  ['10.log', '0.log', false],
  ['auth.log.1', 'auth.log', true],
  ['auth.log.2.gz', 'auth.log', true],
  ['secure-20261124', 'secure', true],
  ['secure.old', 'secure', true],
  ['secure.conf', 'secure', false],
  ['audit-2026-11-24T08-00-00.000.log', 'audit.log', true],
  ['audit-2026-11-24T08-00-00.000.log.gz', 'audit.log', true],
  ['audit-policy.log', 'audit.log', false],
  ['auth.log', 'auth.log', false],
])('%s beside %s: rotated %s', (name, live, expected) => {
  expect(isRotatedName(name, live)).toBe(expected)
})

test('rotated files come oldest first: pods by name, others by time', () => {
  const path = join(directory, 'x.log')
  const times: Record<string, number> = { 'x.log.1': 300, 'x.log.2': 200, 'x.log.10': 100 }
  for (const [name, seconds] of Object.entries(times)) {
    writeFileSync(join(directory, name), 'x\n')
    utimesSync(join(directory, name), seconds, seconds)
  }
  mkdirSync(join(directory, 'x.log.3'))
  const names = (kind: string): string[] =>
    rotatedFiles(group(path, kind)).map((file) => file.path.slice(directory.length + 1))
  expect(names('file')).toEqual(['x.log.10', 'x.log.2', 'x.log.1'])
  expect(names('pods')).toEqual(['x.log.1', 'x.log.10', 'x.log.2'])
})

test('no two lists of names give one key', () => {
  expect(groupKey('pods', { a: 'x b=1:y', b: 'z' })).not.toBe(groupKey('pods', { a: 'x', b: 'y b=1:z' }))
})

test('a pod directory that is named unlike all others keeps its name', () => {
  expect(podNames('ns_pod_uid')).toEqual({ namespace: 'ns', pod: 'pod', uid: 'uid' })
  expect(podNames('strange')).toEqual({ namespace: '', pod: 'strange', uid: '' })
  expect(podNames('a_b_c_d')).toEqual({ namespace: '', pod: 'a_b_c_d', uid: '' })
})

test('a position is known again by head, tail and size', () => {
  const path = join(directory, 'x.log')
  const text = 'head of the file\nbody\ntail\n'
  writeFileSync(path, text)
  const opened = openLog(path, directory)
  if (!isOpen(opened)) throw new Error('not opened')
  const position: FilePosition = {
    id: opened.id,
    offset: 22,
    head: fingerprint(Buffer.from(text.slice(0, 10))),
    headBytes: 10,
    tail: fingerprint(Buffer.from(text.slice(17, 22))),
    tailBytes: 5,
  }
  expect(continues(opened.fd, position)).toBe(true)
  writeFileSync(path, text.replace('body', 'BODY'))
  expect(continues(opened.fd, position)).toBe(false)
  writeFileSync(path, text.replace('head', 'HEAD'))
  expect(continues(opened.fd, position)).toBe(false)
  writeFileSync(path, text.slice(0, 21))
  expect(continues(opened.fd, position)).toBe(false)
})

test('what is no regular file inside the root is refused, and a FIFO does not block', () => {
  writeFileSync(join(directory, 'real.log'), 'x\n')
  const outside = mkdtempSync(join(tmpdir(), 'decklog-outside-'))
  writeFileSync(join(outside, 'secret'), 'x\n')
  symlinkSync(join(outside, 'secret'), join(directory, 'out.log'))
  symlinkSync(join(directory, 'real.log'), join(directory, 'in.log'))
  spawnSync('mkfifo', [join(directory, 'fifo.log')])
  const kind = (name: string): string => {
    const result = openLog(join(directory, name), directory)
    return isOpen(result) ? 'open' : result.kind
  }
  expect([
    kind('real.log'),
    kind('in.log'),
    kind('out.log'),
    kind('fifo.log'),
    kind('none.log'),
    kind('.'),
  ]).toEqual(['open', 'open', 'outside', 'not-a-file', 'missing', 'not-a-file'])
  rmSync(outside, { recursive: true })
})

test('gzip: a look inside without unpacking, and unpacking within a bound', async () => {
  const path = join(directory, 'x.log.1.gz')
  const content = Buffer.from('some line of a log\n'.repeat(10_000))
  writeFileSync(path, gzipSync(content))
  expect(peekGzip(path)).toEqual({ head: content.subarray(0, 1024), size: content.length })
  const to = join(directory, 'unpacked/x')
  expect(await unpackLog(path, to)).toEqual({ whole: true, bytes: content.length })
  expect(await unpackLog(path, to, { bytesMax: 1000 })).toEqual({ whole: false, bytes: 1000 })
  writeFileSync(path, gzipSync(content).subarray(0, 300))
  expect((await unpackLog(path, to)).whole).toBe(false)
  writeFileSync(path, 'no gzip at all, but long enough')
  expect(peekGzip(path)).toBeUndefined()
  expect(await unpackLog(path, to)).toEqual({ whole: false, bytes: 0 })
})

test('a survey lists what would be read, and what could not be and why', () => {
  writeFileSync(join(directory, 'auth.log'), 'x\n')
  writeFileSync(join(directory, 'auth.log.1'), 'x\n')
  symlinkSync('/etc/hostname', join(directory, 'evil.log'))
  const paths = [join(directory, '*.log*'), join(directory, 'secure')]
  const survey = surveySource({ kind: 'file', class: 'ssh', format: 'syslog', paths }, systemClock)
  expect(survey.logs).toEqual([{ path: join(directory, 'auth.log'), bytes: 2 }])
  expect(survey.troubles.map(({ path }) => path).sort()).toEqual([
    join(directory, 'evil.log'),
    join(directory, 'secure'),
  ])
  expect(survey.troubles.map(({ message }) => message).join()).toContain('not followed')
  const missing = surveySource({ kind: 'pods', class: 'pod', path: join(directory, 'none') }, systemClock)
  expect(missing.troubles[0]!.message).toContain('is not there')
})
