import type { ClientOptions } from '../bus/kafka/client.ts'
import { openMemoryBus } from '../bus/memory.ts'
import type { Config } from '../config/config.ts'
import type { KafkaConfig } from '../config/bus.ts'
import type { Telemetry } from '../core/telemetry.ts'
import type { Bus } from '../ports/bus.ts'
import type { Log } from '../roles/log.ts'
import { HandOverBus } from './hand-over-bus.ts'
import type { RoleName } from './role-names.ts'
import { systemClock } from './system-clock.ts'

export interface BusNeeds {
  readonly config: Config
  readonly classes: readonly string[]
  readonly telemetry: Telemetry
  readonly log: Log
  /** Of this process. */
  readonly roles: ReadonlySet<RoleName>
  /** Told what does not work and is tried again; undefined: it works again. */
  readonly onTrouble?: (subject: string, message: string | undefined) => void
}

/** The bus that the configuration names. The caller closes it. */
export async function chooseBus(needs: BusNeeds): Promise<Bus> {
  const { config, telemetry, log, roles, classes, onTrouble } = needs
  const { bus } = config
  if (bus.kind === 'memory') {
    return openMemoryBus({ clock: systemClock, telemetry, groupsOf: groupsOf(roles.has('archive')) })
  }
  const { openKafkaBus } = await import('../bus/kafka.ts')
  const kafka = await openKafkaBus({
    ...kafkaOf(bus, log),
    clock: systemClock,
    telemetry,
    sessionTimeoutMs: bus.sessionTimeout,
    watch: watched(classes, roles),
    ...(onTrouble === undefined ? {} : { onTrouble }),
  })
  if (!handsOver(config, roles)) return kafka
  const events = openMemoryBus({ clock: systemClock, telemetry, groupsOf: () => ['index'] })
  return new HandOverBus({ kafka, events, isHandedOver: (topic) => topic.startsWith('decklog.events.') })
}

/** Do `process` and `index` of this process meet in memory? */
export function handsOver(config: Config, roles: ReadonlySet<RoleName>): boolean {
  return config.handOver === 'memory' && roles.has('process') && roles.has('index')
}

/** How the adapter, and `setup`, reach the brokers. */
export function kafkaOf(bus: KafkaConfig, log: Log): ClientOptions {
  const { brokers, clientId, tls, sasl, connectTimeout, requestTimeout } = bus
  return {
    brokers,
    clientId,
    log,
    connectTimeoutMs: connectTimeout,
    requestTimeoutMs: requestTimeout,
    ...(tls === undefined ? {} : { tls: given(tls) }),
    ...(sasl === undefined ? {} : { sasl: given(sasl) }),
  }
}

/** Without what is undefined: an optional key of a port is there or it is not. */
function given<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never
}

/** Who must acknowledge in memory before a message is safe. */
function groupsOf(hasArchive: boolean): (topic: string) => readonly string[] {
  const raw = hasArchive ? ['process', 'archive'] : ['process']
  return (topic) => (topic.startsWith('decklog.raw.') ? raw : ['index'])
}

/** Lag is told by who serves, of all groups: the roles themselves may be elsewhere. */
function watched(
  classes: readonly string[],
  roles: ReadonlySet<RoleName>,
): { readonly topic: string; readonly group: string }[] {
  if (!roles.has('serve')) return []
  return [
    ...classes.flatMap((name) => [
      { topic: `decklog.raw.${name}`, group: 'process' },
      { topic: `decklog.events.${name}`, group: 'index' },
    ]),
    { topic: 'decklog.dead-letter', group: 'index' },
  ]
}
