import type { ClientOptions } from '../../bus/kafka/client.ts'
import type { Config } from '../../config/config.ts'
import type { SetupConfig } from '../../config/setup.ts'
import type { Log } from '../../roles/log.ts'
import type { ElasticsearchOptions } from '../../store/elasticsearch/connection.ts'
import { kafkaOf } from '../choose-bus.ts'
import { elasticsearchOf } from '../choose-store.ts'

/** The parts of decklog.yaml that setup reads; connections are undefined for the kinds that need no setup. */
export function partsToSetUp(
  { bus, store, setup }: Pick<Config, 'bus' | 'store' | 'setup'>,
  log: Log,
): {
  readonly kafka: ClientOptions | undefined
  readonly elasticsearch: ElasticsearchOptions | undefined
  readonly settings: SetupConfig
} {
  return {
    kafka: bus.kind === 'kafka' ? kafkaOf(bus, log) : undefined,
    elasticsearch: store.kind === 'elasticsearch' ? elasticsearchOf(store) : undefined,
    settings: setup,
  }
}
