import type { IncomingMessage } from 'node:http'
import { DecklogError, isAbort } from '../../core/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import { type ApiClient, readJson } from './client.ts'

/** An object of the API, as far as watching needs it. */
export interface ApiObject {
  readonly kind?: string
  readonly apiVersion?: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid: string
    readonly resourceVersion: string
  }
  readonly [name: string]: unknown
}

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED'

export interface Change {
  readonly type: ChangeType
  readonly object: ApiObject
}

export interface WatchOptions {
  readonly client: ApiClient
  /** `/apis/wgpolicyk8s.io/v1alpha2/policyreports`; the first that the cluster serves is used. */
  readonly paths: readonly string[]
  /** For a person: `policyreports`. */
  readonly what: string
  readonly fieldSelector?: string
  /** A cluster without it is no problem. */
  readonly mayBeMissing?: boolean
  /** Where an earlier run ended; undefined: everything is listed first. */
  readonly from?: string | undefined
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly watchTimeoutMs: number
  readonly retryMs: number
  /** All that there is, in the order of their versions, page by page; `last` with the list's end. */
  readonly onList: (
    objects: readonly ApiObject[],
    list: { first: boolean; last: boolean; version: string },
  ) => Promise<void>
  readonly onChanges: (changes: readonly Change[]) => Promise<void>
  /** A sentence, or undefined when all is well. */
  readonly onProblem: (problem: string | undefined) => void
}

const PAGE = 500
const LIST_BYTES_MAX = 256 * 1024 * 1024
const LINE_BYTES_MAX = 16 * 1024 * 1024
const BACKOFF_MS_MIN = 200
const BACKOFF_MS_MAX = 30_000
/** Over the time after which the server ends a watch. */
const IDLE_SLACK_MS = 30_000

/** What was known is gone from the server's history: list again. */
class Gone extends Error {}

/** The cluster does not have it, or does not let us: not worth asking every second. */
class Refused extends Error {}

class Missing extends Refused {}

/** Lists, then watches, and goes on where it was cut, until the signal fires. Never rejects. */
export async function watchResource(options: WatchOptions): Promise<void> {
  const { signal, clock, onProblem } = options
  let version = options.from
  let waitMs = BACKOFF_MS_MIN
  while (!signal.aborted) {
    try {
      const path = await servedPath(options)
      version ??= await list(path, options)
      onProblem(undefined)
      const before = version
      version = await watch(path, version, options)
      if (version !== before) waitMs = BACKOFF_MS_MIN
      await pause(waitMs === BACKOFF_MS_MIN ? 0 : waitMs, options)
      waitMs = Math.min(waitMs * 2, BACKOFF_MS_MAX)
    } catch (error) {
      if (signal.aborted || isAbort(error)) return
      if (error instanceof Gone) {
        version = undefined
        continue
      }
      if (error instanceof Cut) version = error.version
      const isFine = error instanceof Missing && options.mayBeMissing === true
      onProblem(isFine ? undefined : `${options.what}: ${messageOf(error)}; it is tried again`)
      const isRefused = error instanceof Refused
      await clock.sleep(isRefused ? options.retryMs : waitMs, signal).catch(() => undefined)
      waitMs = Math.min(waitMs * 2, BACKOFF_MS_MAX)
    }
  }
}

async function pause(ms: number, { clock, signal }: WatchOptions): Promise<void> {
  if (ms > 0) await clock.sleep(ms, signal)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown'
}

/** A watch that was cut: what came before is safe. */
class Cut extends Error {
  readonly version: string

  constructor(message: string, version: string) {
    super(message)
    this.version = version
  }
}

async function servedPath({ client, paths, what, signal }: WatchOptions): Promise<string> {
  if (paths.length === 1) return paths[0]!
  for (const path of paths) {
    const response = await client.get(`${path}?limit=1`, { signal, idleMs: IDLE_SLACK_MS })
    response.resume()
    if (response.statusCode !== 404) return path
  }
  throw new Missing(`the cluster has no ${what} (404): their definition is not installed`)
}

function refuse(response: IncomingMessage, what: string): never {
  const status = response.statusCode ?? 0
  response.destroy()
  if (status === 410) throw new Gone()
  if (status === 401)
    throw new Refused('the API server does not know us (401): look at the service account or the kubeconfig')
  if (status === 403)
    throw new Refused(
      `list and watch of ${what} are not allowed (403): give the service account a role with both`,
    )
  if (status === 404) throw new Missing(`the cluster has no ${what} (404): their definition is not installed`)
  throw new Error(`the API server answered ${status}`)
}

interface ObjectList {
  readonly kind?: string
  readonly apiVersion?: string
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string }
  readonly items?: readonly ApiObject[]
}

/** All pages, then in the order of their versions, so that what is kept last says where to go on. Returns the list's version. */
async function list(path: string, options: WatchOptions): Promise<string> {
  const { client, signal, fieldSelector, what } = options
  const objects: ApiObject[] = []
  let next = ''
  let version = ''
  do {
    const query = new URLSearchParams({ limit: String(PAGE) })
    if (fieldSelector !== undefined) query.set('fieldSelector', fieldSelector)
    if (next !== '') query.set('continue', next)
    const response = await client.get(`${path}?${query}`, { signal, idleMs: IDLE_SLACK_MS })
    if (response.statusCode !== 200) refuse(response, what)
    const page = (await readJson(response, LIST_BYTES_MAX)) as ObjectList | undefined
    if (page === undefined || page === null) throw new Error('the API server sent a list that is none')
    const kind = page.kind?.replace(/List$/, '')
    for (const item of page.items ?? []) {
      if (isObject(item)) objects.push({ apiVersion: page.apiVersion ?? '', kind: kind ?? '', ...item })
    }
    version = page.metadata?.resourceVersion ?? version
    next = page.metadata?.continue ?? ''
  } while (next !== '')
  objects.sort((a, b) => compareVersions(a.metadata.resourceVersion, b.metadata.resourceVersion))
  for (let at = 0; at === 0 || at < objects.length; at += PAGE) {
    const page = objects.slice(at, at + PAGE)
    await options.onList(page, { first: at === 0, last: at + PAGE >= objects.length, version })
  }
  return version
}

/** Until the server ends it. Returns the version to go on from. */
async function watch(path: string, from: string, options: WatchOptions): Promise<string> {
  const { client, signal, fieldSelector, what, watchTimeoutMs } = options
  const query = new URLSearchParams({
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: from,
    timeoutSeconds: String(Math.max(1, Math.round(watchTimeoutMs / 1000))),
  })
  if (fieldSelector !== undefined) query.set('fieldSelector', fieldSelector)
  const idleMs = watchTimeoutMs + IDLE_SLACK_MS
  const response = await client.get(`${path}?${query}`, { signal, idleMs })
  if (response.statusCode !== 200) refuse(response, what)
  let version = from
  try {
    for await (const lines of linesOf(response)) {
      const changes: Change[] = []
      for (const line of lines) {
        const change = readChange(line)
        if (change === undefined) continue
        if (change.type !== 'BOOKMARK') changes.push(change as Change)
        version = change.object.metadata.resourceVersion
      }
      if (changes.length > 0) await options.onChanges(changes)
    }
  } catch (error) {
    if (error instanceof Gone || isAbort(error) || error instanceof DecklogError) throw error
    throw new Cut(messageOf(error), version)
  }
  return version
}

/** Whole lines of a body, as many as each chunk completes. What is read next waits until they are taken. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string[]> {
  let rest = Buffer.alloc(0)
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const end = all.lastIndexOf(0x0a)
    rest = Buffer.from(all.subarray(end + 1))
    if (rest.length > LINE_BYTES_MAX) throw new Error('an object is larger than 16 MiB')
    if (end >= 0) yield all.toString('utf8', 0, end).split('\n')
  }
}

/** @throws {Gone} when the server says that its history does not reach back so far */
function readChange(line: string): { type: string; object: ApiObject } | undefined {
  if (line.trim() === '') return undefined
  let read: { type?: string; object?: ApiObject & { code?: number; message?: string } } | null
  try {
    read = JSON.parse(line) as typeof read
  } catch {
    throw new Error('the API server sent a line that is no JSON')
  }
  if (read?.type === 'ERROR') {
    if (read.object?.code === 410) throw new Gone()
    throw new Error(`the API server ended the watch (${read.object?.code ?? 'no code'})`)
  }
  if (read?.type === undefined || !isObject(read.object)) return undefined
  return { type: read.type, object: read.object }
}

function isObject(object: ApiObject | undefined): object is ApiObject {
  return typeof object?.metadata?.resourceVersion === 'string'
}

/** Versions are numbers in all but the letter of the law; what is none stays where it is. */
export function compareVersions(a: string, b: string): number {
  if (a.length !== b.length && /^\d+$/.test(a) && /^\d+$/.test(b)) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}
