import { readlinkSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'

/**
 * Where a runtime is docker (cri-dockerd), what stands in a pod's directory is a symbolic link to the file that docker writes and rotates
 * itself: `<data root>/containers/<id>/<id>-json.log`, then `.1`, `.2`, …, perhaps with `.gz`. containerd and CRI-O write there themselves.
 */
export const DOCKER_PATH = '/var/lib/docker/containers'

/** Docker's own file that this path leads to; undefined: the path is the log. */
export function dockerLogOf(path: string): string | undefined {
  try {
    const target = resolve(dirname(path), readlinkSync(path))
    return isDockerLog(target) ? target : undefined
  } catch {
    return undefined
  }
}

export function isDockerLog(path: string): boolean {
  return basename(path).endsWith('-json.log')
}
