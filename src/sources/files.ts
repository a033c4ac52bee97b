import { globSync, lstatSync } from 'node:fs'
import { basename, dirname, extname, join, matchesGlob, resolve } from 'node:path'
import type { Clock } from '../ports/clock.ts'
import { type Discovery, type DiscoveryEvents, lookSafely } from './discovery.ts'
import { groupKey, isRotatedName, type LogGroup, rotatedFiles } from './log-group.ts'
import type { FileSource } from './source-config.ts'
import { DirectoryWatch } from './watch-directory.ts'

const SCAN_EVERY_MS = 1_000
/** A glob that is dear to expand is expanded less often: it may take this part of the time. */
const SCAN_SHARE = 20

/** Files by path or glob. What rotation makes of one of them belongs to it and is no file of its own. */
export function discoverFiles(source: FileSource, events: DiscoveryEvents, clock: Clock): Discovery {
  return new FilesDiscovery(source, events, clock)
}

class FilesDiscovery implements Discovery {
  readonly #source: FileSource
  readonly #events: DiscoveryEvents
  readonly #clock: Clock
  readonly #patterns: readonly string[]
  readonly #groups = new Map<string, LogGroup>()
  readonly #watches = new Map<string, DirectoryWatch>()
  readonly #unwatchable = new Set<string>()
  #nextScanMs = 0

  constructor(source: FileSource, events: DiscoveryEvents, clock: Clock) {
    this.#source = source
    this.#events = events
    this.#clock = clock
    this.#patterns = source.paths.map((path) => resolve(path))
  }

  scan(): void {
    const startMs = this.#clock.now()
    lookSafely(`paths ${this.#patterns.join(', ')}`, this.#events, () => this.#lookAtAll())
    const tookMs = this.#clock.now() - startMs
    this.#nextScanMs = startMs + Math.max(SCAN_EVERY_MS, tookMs * SCAN_SHARE)
  }

  tick(): void {
    if (this.#clock.now() >= this.#nextScanMs) this.scan()
  }

  close(): void {
    for (const watch of this.#watches.values()) watch.close()
    this.#watches.clear()
  }

  #lookAtAll(): void {
    for (const pattern of this.#patterns) this.#watch(baseOf(pattern))
    const paths = this.#expand()
    for (const path of this.#groups.keys()) {
      if (!paths.has(path)) this.#leave(path)
    }
    for (const path of paths) this.#take(path)
  }

  #expand(): Set<string> {
    const paths = new Set<string>()
    for (const pattern of this.#patterns) {
      if (!hasWildcard(pattern)) {
        if (lstatSync(pattern, { throwIfNoEntry: false }) !== undefined) paths.add(pattern)
        continue
      }
      for (const path of globSync(pattern)) paths.add(path)
    }
    return withoutRotated(paths, this.#patterns)
  }

  #take(path: string): void {
    if (this.#groups.has(path)) return
    if (hasWildcard(path) || lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return
    const group = this.#groupOf(path)
    this.#groups.set(path, group)
    this.#watch(dirname(path))
    this.#events.onGroup(group)
  }

  #leave(path: string): void {
    const group = this.#groups.get(path)!
    this.#groups.delete(path)
    this.#events.onTouched(group.key)
  }

  #watch(directory: string): void {
    if (this.#watches.has(directory)) return
    if (lstatSync(directory, { throwIfNoEntry: false }) === undefined) return
    const watch = new DirectoryWatch(directory, {
      onChange: (name) => lookSafely(directory, this.#events, () => this.#changed(directory, name)),
      onLost: (code) => {
        this.#watches.delete(directory)
        if (code === 'ENOENT' || this.#unwatchable.has(code)) return
        this.#unwatchable.add(code)
        const message = `cannot watch ${directory} (${code}): new lines are found by scanning, about a second later`
        this.#events.onTrouble(`watch ${code}`, message)
      },
    })
    this.#watches.set(directory, watch)
  }

  #changed(directory: string, name: string | null): void {
    if (name === null) {
      for (const group of this.#groups.values()) {
        if (dirname(group.livePath) === directory) this.#events.onTouched(group.key)
      }
      return
    }
    const path = join(directory, name)
    const known = this.#groups.get(path)
    if (known !== undefined) return this.#events.onTouched(known.key)
    if (!this.#patterns.some((pattern) => pattern === path || matchesGlob(path, pattern))) return
    if (withoutRotated(new Set([path, ...this.#groups.keys()]), this.#patterns).has(path))
      this.#appeared(path)
  }

  #appeared(path: string): void {
    const group = this.#groupOf(path)
    // Between two steps of a rotation it is not there, but what it became is.
    const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined || rotatedFiles(group).length > 0
    if (isThere) return this.#take(path)
    this.#events.onVanished(group, `the file ${path} came and went before it could be opened`)
  }

  #groupOf(livePath: string): LogGroup {
    const { class: className, format } = this.#source
    const names = { path: livePath }
    const pattern = this.#patterns.find((one) => one === livePath || matchesGlob(livePath, one)) ?? livePath
    const root = this.#source.root ?? baseOf(pattern)
    const key = groupKey('file', names)
    return { key, class: className, kind: 'file', format, names, livePath, root, history: false }
  }
}

function hasWildcard(pattern: string): boolean {
  return /[*?[{]/.test(pattern)
}

/** The directory of a path, up to its first wildcard. */
export function baseOf(pattern: string): string {
  const parts = pattern.split('/')
  const wild = parts.findIndex(hasWildcard)
  return wild === -1 ? dirname(pattern) : parts.slice(0, wild).join('/') || '/'
}

/** Leaves out what rotation made of another path of the set, unless it is asked for by its very name. */
function withoutRotated(paths: ReadonlySet<string>, patterns: readonly string[]): Set<string> {
  const kept = new Set<string>()
  for (const path of paths) {
    const foreign = isRotatedOf(path, paths) || path.endsWith('.gz') || path.endsWith('.tmp')
    if (!foreign || patterns.includes(path)) kept.add(path)
  }
  return kept
}

/** Whether another path of the set is the live file of this one. Tries the few names that it could have. */
function isRotatedOf(path: string, paths: ReadonlySet<string>): boolean {
  const directory = dirname(path)
  const name = basename(path)
  const extension = extname(name.endsWith('.gz') ? name.slice(0, -3) : name)
  for (const separator of name.matchAll(/[.-]/g)) {
    const stem = name.slice(0, separator.index)
    for (const live of [stem, stem + extension]) {
      if (isRotatedName(name, live) && paths.has(join(directory, live))) return true
    }
  }
  return false
}
