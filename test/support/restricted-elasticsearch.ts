import { execFile } from 'node:child_process'
import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import type { ElasticsearchOptions } from '../../src/store/elasticsearch/connection.ts'
import { ROLE_NAMES, type RoleName } from '../../src/store/elasticsearch/manage/roles.ts'
import { startElasticsearch } from '../integrity/distributed/support/own-elasticsearch.ts'
import { type ApiKeys, startApiKeys, type User } from './api-keys.ts'

/** Why there is none; undefined where one can be started. */
export const noRestrictedServer =
  process.env['DECKLOG_TEST_ELASTICSEARCH_PID'] === undefined
    ? 'DECKLOG_TEST_ELASTICSEARCH_PID names no server whose program can be used'
    : undefined

/** A server of a test's own on which everybody but the administrator has what `decklog setup --print-role` prints, and no more. */
export interface RestrictedElasticsearch extends AsyncDisposable {
  /** May do everything; with a password, past the API keys. */
  readonly admin: ElasticsearchOptions
  readonly keys: ApiKeys
  /** An API key with the rights of these parts together. */
  keyOf(...parts: readonly RoleName[]): string
  /** The store's options with such a key. */
  as(...parts: readonly RoleName[]): ElasticsearchOptions
  /** `decklog setup` with a key that has the rights of `setup`. Its stdout. @throws when its exit status is not 0 */
  setUp(...args: readonly string[]): Promise<string>
}

/** What tests write: one dataset, in each class. */
const CLASSES = ['ssh', 'pod', 'node', 'control-plane']
const PASSWORD = 'own-secret'
const ADMIN: User = { user: 'admin', password: PASSWORD }
/** Who has which roles together. */
const USERS: Readonly<Record<string, readonly RoleName[]>> = {
  ...Object.fromEntries(ROLE_NAMES.map((name) => [name, [name]])),
  'reader-replay': ['reader', 'replay'],
  'writer-retention': ['writer', 'retention'],
}

export async function startRestrictedElasticsearch(): Promise<RestrictedElasticsearch> {
  const directory = mkdtempSync(join(tmpdir(), 'decklog-restricted-'))
  // Elasticsearch runs as another user.
  chmodSync(directory, 0o755)
  const toEnd: AsyncDisposable[] = []
  const end = async (): Promise<void> => {
    for (const one of toEnd.splice(0).reverse()) await one[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    const config = writeConfig(directory)
    const files = { ...realmOf(await printRoles(config)) }
    const node = await startElasticsearch(join(directory, 'node'), 512, { files, as: ADMIN })
    toEnd.push(node)
    const keys = await startApiKeys({ url: node.direct })
    toEnd.push(keys)
    return { ...placeOf({ direct: node.direct, keys, directory, config }), [Symbol.asyncDispose]: end }
  } catch (error) {
    await end()
    throw error
  }
}

function placeOf(given: {
  readonly direct: string
  readonly keys: ApiKeys
  readonly directory: string
  readonly config: string
}): Omit<RestrictedElasticsearch, typeof Symbol.asyncDispose> {
  const { direct, keys, directory, config } = given
  const issued = new Map<string, string>()
  const keyOf = (...parts: readonly RoleName[]): string => {
    const user = parts.join('-')
    if (USERS[user] === undefined) throw new Error(`no user has the roles ${parts.join()}`)
    const key = issued.get(user) ?? keys.issue({ user, password: PASSWORD })
    issued.set(user, key)
    return key
  }
  return {
    admin: { nodes: [direct], auth: ADMIN },
    keys,
    keyOf,
    as: (...parts) => ({ nodes: [keys.url], auth: { apiKey: keyOf(...parts) } }),
    async setUp(...args) {
      const key = join(directory, 'setup.key')
      writeFileSync(key, keyOf('setup'))
      const auth = { apiKey: `\${file:${key}}` }
      const store = { kind: 'elasticsearch', nodes: [keys.url], auth }
      writeFileSync(config, stringify({ pipelines: join(directory, 'pipelines'), store }))
      return decklog('setup', '--config', config, ...args)
    },
  }
}

/** Pipelines for what the tests write, and a configuration that names them. */
function writeConfig(directory: string): string {
  const pipelines = join(directory, 'pipelines')
  mkdirSync(pipelines)
  for (const name of CLASSES) {
    const match = [{ parse: ['text'], dataset: 'system.auth' }]
    writeFileSync(join(pipelines, `${name}.yaml`), stringify({ class: name, match }))
  }
  const config = join(directory, 'decklog.yaml')
  writeFileSync(config, stringify({ pipelines }))
  return config
}

async function printRoles(config: string): Promise<ReadonlyMap<RoleName, string>> {
  const roles = new Map<RoleName, string>()
  for (const name of ROLE_NAMES)
    roles.set(name, await decklog('setup', '--config', config, '--print-role', name))
  return roles
}

/** The file realm: what is printed is a role of it as it is, for JSON is YAML. */
function realmOf(roles: ReadonlyMap<RoleName, string>): Readonly<Record<string, string>> {
  const users = [...Object.keys(USERS), ADMIN.user]
  const members = ROLE_NAMES.map((role) => {
    const having = Object.keys(USERS).filter((user) => USERS[user]!.includes(role))
    return `decklog-${role}:${having.join()}\n`
  })
  return {
    'roles.yml': [...roles]
      .map(([name, role]) => `decklog-${name}: ${role.replaceAll('\n', ' ')}\n`)
      .join(''),
    users: users.map((user) => `${user}:${hashOf(PASSWORD)}\n`).join(''),
    users_roles: `${members.join('')}superuser:${ADMIN.user}\n`,
  }
}

/** As Elasticsearch has it: PBKDF2 with HMAC-SHA512, so many rounds. */
function hashOf(password: string): string {
  const [rounds, salt] = [1000, randomBytes(32)]
  const hash = pbkdf2Sync(password, salt, rounds, 32, 'sha512')
  return `{PBKDF2}${rounds}$${salt.toString('base64')}$${hash.toString('base64')}`
}

async function decklog(...args: readonly string[]): Promise<string> {
  const main = new URL('../../src/cli/main.ts', import.meta.url).pathname
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...args])
  return stdout
}
