import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What comes with decklog: beside `src/` in a checkout, beside `dist/` in a package. */
export const PIPELINES_DIRECTORY = fileURLToPath(new URL('../../pipelines', import.meta.url))
export const WEB_DIRECTORY = fileURLToPath(new URL('../web', import.meta.url))

/** What is where in a data directory. */
export interface DataLayout {
  readonly root: string
  readonly ship: string
  readonly spool: string
  readonly store: string
  readonly archive: string
  readonly demo: string
}

export function layoutOf(dataDir: string): DataLayout {
  return {
    root: dataDir,
    ship: join(dataDir, 'ship'),
    spool: join(dataDir, 'spool'),
    store: join(dataDir, 'store'),
    archive: join(dataDir, 'archive'),
    demo: join(dataDir, 'demo'),
  }
}
