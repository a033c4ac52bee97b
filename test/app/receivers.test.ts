import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { checkConfiguration } from '../../src/app/check.ts'
import { openSpools, publicSource, startReceiver } from '../../src/app/receivers.ts'
import { systemClock } from '../../src/app/system-clock.ts'
import { isReceiver, loadConfig } from '../../src/config/config.ts'
import { Telemetry } from '../../src/core/telemetry.ts'

const TOKENS = { falco: 'a-secret-token' }
const HTTP = { kind: 'http', class: 'node', listen: '127.0.0.1:0', tokens: TOKENS }
let home: string
let path: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'decklog-receivers-'))
  path = join(home, 'decklog.yaml')
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

function write(...sources: object[]): void {
  writeFileSync(path, stringify({ dataDir: join(home, 'data'), http: { listen: '127.0.0.1:0' }, sources }))
}

async function problems(...sources: object[]): Promise<string[]> {
  write(...sources)
  return (await checkConfiguration({ config: path })).problems.map(
    ({ severity, message }) => `${severity}: ${message.replace(path, 'FILE')}`,
  )
}

describe('check', () => {
  test('says what is received, as which class', async () => {
    write(HTTP, { kind: 'journald', units: { 'ssh.service': 'ssh' } })
    const report = await checkConfiguration({ config: path })
    expect(report.problems).toEqual([])
    expect(report.sources).toEqual([
      { class: 'node', what: 'pushes over HTTP on 127.0.0.1:0', logs: 0, bytes: 0, receives: true },
      { class: 'node', what: "systemd's journal", logs: 0, bytes: 0, receives: true },
    ])
  })

  test('two sources of a name would share a spool', async () => {
    expect(await problems(HTTP, HTTP)).toEqual([
      expect.stringMatching(/^error: FILE:\d+: another source has the name "http" already/),
    ])
    expect(await problems(HTTP, { ...HTTP, name: 'other' })).toEqual([])
  })

  test('classes of paths and units must exist too', async () => {
    const found = await problems(
      { ...HTTP, paths: { '/x': { class: 'none' } } },
      { kind: 'journald', units: { 'a.service': 'nothing' } },
    )
    expect(found).toEqual([
      expect.stringMatching(/^error: .*no pipeline has the class "none"/),
      expect.stringMatching(/^error: .*no pipeline has the class "nothing"/),
    ])
  })

  test('an address that is taken is found before anything is started', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const found = await problems({ ...HTTP, listen: `127.0.0.1:${port}` })
    server.close()
    expect(found).toEqual([
      expect.stringMatching(
        /^error: FILE:\d+: 127\.0\.0\.1:\d+ is in use by another program; set its listen/,
      ),
    ])
  })

  test('tokens over an open network are warned of', async () => {
    expect(await problems({ ...HTTP, listen: '0.0.0.0:0' })).toEqual([
      expect.stringMatching(/^warning: .*unencrypted/),
    ])
  })

  test('an audit webhook that anybody could write to is refused', async () => {
    const open = { kind: 'audit-webhook', listen: '0.0.0.0:0', tokens: TOKENS }
    expect(await problems(open)).toEqual([
      expect.stringMatching(/^error: FILE:\d+: "sources\.0\.tls": without tls it listens on loopback only/),
    ])
  })

  test('records of a source that is gone are not forgotten', async () => {
    mkdirSync(join(home, 'data/spool/old/abc'), { recursive: true })
    mkdirSync(join(home, 'data/spool/http/abc'), { recursive: true })
    mkdirSync(join(home, 'data/spool/empty'), { recursive: true })
    expect(await problems(HTTP)).toEqual([
      expect.stringMatching(/^warning: .*spool\/old holds records of a source that is not configured/),
    ])
  })
})

test('what is shown of a source has neither token nor key', () => {
  write(HTTP)
  const shown = JSON.stringify(loadConfig(path).sources!.map(publicSource))
  expect(shown).toContain('pushes over HTTP')
  expect(shown).not.toContain('secret')
})

test('a source is started with its spool: what is pushed lies there, by path in its class and format', async () => {
  write({ ...HTTP, paths: { '/falco': { class: 'ssh', format: 'falco' }, '/x': {} } })
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const needs = { clock: systemClock, telemetry: new Telemetry(), log }
  const sources = loadConfig(path).sources!.filter(isReceiver)
  const [spooled] = openSpools(sources, { ...needs, directory: join(home, 'spool') })
  await using spool = spooled!.spool
  await using receiver = await startReceiver(spooled!, needs)
  const headers = { authorization: 'Bearer a-secret-token', 'content-type': 'application/json' }
  for (const one of ['/falco', '/x'])
    await fetch(`http://${receiver.address}${one}`, { method: 'POST', headers, body: '{}' })
  expect(
    [...spool.groups()].map(({ class: name, format, kind, names }) => ({ name, format, kind, names })),
  ).toEqual([
    {
      name: 'ssh',
      format: 'falco',
      kind: 'http',
      names: { sender: 'falco', endpoint: '/falco', source: 'http' },
    },
    {
      name: 'node',
      format: 'json',
      kind: 'http',
      names: { sender: 'falco', endpoint: '/x', source: 'http' },
    },
  ])
  expect(receiver.problems()).toEqual([])
})
