/** What the configuration's `sources:` says. Validated by `config/`. */
export type SourceConfig = PodsSource | FileSource

/** Kubernetes' container logs: `<path>/<namespace>_<pod>_<uid>/<container>/<restart>.log`, each with its rotated files. */
export interface PodsSource {
  readonly kind: 'pods'
  readonly class: string
  readonly path: string
  /** @default 'cri' */
  readonly format?: string
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
