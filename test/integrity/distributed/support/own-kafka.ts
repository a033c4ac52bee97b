import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { openTcpProxy, type TcpProxy } from '../../../support/tcp-proxy.ts'
import { commandOf, type Engine, freePorts, startEngine } from './engine-process.ts'

export interface OwnKafka extends Engine {
  /** For the roles: the broker calls itself by the proxy's address, so every connection of theirs goes through it. */
  readonly address: string
  /** For the test: past the proxy. */
  readonly direct: string
  readonly proxy: TcpProxy
}

/** A broker with an empty disk below `directory`. */
export async function startKafka(directory: string, heapMib = 384): Promise<OwnKafka> {
  const [plain, inner, controller] = (await freePorts(3)) as [number, number, number]
  const proxy = await openTcpProxy({ host: '127.0.0.1', port: plain })
  mkdirSync(directory, { recursive: true })
  const file = join(directory, 'broker.properties')
  writeFileSync(file, properties(directory, { plain, inner, controller, proxy: proxy.port }))
  const java = javaCommand(directory)
  const format = ['kafka.tools.StorageTool', 'format', '--cluster-id', '5L6g3nShT-eMCtK--X86sw', '-c', file]
  execFileSync('java', [...java, ...format], { stdio: 'ignore' })
  const engine = await startEngine({
    name: 'kafka',
    command: ['java', ...java, `-Xms${heapMib}m`, `-Xmx${heapMib}m`, 'kafka.Kafka', file],
    logFile: join(directory, 'broker.log'),
    works: () => isOpen(plain),
  })
  return {
    ...engine,
    get pid() {
      return engine.pid
    },
    address: `127.0.0.1:${proxy.port}`,
    direct: `127.0.0.1:${inner}`,
    proxy,
    async [Symbol.asyncDispose]() {
      await engine.kill()
      await proxy[Symbol.asyncDispose]()
    },
  }
}

function javaCommand(directory: string): string[] {
  const args = commandOf('KAFKA')
  const layout = join(directory, 'log4j2.xml')
  writeFileSync(
    layout,
    '<Configuration><Appenders><Console name="c"><PatternLayout pattern="%d %p %c{1} %m%n"/></Console></Appenders>' +
      '<Loggers><Root level="warn"><AppenderRef ref="c"/></Root></Loggers></Configuration>',
  )
  return ['-XX:+UseSerialGC', `-Dlog4j2.configurationFile=${layout}`, '-cp', args[args.indexOf('-cp') + 1]!]
}

function properties(
  directory: string,
  ports: {
    readonly plain: number
    readonly inner: number
    readonly controller: number
    readonly proxy: number
  },
): string {
  return `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${ports.controller}
listeners=CLIENT://127.0.0.1:${ports.plain},INNER://127.0.0.1:${ports.inner},CONTROLLER://127.0.0.1:${ports.controller}
advertised.listeners=CLIENT://127.0.0.1:${ports.proxy},INNER://127.0.0.1:${ports.inner}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENT:PLAINTEXT,INNER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INNER
log.dirs=${directory}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
`
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
