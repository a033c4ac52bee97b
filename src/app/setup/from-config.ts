import type { ClientOptions } from '../../bus/kafka/client.ts'
import type { KafkaConnection } from '../../bus/kafka/options.ts'
import { setupSchema, type SetupConfig } from '../../config/setup.ts'
import type { Log } from '../../roles/log.ts'
import type { ElasticsearchOptions } from '../../store/elasticsearch/connection.ts'

/** The parts of decklog.yaml that setup reads. */
export interface ConfigForSetup {
  readonly bus: { readonly kind: string }
  readonly store: { readonly kind: string }
  readonly setup?: SetupConfig
}

/** Connections as the configuration names them; undefined for the kinds that need no setup. */
export function partsToSetUp(
  config: ConfigForSetup,
  log: Log,
): {
  readonly kafka: ClientOptions | undefined
  readonly elasticsearch: ElasticsearchOptions | undefined
  readonly settings: SetupConfig
} {
  return {
    kafka: config.bus.kind === 'kafka' ? { ...(config.bus as unknown as KafkaConnection), log } : undefined,
    elasticsearch:
      config.store.kind === 'elasticsearch' ? (config.store as unknown as ElasticsearchOptions) : undefined,
    settings: config.setup ?? setupSchema.parse({}),
  }
}
