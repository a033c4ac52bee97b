import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pause } from './kafka.ts'

/** A broker of a test's own, which it may kill: with every way to log in. It has what the shared broker is made of. */
export interface OwnBroker extends AsyncDisposable {
  /** Without a password; may do everything. */
  readonly plaintext: string
  /** SASL over TLS: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER. `admin` may do everything, `poor` nothing. */
  readonly saslTls: string
  /** Wants a client certificate. */
  readonly mutualTls: string
  readonly tls: Certificates
  readonly pid: number
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** After `kill`; resolves when it takes connections. */
  start(): Promise<void>
}

export interface Certificates {
  readonly ca: string
  /** Of an authority that has signed nothing here. */
  readonly otherCa: string
  readonly clientCertificate: string
  readonly clientKey: string
}

export const PASSWORD = 'own-secret'

export async function startBroker(): Promise<OwnBroker> {
  const directory = mkdtempSync(join(tmpdir(), 'decklog-kafka-'))
  const tls = makeCertificates(directory)
  const [plain, controller, sasl, mutual] = await freePorts(4)
  const file = join(directory, 'broker.properties')
  writeFileSync(file, properties(directory, { plain, controller, sasl, mutual }))
  const java = javaCommand(directory)
  const scram = ['admin', 'poor'].flatMap((user) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((kind) => [
      '--add-scram',
      `${kind}=[name=${user},password=${PASSWORD}]`,
    ]),
  )
  const format = [
    'kafka.tools.StorageTool',
    'format',
    '--cluster-id',
    '5L6g3nShT-eMCtK--X86sw',
    '-c',
    file,
    ...scram,
  ]
  execFileSync('java', [...java, ...format], { stdio: 'ignore' })

  let child: ChildProcess
  const start = async (): Promise<void> => {
    const log = openSync(join(directory, 'broker.log'), 'a')
    child = spawn('java', [...java, '-Xms192m', '-Xmx384m', 'kafka.Kafka', file], {
      stdio: ['ignore', log, log],
    })
    await untilOpen(plain!, directory)
  }
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await start()
  return {
    plaintext: `127.0.0.1:${plain}`,
    saslTls: `localhost:${sasl}`,
    mutualTls: `localhost:${mutual}`,
    tls,
    get pid() {
      return child.pid!
    },
    kill,
    start,
    async [Symbol.asyncDispose]() {
      await kill()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** The class path of the shared broker, and what makes a JVM start fast. */
function javaCommand(directory: string): string[] {
  const args = readFileSync(`/proc/${process.env['DECKLOG_TEST_KAFKA_PID']}/cmdline`, 'utf8').split('\0')
  const classPath = args[args.indexOf('-cp') + 1]!
  const layout = join(directory, 'log4j2.xml')
  writeFileSync(
    layout,
    '<Configuration><Appenders><Console name="c"><PatternLayout pattern="%d %p %c{1} %m%n"/></Console></Appenders>' +
      '<Loggers><Root level="warn"><AppenderRef ref="c"/></Root></Loggers></Configuration>',
  )
  return [
    '-XX:TieredStopAtLevel=1',
    '-XX:+UseSerialGC',
    `-Dlog4j2.configurationFile=${layout}`,
    '-cp',
    classPath,
  ]
}

function properties(
  directory: string,
  ports: Readonly<Record<'plain' | 'controller' | 'sasl' | 'mutual', number | undefined>>,
): string {
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  const plain =
    'org.apache.kafka.common.security.plain.PlainLoginModule required ' +
    `user_admin="${PASSWORD}" user_poor="${PASSWORD}";`
  const bearer =
    'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="admin";'
  return `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${ports.controller}
listeners=PLAINTEXT://127.0.0.1:${ports.plain},CONTROLLER://127.0.0.1:${ports.controller},SASL_SSL://localhost:${ports.sasl},SSL://localhost:${ports.mutual}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl_ssl.plain.sasl.jaas.config=${plain}
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=${scram}
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=${scram}
listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=${bearer}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:admin;User:CN=client
ssl.keystore.type=PEM
ssl.keystore.location=${directory}/tls/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=${directory}/tls/ca.crt
listener.name.ssl.ssl.client.auth=required
listener.name.sasl_ssl.ssl.client.auth=none
log.dirs=${directory}/data
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=2
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.segment.delete.delay.ms=100
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
`
}

function makeCertificates(directory: string): Certificates {
  const home = join(directory, 'tls')
  mkdirSync(home)
  const openssl = (...args: string[]): void =>
    void execFileSync('openssl', args, { cwd: home, stdio: 'ignore' })
  const authority = (name: string): void =>
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '30',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
    )
  const signed = (name: string, subject: string): void => {
    openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      subject,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
    )
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '30',
      '-extfile',
      'names',
      '-out',
      `${name}.crt`,
    )
  }
  writeFileSync(join(home, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1')
  authority('ca')
  authority('other')
  signed('server', '/CN=localhost')
  signed('client', '/CN=client')
  const read = (name: string): string => readFileSync(join(home, name), 'utf8')
  writeFileSync(join(home, 'server.pem'), read('server.key') + read('server.crt'))
  return {
    ca: read('ca.crt'),
    otherCa: read('other.crt'),
    clientCertificate: read('client.crt'),
    clientKey: read('client.key'),
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

async function untilOpen(port: number, directory: string): Promise<void> {
  for (let left = 240; left > 0; left--) {
    if (await isOpen(port)) return
    await pause(250)
  }
  throw new Error(
    `the broker did not come up:\n${readFileSync(join(directory, 'broker.log'), 'utf8').slice(-2000)}`,
  )
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
