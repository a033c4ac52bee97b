import { lstatSync, realpathSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock } from '../ports/clock.ts'
import { type Discovery, type DiscoveryEvents, lookSafely } from './discovery.ts'
import { DOCKER_PATH, dockerLogOf } from './docker-log.ts'
import { groupKey, type LogGroup, namesIn, rotatedFiles } from './log-group.ts'
import type { PodsSource } from './source-config.ts'
import { DirectoryWatch } from './watch-directory.ts'

/** Levels of the tree: 0 the root, 1 a pod's directory, 2 a container's. */
type Level = 0 | 1 | 2

interface Directory {
  readonly path: string
  readonly level: Level
  readonly name: string
  readonly parent: Directory | undefined
  readonly children: Map<string, Directory>
  /** Live files seen, by name. */
  readonly files: Map<string, LogGroup>
  /** Of live files that are docker's: their own directories. */
  readonly targets: Map<string, DirectoryWatch>
  readonly bornMs: number
  watch: DirectoryWatch | undefined
  mtimeMs: number
  hadFiles: boolean
}

/** A directory that lived shorter than this without a file being seen may have had one. */
const BRIEF_MS = 2_000
const TICKS_PER_SCAN = 20
const GONE_MAX = 10_000
/** Directory times are as coarse as the kernel's tick: a listing this fresh may miss what came in the same one. */
const MTIME_GRAIN_MS = 50

/**
 * Kubernetes' container logs. Each directory has its own watch, set before it is listed, so that nothing falls between; a
 * scan about every second looks at directories whose time has changed, for what the watches missed.
 */
export function discoverPods(source: PodsSource, events: DiscoveryEvents, clock: Clock): Discovery {
  return new PodsDiscovery(source, events, clock)
}

class PodsDiscovery implements Discovery {
  readonly #source: PodsSource
  readonly #events: DiscoveryEvents
  readonly #clock: Clock
  /** Paths that were seen and are gone, or were declared: the late event of their removal says nothing new. In order of age. */
  readonly #gone = new Set<string>()
  #root: Directory | undefined
  #queue: Directory[] = []
  #sliceLength = 1

  constructor(source: PodsSource, events: DiscoveryEvents, clock: Clock) {
    this.#source = source
    this.#events = events
    this.#clock = clock
  }

  scan(): void {
    lookSafely(this.#source.path, this.#events, () => this.#lookRoot())
    for (const directory of this.#all()) this.#lookAgain(directory)
  }

  tick(): void {
    if (this.#queue.length === 0) {
      lookSafely(this.#source.path, this.#events, () => this.#lookRoot())
      this.#queue = this.#all()
      this.#sliceLength = Math.ceil(this.#queue.length / TICKS_PER_SCAN)
    }
    for (const directory of this.#queue.splice(-this.#sliceLength)) this.#lookAgain(directory)
  }

  close(): void {
    for (const directory of this.#all()) closeWatches(directory)
    this.#root = undefined
  }

  #lookAgain(directory: Directory): void {
    lookSafely(directory.path, this.#events, () => this.#lookIfChanged(directory))
  }

  #lookRoot(): void {
    if (this.#root !== undefined) return
    const { path } = this.#source
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
      return this.#events.onTrouble(
        `${path} missing`,
        `the directory ${path} is not there; it is looked for again`,
      )
    }
    this.#events.onFine(`${path} missing`)
    this.#root = this.#open(path, '', undefined)
    this.#look(this.#root)
  }

  #all(): Directory[] {
    if (this.#root === undefined) return []
    const all = [this.#root]
    for (const directory of all) all.push(...directory.children.values())
    return all
  }

  #open(path: string, name: string, parent: Directory | undefined): Directory {
    const level = (parent === undefined ? 0 : parent.level + 1) as Level
    const directory: Directory = {
      path,
      level,
      name,
      parent,
      children: new Map(),
      files: new Map(),
      targets: new Map(),
      bornMs: this.#clock.now(),
      watch: undefined,
      mtimeMs: -1,
      hadFiles: false,
    }
    directory.watch = new DirectoryWatch(path, {
      onChange: (changed) => lookSafely(path, this.#events, () => this.#changed(directory, changed)),
      onLost: (code) => {
        directory.watch = undefined
        if (code === 'ENOENT') return
        const message = `cannot watch directories (${code}): new files are found by scanning, about a second later`
        this.#events.onTrouble(`watch ${code}`, message)
      },
    })
    return directory
  }

  #changed(directory: Directory, name: string | null): void {
    if (name === null) return directory.level === 2 ? this.#look(directory) : this.#lookIfChanged(directory)
    if (directory.level === 2) return this.#fileChanged(directory, name)
    const child = directory.children.get(name)
    if (child === undefined) this.#addChild(directory, name)
    else this.#lookIfChanged(child)
  }

  #fileChanged(directory: Directory, name: string): void {
    const known = directory.files.get(name)
    if (known !== undefined) return this.#events.onTouched(known.key)
    if (isLiveName(name)) this.#addFile(directory, name)
    else for (const group of directory.files.values()) this.#events.onTouched(group.key)
  }

  #lookIfChanged(directory: Directory): void {
    const stats = statSync(directory.path, { throwIfNoEntry: false })
    if (stats === undefined) return this.#remove(directory)
    if (stats.mtimeMs === directory.mtimeMs && directory.watch !== undefined) return
    this.#look(directory)
    const settled = this.#clock.now() - stats.mtimeMs > MTIME_GRAIN_MS
    directory.mtimeMs = settled ? stats.mtimeMs : -1
  }

  #look(directory: Directory): void {
    const names = namesIn(directory.path)
    if (directory.level === 2) return this.#lookFiles(directory, names)
    const present = new Set(names)
    for (const child of directory.children.values()) {
      if (!present.has(child.name)) this.#remove(child)
    }
    for (const name of names) if (!directory.children.has(name)) this.#addChild(directory, name)
  }

  #lookFiles(directory: Directory, names: readonly string[]): void {
    const present = new Set(names)
    for (const [name, group] of directory.files) {
      this.#events.onTouched(group.key)
      if (present.has(name)) continue
      directory.files.delete(name)
      directory.targets.get(name)?.close()
      directory.targets.delete(name)
      this.#isGone(join(directory.path, name))
    }
    const live = names.filter((name) => isLiveName(name) && !directory.files.has(name))
    for (const name of live.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)))
      this.#addFile(directory, name)
  }

  #addChild(directory: Directory, name: string): void {
    const path = join(directory.path, name)
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return this.#cameAndWent(directory, name)
    if (!stats.isDirectory() && !stats.isSymbolicLink()) return
    if (stats.isSymbolicLink() && !this.#leadsInside(path)) return
    this.#gone.delete(path)
    const child = this.#open(path, name, directory)
    directory.children.set(name, child)
    lookSafely(path, this.#events, () => this.#look(child))
  }

  #leadsInside(path: string): boolean {
    const target = realpathOrUndefined(path)
    const root = realpathOrUndefined(this.#source.path)
    if (target === undefined || root === undefined) return false
    if (target.startsWith(`${root}/`))
      return statSync(target, { throwIfNoEntry: false })?.isDirectory() === true
    this.#events.onTrouble(path, `${path} is a symbolic link that leaves ${root}: it is not followed`)
    return false
  }

  #addFile(directory: Directory, name: string): void {
    const path = join(directory.path, name)
    const group = this.#groupOf(path, directory, name.slice(0, -4))
    // Between two steps of a rotation it is not there, but what it became is.
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined && rotatedFiles(group).length === 0) {
      return this.#declareVanished(path, group, `the file ${path} came and went before it could be opened`)
    }
    this.#gone.delete(path)
    directory.files.set(name, group)
    directory.hadFiles = true
    if (directory.parent !== undefined) directory.parent.hadFiles = true
    if (group.livePath !== path) directory.targets.set(name, this.#watchTarget(group))
    this.#events.onGroup(group)
  }

  #watchTarget(group: LogGroup): DirectoryWatch {
    return new DirectoryWatch(dirname(group.livePath), {
      onChange: () => this.#events.onTouched(group.key),
      // Each quiet file is looked at about once a second all the same.
      onLost: () => undefined,
    })
  }

  #remove(directory: Directory): void {
    for (const child of directory.children.values()) this.#remove(child)
    closeWatches(directory)
    for (const group of directory.files.values()) this.#events.onTouched(group.key)
    if (directory === this.#root) this.#root = undefined
    if (!directory.parent?.children.delete(directory.name)) return
    const brief = this.#clock.now() - directory.bornMs < BRIEF_MS
    if (brief && !directory.hadFiles) this.#cameAndWent(directory.parent, directory.name)
    else this.#isGone(directory.path)
  }

  #cameAndWent(parent: Directory, name: string): void {
    const path = join(parent.path, name)
    const placeholder = { name, parent, level: parent.level + 1 } as Directory
    const group = this.#groupOf(join(path, 'unknown.log'), placeholder, '')
    this.#declareVanished(path, group, `the directory ${path} came and went before its files could be opened`)
  }

  #declareVanished(path: string, group: LogGroup, detail: string): void {
    if (this.#gone.has(path)) return
    this.#isGone(path)
    this.#events.onVanished(group, detail)
  }

  #isGone(path: string): void {
    this.#gone.delete(path)
    this.#gone.add(path)
    if (this.#gone.size > GONE_MAX) this.#gone.delete(this.#gone.values().next().value!)
  }

  #groupOf(livePath: string, directory: Directory, restart: string): LogGroup {
    const container = directory.level === 2 ? directory.name : ''
    const names = {
      ...podNames(directory.level === 2 ? directory.parent!.name : directory.name),
      container,
      restart,
    }
    const { class: className, path, dockerPath = DOCKER_PATH } = this.#source
    const key = groupKey('pods', names)
    const target = dockerLogOf(livePath)
    const format = this.#source.format ?? (target === undefined ? 'cri' : 'docker-json')
    const place = target === undefined ? { livePath, root: path } : { livePath: target, root: dockerPath }
    return { key, class: className, kind: 'pods', format, names, ...place, history: true }
  }
}

function closeWatches(directory: Directory): void {
  directory.watch?.close()
  for (const watch of directory.targets.values()) watch.close()
}

function isLiveName(name: string): boolean {
  return /^\d+\.log$/.test(name)
}

/** `<namespace>_<pod>_<uid>`; none of the three can hold `_`. What looks otherwise is still read, under its own name. */
export function podNames(directory: string): { namespace: string; pod: string; uid: string } {
  const parts = directory.split('_')
  if (parts.length !== 3) return { namespace: '', pod: directory, uid: '' }
  return { namespace: parts[0]!, pod: parts[1]!, uid: parts[2]! }
}

function realpathOrUndefined(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}
