import { once } from 'node:events'
import { chmodSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Deck, sourcesOf, Workplace } from './support/deck.ts'

/** What is wrong, and what a person is told: by `up` on stderr, by `check` on stdout. */
interface Mistake {
  readonly what: string
  /** Of decklog.yaml; `DIR` stands for the workplace. */
  readonly yaml: string
  readonly prepare?: (directory: string) => void
  readonly status: 2 | 3
  readonly message: string
}

const MISTAKES: Mistake[] = [
  {
    what: 'an unknown key',
    yaml: 'cluster: prod\ndatadir: DIR/data\n',
    status: 2,
    message: 'DIR/decklog.yaml:2: unknown key "datadir"; remove it or see the names in docs/configuration.md',
  },
  {
    what: 'an unknown key of a source',
    yaml: 'sources:\n  - kind: pods\n    path: DIR\n    formt: cri\n',
    status: 2,
    message:
      'DIR/decklog.yaml:4: unknown key "sources.0.formt"; remove it or see the names in docs/configuration.md',
  },
  {
    what: 'a wrong type',
    yaml: 'cluster: prod\nworkers: many\n',
    status: 2,
    message: 'DIR/decklog.yaml:2: "workers": write a number here',
  },
  {
    what: 'a wrong duration',
    yaml: 'archive:\n  kind: local\n  sealAfter: 5 minutes\n',
    status: 2,
    message: 'DIR/decklog.yaml:3: "archive.sealAfter": a duration looks like 90d, 12h or 2y',
  },
  {
    what: 'an address without a port',
    yaml: 'http:\n  listen: localhost\n',
    status: 2,
    message: 'DIR/decklog.yaml:2: "http.listen": an address looks like 127.0.0.1:7700',
  },
  {
    what: 'a folder of pods that does not exist',
    yaml: 'dataDir: DIR/data\nhttp: { listen: "127.0.0.1:0" }\nsources:\n  - kind: pods\n    path: DIR/nowhere\n',
    status: 2,
    message:
      'DIR/decklog.yaml:5: DIR/nowhere does not exist; name the folder with <namespace>_<pod>_<uid> in it',
  },
  {
    what: 'a file in a folder that does not exist',
    yaml: 'dataDir: DIR/data\nhttp: { listen: "127.0.0.1:0" }\nsources:\n  - { kind: file, class: ssh, format: syslog, paths: [DIR/nowhere/auth.log] }\n',
    status: 2,
    message: 'DIR/decklog.yaml:4: the folder DIR/nowhere does not exist; correct the path or create it',
  },
  {
    what: 'a class without a pipeline',
    yaml: 'dataDir: DIR/data\nhttp: { listen: "127.0.0.1:0" }\nsources:\n  - { kind: file, class: shh, format: syslog, paths: [DIR/auth.log] }\n',
    status: 2,
    message:
      'DIR/decklog.yaml:4: no pipeline has the class "shh"; use one of control-plane, network, node, pod, posture, runtime, ssh, or add PIPELINES/shh.yaml',
  },
  {
    what: 'a data directory that is a file',
    yaml: 'http: { listen: "127.0.0.1:0" }\ndataDir: DIR/data\nsources: [{ kind: pods, path: DIR }]\n',
    prepare: (directory) => writeFileSync(join(directory, 'data'), ''),
    status: 3,
    message:
      'DIR/decklog.yaml:2: the data directory DIR/data is not a folder; set dataDir or --data to a folder that this user may write',
  },
  {
    what: 'a variable that is not set',
    yaml: 'cluster: ${env:DECKLOG_TEST_NOT_SET}\n',
    status: 2,
    message:
      'DIR/decklog.yaml:1: ${env:DECKLOG_TEST_NOT_SET} is not set; set the variable DECKLOG_TEST_NOT_SET or write ${file:/path}',
  },
  {
    what: 'no YAML',
    yaml: 'cluster: prod\nsources: [\n',
    status: 2,
    message:
      'DIR/decklog.yaml:3: Flow sequence in block collection must be sufficiently indented and end with a ] (column 1)',
  },
]

test.each(MISTAKES)('$what: one sentence with file, line and what to do', async (mistake) => {
  await using place = new Workplace()
  const fill = (text: string): string =>
    text.replaceAll('DIR', place.directory).replaceAll('PIPELINES', join(process.cwd(), 'pipelines'))
  mistake.prepare?.(place.directory)
  writeFileSync(place.configPath, fill(mistake.yaml))
  const before = readdirSync(place.directory)
  await bothSay(place, mistake.status, fill(mistake.message))
  expect(readdirSync(place.directory)).toEqual(before)
})

test('a configuration file that is not there', async () => {
  await using place = new Workplace()
  const path = join(place.directory, 'other.yaml')
  for (const command of ['up', 'check']) {
    const deck = new Deck([command, '--config', path])
    expect(await deck.ended).toEqual({ status: 2, signal: null })
    expect(deck.stderr + deck.stdout).toContain(
      `${path}: there is no such file; name another file with --config`,
    )
  }
})

test('a port that is in use', async () => {
  await using place = new Workplace()
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address() as AddressInfo
    place.configure({ http: { listen: `127.0.0.1:${port}` }, sources: sourcesOf(place.logs('logs')) })
    await bothSay(
      place,
      3,
      `${place.configPath}:5: 127.0.0.1:${port} is in use by another program; set http.listen to a free address, e.g. 127.0.0.1:7701`,
    )
  } finally {
    server.close()
  }
})

test('a data directory that another decklog holds', { timeout: 90_000 }, async () => {
  await using place = new Workplace()
  place.configure({ sources: sourcesOf(place.logs('logs')) })
  const holder = await place.up()
  await bothSay(
    place,
    3,
    `${place.configPath}:3: the data directory ${place.dataDir} is held by a running decklog; stop it, or set dataDir or --data to another folder`,
  )
  expect(holder.isRunning).toBe(true)
  await holder.kill()
  const next = await place.up()
  expect(next.isRunning).toBe(true)
})

const notRoot = process.getuid?.() !== 0
if (notRoot)
  console.log('unreadable files and folders are not tested: only root may run decklog as another user')

test.skipIf(notRoot)('what this user may not read or write', { timeout: 60_000 }, async () => {
  await using place = new Workplace()
  const logs = place.logs('logs')
  writeFileSync(join(logs, 'auth.log'), 'secret\n')
  chmodSync(join(logs, 'auth.log'), 0o600)
  chmodSync(join(logs, 'pods'), 0o700)
  chmodSync(place.directory, 0o755)
  place.configure({ sources: sourcesOf(logs) })
  const sentences = [
    `${place.configPath}:9: ${join(logs, 'pods')} may not be read by this user; run as root or give DAC_READ_SEARCH`,
    `${place.configPath}:19: ${join(logs, 'auth.log')} may not be read by this user; add the user to its group (often adm) or run as root`,
    `${place.configPath}:3: the data directory ${place.dataDir} cannot be written to (EACCES); set dataDir or --data to a folder that this user may write`,
  ]
  for (const command of ['up', 'check']) {
    const deck = new Deck([command, '--config', place.configPath], {}, { uid: NOBODY, gid: NOBODY })
    expect(await deck.ended).toEqual({ status: 3, signal: null })
    expect(linesOf(deck, command)).toEqual(sentences)
    expect(deck.stderr + deck.stdout).not.toContain('secret')
  }
})

test.skipIf(notRoot)('a configuration file that this user may not read', { timeout: 60_000 }, async () => {
  await using place = new Workplace()
  chmodSync(place.directory, 0o755)
  chmodSync(place.configPath, 0o600)
  for (const command of ['up', 'check']) {
    const deck = new Deck([command, '--config', place.configPath], {}, { uid: NOBODY, gid: NOBODY })
    expect(await deck.ended).toEqual({ status: 2, signal: null })
    expect(linesOf(deck, command)).toContain(
      `${place.configPath}: it may not be read by this user; name another file with --config`,
    )
  }
})

test('a file that comes later is a warning, and no reason not to start', { timeout: 60_000 }, async () => {
  await using place = new Workplace()
  const logs = place.logs('logs')
  place.configure({ sources: sourcesOf(logs) })
  const check = new Deck(['check', '--config', place.configPath])
  expect(await check.ended).toEqual({ status: 0, signal: null })
  expect(check.stdout).toContain(
    `warning: ${place.configPath}:19: ${join(logs, 'auth.log')} does not exist yet`,
  )
  expect(existsSync(place.dataDir)).toBe(false)
})

test('a data directory below folders that do not exist is made, but not by check', {
  timeout: 60_000,
}, async () => {
  await using place = new Workplace()
  const deep = join(place.directory, 'a/b/c')
  place.configure({ dataDir: deep, sources: sourcesOf(place.logs('logs')) })
  const check = new Deck(['check', '--config', place.configPath])
  expect(await check.ended).toEqual({ status: 0, signal: null })
  expect(existsSync(deep)).toBe(false)
  await place.up()
  expect(existsSync(deep)).toBe(true)
})

const NOBODY = 65_534

/** `up` and `check` say the same one sentence, and end with the same status. */
async function bothSay(place: Workplace, status: number, sentence: string): Promise<void> {
  for (const command of ['up', 'check']) {
    const deck = new Deck([command, '--config', place.configPath])
    expect(await deck.ended, `${command}: ${deck.stderr}${deck.stdout}`).toEqual({ status, signal: null })
    expect(linesOf(deck, command)).toEqual([sentence])
  }
}

/** What is said to be wrong, without what stands before it. */
function linesOf(deck: Deck, command: string): string[] {
  if (command === 'check')
    return deck.stdout
      .split('\n')
      .filter((line) => line.startsWith('error: '))
      .map((line) => line.slice('error: '.length))
  return deck.stderr
    .replace(/^decklog: /, '')
    .split('\n')
    .slice(0, -1)
}
