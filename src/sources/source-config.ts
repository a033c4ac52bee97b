import type { DiscoveryEvents } from './discovery.ts'
import type { LogGroup } from './log-group.ts'

/** What the configuration's `sources:` says, validated by `config/`, and the spools of those that write to one. */
export type SourceConfig = PodsSource | FileSource | SpoolSource

/** The streams of a spool. Files of theirs only grow at their end, and go when they are shipped: by `remove`, never otherwise. */
export interface SpoolSource {
  readonly kind: 'spool'
  /** All its streams are below. */
  readonly directory: string
  groups(): Iterable<LogGroup>
  /** Tells of what comes; one listener at a time. Returns what ends it. */
  watch(events: DiscoveryEvents): () => void
  /** How much of a file (`device:inode`) of a stream is on disk for certain: no more may be read. Infinity where all of it is. */
  safeBytes(key: string, file: string): number
  /** These files are shipped, settled, and nothing will ask for them again. Resolves when they are gone for certain. */
  remove(key: string, paths: readonly string[]): Promise<void>
}

/** Kubernetes' container logs: `<path>/<namespace>_<pod>_<uid>/<container>/<restart>.log`, each with its rotated files. */
export interface PodsSource {
  readonly kind: 'pods'
  readonly class: string
  readonly path: string
  /** @default what the runtime of each container writes: docker-json where its log is docker's, else cri */
  readonly format?: string | undefined
  /** Where docker keeps its containers: logs of pods may lead there. @default /var/lib/docker/containers */
  readonly dockerPath?: string | undefined
}

/** Files by path or glob. Each path is one stream over all its rotations. */
export interface FileSource {
  readonly kind: 'file'
  readonly class: string
  readonly format: string
  readonly paths: readonly string[]
  /**
   * Symbolic links are followed while their target stays inside. `/var/log` lets `/var/log/containers/*` reach
   * `/var/log/pods`. @default the directory of each path, up to its first wildcard
   */
  readonly root?: string
}
