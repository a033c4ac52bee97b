import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type OwnElasticsearch, startElasticsearch } from './own-elasticsearch.ts'
import { type OwnKafka, startKafka } from './own-kafka.ts'

export interface Engines extends AsyncDisposable {
  readonly kafka: OwnKafka
  readonly elasticsearch: OwnElasticsearch
}

/** A broker and a node that may be killed, each behind a proxy; gone with their disks in the end. */
export async function startEngines(
  heapMib: { kafka?: number; elasticsearch?: number } = {},
): Promise<Engines> {
  const directory = mkdtempSync(join(tmpdir(), 'decklog-engines-'))
  // Elasticsearch runs as another user.
  chmodSync(directory, 0o755)
  const starting = [
    startKafka(join(directory, 'kafka'), heapMib.kafka),
    startElasticsearch(join(directory, 'elasticsearch'), heapMib.elasticsearch),
  ] as const
  const end = async (): Promise<void> => {
    for (const started of await Promise.allSettled(starting))
      if (started.status === 'fulfilled') await started.value[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    const [kafka, elasticsearch] = await Promise.all(starting)
    return { kafka, elasticsearch, [Symbol.asyncDispose]: end }
  } catch (error) {
    await end()
    throw error
  }
}
