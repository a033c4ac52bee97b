import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/config.ts'
import { loadPipelines } from '../../src/config/pipelines.ts'
import { DecklogError } from '../../src/core/errors.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'decklog-config-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function write(text: string, name = 'decklog.yaml'): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

function problemOf(text: string): string {
  const path = write(text)
  try {
    loadConfig(path)
  } catch (error) {
    expect(error).toBeInstanceOf(DecklogError)
    expect((error as DecklogError).code).toBe('config-invalid')
    return (error as DecklogError).message.replaceAll(path, 'FILE')
  }
  throw new Error('the configuration was taken')
}

describe('decklog.yaml', () => {
  test('needs nothing', () => {
    const config = loadConfig(write(''))
    expect(config.http.listen).toEqual({ host: '127.0.0.1', port: 7700 })
    expect(config.dataDir).toBe('./decklog-data')
    expect(config.sources).toBeUndefined()
    expect(loadConfig(undefined).cluster).toBe('local')
  })

  test('takes the example of the documentation', () => {
    const config = loadConfig(
      write(`cluster: prod-eu-1
node: worker-3
http: { listen: '[::1]:7800' }
sources:
  - { kind: pods, class: pod, path: /var/log/pods }
  - { kind: file, class: ssh, format: syslog, paths: [/var/log/auth.log, /var/log/secure] }
bus: { kind: memory }
store: { kind: duckdb }
archive: { kind: local }
`),
    )
    expect(config.http.listen).toEqual({ host: '::1', port: 7800 })
    expect(config.sources).toHaveLength(2)
  })

  test.each([
    ['an unknown key', 'cluster: a\nclutser: b\n', /^FILE:2: unknown key "clutser"/],
    [
      'an unknown key in a list',
      'sources:\n  - kind: pods\n    pth: /x\n',
      /^FILE:3: unknown key "sources\.0\.pth"/,
    ],
    ['a wrong type', 'http:\n  listen: 7700\n', /^FILE:2: "http\.listen": an address looks like/],
    [
      'text where a list is due',
      'sources: [{ kind: file, class: ssh, format: syslog, paths: /var/log/auth.log }]\n',
      /"sources\.0\.paths": write a list, such as \[a, b\] here$/,
    ],
    [
      'what is missing',
      'sources: [{ kind: file, class: ssh, format: syslog }]\n',
      /"sources\.0\.paths": is missing; it is a list, such as/,
    ],
    ['an empty list', 'sources: []\n', /"sources": write at least 1 of them$/],
    ['a number too small', 'workers: 0\n', /"workers": write at least 1$/],
    ['a word that is not there', 'log: { level: loud }\n', /write one of trace, debug, info, warn, error$/],
    ['a number for text', 'cluster: 7\n', /"cluster": write text, in quotes where/],
    ['a wrong address', 'http:\n  listen: nonsense\n', /^FILE:2: .*an address looks like 127\.0\.0\.1:7700/],
    ['a wrong kind', '\nsources:\n  - kind: journal\n', /^FILE:3: .*kind must be one of pods, file, /],
    ['a bus that is not there', 'bus: { kind: nats }\n', /^FILE:1: .*kind must be memory/],
    ['broken YAML', 'cluster: [a\nnode: b\n', /^FILE:2: /],
    ['a duplicate key', 'cluster: a\ncluster: b\n', /^FILE:2: /],
    [
      'a variable that is not set',
      'cluster: ${env:DECKLOG_NO_SUCH_VARIABLE}\n',
      /DECKLOG_NO_SUCH_VARIABLE\} is not set/,
    ],
  ])('says the line and what to write for %s', (_, text, expected) => {
    expect(problemOf(text)).toMatch(expected)
  })

  test('a file that is not there is named', () => {
    expect(() => loadConfig(join(directory, 'none.yaml'))).toThrow(/none\.yaml: there is no such file/)
  })

  test('takes a secret from a file, and never shows it', () => {
    const secret = write('s3cr3t value\n', 'secret')
    expect(loadConfig(write(`node: \${file:${secret}}`)).node).toBe('s3cr3t value')
    expect(problemOf(`cluster: \${file:${secret}}`)).not.toContain('s3cr3t')
  })

  test('aliases cannot grow a small file without limit', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]']
    for (let i = 0; i < 8; i++)
      bomb.push(
        `b${i}: &b${i} [${Array(9)
          .fill(`*${i === 0 ? 'a' : `b${i - 1}`}`)
          .join(', ')}]`,
      )
    expect(() => loadConfig(write(bomb.join('\n')))).toThrow()
  })
})

describe('pipelines', () => {
  test('those that come with decklog are valid', () => {
    const pipelines = loadPipelines(new URL('../../pipelines', import.meta.url).pathname)
    expect(pipelines.classes.map((one) => one.class).sort()).toEqual([
      'control-plane',
      'network',
      'node',
      'pod',
      'posture',
      'runtime',
      'ssh',
    ])
    expect(pipelines.retention.find((rule) => rule.class === 'ssh')).toEqual({
      class: 'ssh',
      hotMs: 90 * 86_400_000,
      maxBytes: 200e9,
      whenFull: 'refuse',
    })
  })

  test('a mistake in one names its file and line', () => {
    const own = join(directory, 'pipelines')
    mkdirSync(own)
    writeFileSync(join(own, 'x.yaml'), 'class: x\nmatch:\n  - { parse: [text], dataset: nodot }\n')
    expect(() => loadPipelines(own)).toThrow(/x\.yaml:3: .*a dataset looks like system\.auth/)
  })
})
