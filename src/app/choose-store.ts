import type { Config } from '../config/config.ts'
import type { ElasticsearchConfig } from '../config/store.ts'
import type { Telemetry } from '../core/telemetry.ts'
import type { Store } from '../ports/store.ts'
import { Complaints } from '../roles/complaints.ts'
import type { Log } from '../roles/log.ts'
import type { ElasticsearchOptions } from '../store/elasticsearch/connection.ts'
import { systemClock } from './system-clock.ts'

export interface ChosenStore {
  readonly store: Store
  /** Why it cannot take everything just now, a sentence a cause. */
  readonly problems: () => readonly string[]
}

/** The store that the configuration names. The caller closes it. `directory` is the embedded one's. */
export async function chooseStore(
  config: Config,
  { directory, telemetry, log }: { directory: string; telemetry: Telemetry; log: Log },
): Promise<ChosenStore> {
  if (config.store.kind === 'duckdb') {
    const complaints = new Complaints(log, systemClock)
    const say = (why: string): void =>
      complaints.raise(why, `the store is behind: ${why}; it is tried again`, 'warn')
    const { openDuckdbStore } = await import('../store/duckdb/duckdb-store.ts')
    const store = await openDuckdbStore({
      directory,
      clock: systemClock,
      telemetry,
      onProblem: (error) => say((error as Error).message),
    })
    return { store, problems: () => [] }
  }
  const { openElasticsearchStore } = await import('../store/elasticsearch/elasticsearch-store.ts')
  const store = await openElasticsearchStore({
    ...elasticsearchOf(config.store),
    clock: systemClock,
    telemetry,
    onProblem: (sentence) => log.error({ part: 'store' }, sentence),
    onMended: (what) => log.info({ part: 'store' }, `${what}: it works again`),
  })
  return { store, problems: () => store.problems() }
}

/** How the store, and `setup`, reach the cluster. */
export function elasticsearchOf(store: ElasticsearchConfig): ElasticsearchOptions {
  const { nodes, cloudId, auth, tls = {}, requestTimeout, compression } = store
  const { ca, caFingerprint, rejectUnauthorized } = tls
  return {
    nodes,
    requestTimeoutMs: requestTimeout,
    compression,
    ...(cloudId === undefined ? {} : { cloudId }),
    ...(auth === undefined ? {} : { auth }),
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(caFingerprint === undefined ? {} : { caFingerprint }),
      ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
    },
  }
}
