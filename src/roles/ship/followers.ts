import { statSync } from 'node:fs'
import type { Discovery, DiscoveryEvents } from '../../sources/discovery.ts'
import { DOCKER_PATH } from '../../sources/docker-log.ts'
import { baseOf } from '../../sources/files.ts'
import type { LogGroup } from '../../sources/log-group.ts'
import { fileId } from '../../sources/open-log.ts'
import type { SourceConfig } from '../../sources/source-config.ts'
import { discover } from '../../sources/survey.ts'
import { lookAtLingering } from './file-ends.ts'
import { lookAtFiles } from './files-of-stream.ts'
import { tellUnreadable } from './followed-file.ts'
import { type Follower, newFollower } from './follower.ts'
import type { StreamState } from './records.ts'
import type { ShipContext } from './ship-context.ts'
import { removeShipped } from './shipped-files.ts'

export interface FollowersOptions {
  readonly sources: readonly SourceConfig[]
  readonly context: ShipContext
  /** Gives a follower its turn. */
  readonly enqueue: (follower: Follower) => void
}

/** In so many ticks every quiet stream is looked at once, for what the watches missed: about a second. */
const TICKS_PER_LOOK = 20

/** All streams that are followed, and which of them want a turn. What is quiet costs one `stat` a second. */
export class Followers {
  readonly context: ShipContext
  readonly #options: FollowersOptions
  readonly #byKey = new Map<string, Follower>()
  /** Those that were touched or have a time at which they want a turn. */
  readonly #active = new Set<Follower>()
  readonly #discoveries: Discovery[]
  #toLook: Follower[] = []
  #lookLength = 1
  #stopped = false

  constructor(options: FollowersOptions) {
    this.#options = options
    this.context = options.context
    const events: DiscoveryEvents = {
      onGroup: (group) => this.#follow(group),
      onTouched: (key) => this.#touch(key),
      onVanished: (group, detail) => this.#vanished(group, detail),
      onTrouble: (what, message) => this.context.complaints.raise(what, message, 'warn'),
      onFine: (what) => this.context.complaints.over(what),
    }
    this.#discoveries = options.sources.map((source) => discover(source, events, this.context.clock))
  }

  get count(): number {
    return this.#byKey.size
  }

  get openFiles(): number {
    return this.context.descriptors.count
  }

  /** Looks at all sources, and at the streams of an earlier run that are no longer there. */
  start(): void {
    for (const discovery of this.#discoveries) discovery.scan()
    for (const stream of this.context.ledger.state.streams.values()) this.#takeUp(stream)
    this.context.ledger.stateLossDeclared()
  }

  tick(): void {
    if (this.#stopped) return
    for (const discovery of this.#discoveries) discovery.tick()
    this.#lookAtSome()
    const nowMs = this.context.clock.now()
    for (const follower of this.#active) {
      if (follower.touched || follower.wakeMs <= nowMs) this.#options.enqueue(follower)
      if (follower.queued || follower.wakeMs === Number.POSITIVE_INFINITY) this.#active.delete(follower)
    }
    this.context.telemetry.set('decklog_ship_files', this.#byKey.size)
  }

  wake(follower: Follower): void {
    follower.wakeMs = 0
    this.#active.add(follower)
  }

  /** A follower has had its turn: it stays active while it waits for a time, or for another look. */
  afterTurn(follower: Follower): void {
    if (follower.touched || follower.wakeMs !== Number.POSITIVE_INFINITY) this.#active.add(follower)
  }

  over(follower: Follower): void {
    this.#active.delete(follower)
    if (this.#byKey.get(follower.group.key) === follower) this.#byKey.delete(follower.group.key)
    for (const { file } of follower.lingering.splice(0)) this.context.descriptors.release(file)
    for (const file of follower.files) this.context.descriptors.release(file)
  }

  /** Nothing new gets a turn. */
  stop(): void {
    this.#stopped = true
    for (const discovery of this.#discoveries) discovery.close()
  }

  close(): void {
    this.stop()
    this.context.descriptors.releaseAll()
  }

  /** Opens the file at once: it may be gone in a moment. */
  #follow(group: LogGroup): void {
    if (this.#byKey.has(group.key)) return this.#touch(group.key)
    const follower = newFollower(group, this.context.ledger.streamOf(group), this.context.clock.now())
    this.#byKey.set(group.key, follower)
    this.#active.add(follower)
    this.#safely(follower, () => lookAtFiles(follower, this.context))
  }

  #touch(key: string): void {
    const follower = this.#byKey.get(key)
    if (follower === undefined) return
    follower.touched = true
    this.#active.add(follower)
  }

  #vanished(group: LogGroup, detail: string): void {
    if (this.#byKey.has(group.key)) return
    const { ledger, clock } = this.context
    const stream = ledger.streamOf(group)
    const follower = newFollower(group, stream, clock.now())
    follower.attached = true
    follower.goneMs = 0
    const loss = { firstSeq: stream.nextSeq, count: 0, bytes: -1, reason: 'deleted', detail }
    ledger.move(stream, { losses: [...stream.losses, loss] })
    this.#byKey.set(group.key, follower)
    this.wake(follower)
  }

  /** A stream of an earlier run that no source has found: what is open is sent again, and what is asked for is ended. */
  #takeUp(stream: StreamState): void {
    const { group } = stream
    if (this.#byKey.get(group.key)?.stream === stream) return
    const isAskedFor = !stream.closed && this.#options.sources.some((source) => covers(source, group))
    if (!isAskedFor && stream.open.length === 0) return
    const follower = newFollower(group, stream, this.context.clock.now())
    follower.resendOnly = !isAskedFor
    if (isAskedFor) this.#byKey.set(group.key, follower)
    this.wake(follower)
  }

  #lookAtSome(): void {
    if (this.#toLook.length === 0) {
      this.#toLook = [...this.#byKey.values()]
      this.#lookLength = Math.ceil(this.#toLook.length / TICKS_PER_LOOK)
    }
    for (const follower of this.#toLook.splice(-this.#lookLength)) {
      this.#safely(follower, () => lookAtLingering(follower, this.context))
      removeShipped(follower, this.context)
      if (seemsChanged(follower)) this.#touch(follower.group.key)
    }
  }

  /** What the system refuses is told, and tried again. */
  #safely(follower: Follower, look: () => void): void {
    try {
      look()
    } catch (error) {
      tellUnreadable(follower, error, this.context)
    }
  }
}

function seemsChanged(follower: Follower): boolean {
  if (!follower.attached || follower.touched) return false
  const last = follower.files.at(-1)
  try {
    const stats = statSync(follower.group.livePath, { throwIfNoEntry: false })
    if (stats === undefined) return follower.goneMs === undefined
    return last === undefined || fileId(stats) !== last.position.id || stats.size !== last.size
  } catch {
    return true
  }
}

function covers(source: SourceConfig, group: LogGroup): boolean {
  if (source.kind === 'spool') return group.livePath.startsWith(`${source.directory}/`)
  if (source.kind !== group.kind) return false
  if (source.kind === 'pods') {
    const { path, dockerPath = DOCKER_PATH } = source
    return [path, dockerPath].some((one) => group.livePath.startsWith(`${one}/`))
  }
  return source.paths.some((path) => group.livePath === path || group.livePath.startsWith(`${baseOf(path)}/`))
}
