import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openTcpProxy, type TcpProxy } from '../../../support/tcp-proxy.ts'
import { commandOf, type Engine, freePorts, startEngine } from './engine-process.ts'

export interface OwnElasticsearch extends Engine {
  /** For the roles: through the proxy. */
  readonly url: string
  /** For the test: past it. */
  readonly direct: string
  readonly proxy: TcpProxy
}

/** Who may do what on a node with passwords. */
export interface NodeSecurity {
  /** Files of its configuration: `roles.yml`, `users`, `users_roles`. */
  readonly files: Readonly<Record<string, string>>
  /** Whom it is asked as whether it works. */
  readonly as: { readonly user: string; readonly password: string }
}

/** A node with an empty disk below `directory`, of the program that the shared one runs; without `security` without passwords. */
export async function startElasticsearch(
  directory: string,
  heapMib = 512,
  security?: NodeSecurity,
): Promise<OwnElasticsearch> {
  const [http, transport] = (await freePorts(2)) as [number, number]
  const proxy = await openTcpProxy({ host: '127.0.0.1', port: http })
  const command = commandOf('ELASTICSEARCH')
  const home = command.find((arg) => arg.startsWith('-Des.path.home='))!.split('=')[1]!
  const config = join(directory, 'config')
  for (const name of ['data', 'logs', 'tmp']) mkdirSync(join(directory, name), { recursive: true })
  cpSync(join(home, 'config'), config, { recursive: true })
  writeFileSync(join(config, 'elasticsearch.yml'), settings(directory, { http, transport }, security))
  for (const [name, text] of Object.entries(security?.files ?? {})) writeFileSync(join(config, name), text)
  const pidFile = join(directory, 'es.pid')
  const direct = `http://127.0.0.1:${http}`
  const engine = await startEngine({
    name: 'elasticsearch',
    command: [join(home, 'bin/elasticsearch'), '-p', pidFile],
    environment: {
      ES_PATH_CONF: config,
      ES_JAVA_OPTS: `-Xms${heapMib}m -Xmx${heapMib}m`,
      ES_JAVA_HOME: command[0]!.replace(/\/bin\/java$/, ''),
      ES_TMPDIR: join(directory, 'tmp'),
    },
    logFile: join(directory, 'node.log'),
    prepare: () => rmSync(pidFile, { force: true }),
    pid: () => Number(readFileSync(pidFile, 'utf8')),
    works: async () => existsSync(pidFile) && (await isUp(direct, security)),
    ...asOwner(directory),
  })
  return {
    ...engine,
    get pid() {
      return engine.pid
    },
    url: `http://127.0.0.1:${proxy.port}`,
    direct,
    proxy,
    async [Symbol.asyncDispose]() {
      await engine.kill()
      await proxy[Symbol.asyncDispose]()
    },
  }
}

function settings(
  directory: string,
  ports: { readonly http: number; readonly transport: number },
  security: NodeSecurity | undefined,
): string {
  return `
cluster.name: integrity
node.name: integrity
discovery.type: single-node
network.host: 127.0.0.1
http.port: ${ports.http}
transport.port: ${ports.transport}
path.data: ${directory}/data
path.logs: ${directory}/logs
cluster.routing.allocation.disk.threshold_enabled: false
xpack.security.enabled: ${security !== undefined}
${security === undefined ? '' : SECURITY_WITHOUT_TLS}
`
}

const SECURITY_WITHOUT_TLS = `
xpack.security.http.ssl.enabled: false
xpack.security.transport.ssl.enabled: false
`

/** Elasticsearch refuses to run as root: then it runs as who runs the shared one. */
function asOwner(directory: string): { user?: { uid: number; gid: number } } {
  if (process.getuid?.() !== 0) return {}
  const { uid, gid } = statSync(`/proc/${process.env['DECKLOG_TEST_ELASTICSEARCH_PID']}`)
  execFileSync('chown', ['-R', `${uid}:${gid}`, directory])
  return { user: { uid, gid } }
}

async function isUp(url: string, security: NodeSecurity | undefined): Promise<boolean> {
  const { user, password } = security?.as ?? {}
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  try {
    const answer = await fetch(`${url}/_cluster/health`, {
      signal: AbortSignal.timeout(2_000),
      headers: security === undefined ? {} : { authorization },
    })
    const { status } = (await answer.json()) as { status: string }
    return answer.ok && status !== 'red'
  } catch {
    return false
  }
}
