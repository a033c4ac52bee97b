import { systemCode } from '../core/errors.ts'
import type { Store } from '../ports/store.ts'

export interface ReadBeside {
  /** Opens what is there now, to read only. */
  readonly open: () => Promise<Store>
  readonly sleep: (ms: number) => Promise<void>
  /** Names of files that a writer lets go of only after what they hold is elsewhere. */
  readonly files: () => readonly string[]
}

const TRIES_MAX = 20
const PAUSE_MS = 50

/**
 * A store that is read while another process writes it. The writer merges files and removes the old ones, so what this
 * process has open may vanish: then it is opened anew and asked again. Each answer is of one opening, and whole.
 */
export async function readBeside(options: ReadBeside): Promise<Store> {
  const opened: Store[] = []
  const open = async (): Promise<Store> => {
    const store = await openWhole(options)
    opened.push(store)
    return store
  }
  let current = await again(options, open)

  const read = <A>(ask: (store: Store) => Promise<A>): Promise<A> => {
    let asked: Store | undefined
    return again(options, async () => {
      // Another question may have opened it anew already.
      if (current === asked) current = await open()
      asked = current
      return ask(asked)
    })
  }
  const close = async (): Promise<void> => {
    for (const store of opened) await store.close()
  }
  return {
    write: (batches, writing) => current.write(batches, writing),
    claim: (claims, claiming) => current.claim(claims, claiming),
    search: (request) => read((store) => store.search(request)),
    histogram: (request) => read((store) => store.histogram(request)),
    top: (request) => read((store) => store.top(request)),
    get: (id, asking) => read((store) => store.get(id, asking)),
    neighbours: (id, counts, asking) => read((store) => store.neighbours(id, counts, asking)),
    scan: (request) => read((store) => store.scan(request)),
    coverage: (stream, asking) => read((store) => store.coverage(stream, asking)),
    completeness: (request) => read((store) => store.completeness(request)),
    fields: (asking) => read((store) => store.fields(asking)),
    putRecord: (record) => current.putRecord(record),
    getRecord: (kind, id, asking) => read((store) => store.getRecord(kind, id, asking)),
    listRecords: (kind, asking) => read((store) => store.listRecords(kind, asking)),
    deleteRecord: (kind, id) => current.deleteRecord(kind, id),
    expire: (rules, nowMs, mayDelete) => current.expire(rules, nowMs, mayDelete),
    usage: () => read((store) => store.usage()),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** What vanished while it was opened may be in none of the files that were read: then the opening does not count. */
async function openWhole({ open, files }: ReadBeside): Promise<Store> {
  const before = files()
  const changed = (): boolean => {
    const now = new Set(files())
    return before.some((name) => !now.has(name))
  }
  let store: Store
  try {
    store = await open()
  } catch (error) {
    throw changed() ? new Vanished() : error
  }
  if (!changed()) return store
  await store.close()
  throw new Vanished()
}

class Vanished extends Error {
  override readonly name = 'Vanished'
  constructor() {
    super('its files change faster than they can be read: ask the decklog that writes them, or try again')
  }
}

async function again<A>({ sleep }: Pick<ReadBeside, 'sleep'>, attempt: () => Promise<A>): Promise<A> {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if (!hasVanished(error) || tries + 1 >= TRIES_MAX) throw error
      await sleep(PAUSE_MS)
    }
  }
}

/** Errors of Node have a code; those of the database only say it. */
function hasVanished(error: unknown): boolean {
  if (error instanceof Vanished || systemCode(error) === 'ENOENT') return true
  return error instanceof Error && /No such file|No files found|Cannot open file/.test(error.message)
}
