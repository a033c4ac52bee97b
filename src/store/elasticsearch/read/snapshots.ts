import { randomUUID } from 'node:crypto'
import type { EsContext } from '../context.ts'

/** From one page to the next. A person who waits longer gets the next page of what is there by then. */
const KEEP_ALIVE = '2m'
/** Each holds files of the cluster open; the oldest are given back first. */
const OPEN_MAX = 64

/**
 * Points in time that this process holds open for those who page. Their names in Elasticsearch grow with the number of shards
 * and would not fit into an address, so a cursor has a short name for them.
 */
export class Snapshots {
  readonly #context: EsContext
  readonly #open = new Map<string, string>()

  constructor(context: EsContext) {
    this.#context = context
  }

  /** Undefined when the cluster gives none: paging goes on without. */
  async take(signal: AbortSignal | undefined): Promise<string | undefined> {
    const { connection, names } = this.#context
    const { status, body } = await connection.request({
      method: 'POST',
      path: `/${encodeURIComponent(names.events)}/_pit`,
      query: { keep_alive: KEEP_ALIVE, ignore_unavailable: true },
      ...(signal === undefined ? {} : { signal }),
    })
    const { id } = (body ?? {}) as { id?: unknown }
    if (status !== 200 || typeof id !== 'string') return undefined
    const name = randomUUID()
    this.#open.set(name, id)
    const [oldest] = this.#open.keys()
    if (this.#open.size > OPEN_MAX && oldest !== undefined) await this.giveBack(oldest)
    return name
  }

  /** As a search takes it; undefined when this process does not have it, or no longer. */
  clauseOf(name: string): { readonly id: string; readonly keep_alive: string } | undefined {
    const id = this.#open.get(name)
    if (id === undefined) return undefined
    // What was used last is given back last.
    this.#open.delete(name)
    this.#open.set(name, id)
    return { id, keep_alive: KEEP_ALIVE }
  }

  /** Each answer may name it anew. */
  renamed(name: string, id: string | undefined): void {
    if (id !== undefined && this.#open.has(name)) this.#open.set(name, id)
  }

  forget(name: string): void {
    this.#open.delete(name)
  }

  /** It would end by itself: that it cannot be given back hurts nobody. */
  async giveBack(name: string): Promise<void> {
    const id = this.#open.get(name)
    this.#open.delete(name)
    if (id === undefined) return
    await this.#context.connection
      .request({ method: 'DELETE', path: '/_pit', body: { id } })
      .catch(() => undefined)
  }
}

const ofContext = new WeakMap<EsContext, Snapshots>()

export function snapshotsOf(context: EsContext): Snapshots {
  let snapshots = ofContext.get(context)
  if (snapshots === undefined) ofContext.set(context, (snapshots = new Snapshots(context)))
  return snapshots
}
