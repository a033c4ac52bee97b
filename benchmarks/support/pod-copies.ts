import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'

/** `<namespace>_<pod>_<uid>/<container>/<restart>.log` */
interface PodFile {
  readonly pod: string
  readonly container: string
  readonly file: string
}

/** All copies differ, whatever they are copies of. */
let copies = 0

/**
 * Copies of the container logs below `from`, as pods of their own: so that a shipper meets them for the first time. They appear
 * whole in `to`, and at once.
 */
export class PodCopies {
  readonly #from: string
  readonly #files: readonly PodFile[]
  readonly bytes: number
  readonly lines: number

  constructor(from: string) {
    this.#from = from
    this.#files = podFiles(from)
    let [bytes, lines] = [0, 0]
    for (const { pod, container, file } of this.#files) {
      const content = readFileSync(join(from, pod, container, file))
      bytes += content.length
      for (let at = content.indexOf(0x0a); at >= 0; at = content.indexOf(0x0a, at + 1)) lines++
    }
    this.bytes = bytes
    this.lines = lines
  }

  /** Copies beside the place where they are to appear; `appear` lets them. */
  prepare(staging: string): { readonly appear: (to: string) => void } {
    const tag = String(copies++).padStart(6, '0')
    const directory = join(staging, tag)
    for (const { pod, container, file } of this.#files) {
      const into = join(directory, `${pod.slice(0, -6)}${tag}`, container)
      mkdirSync(into, { recursive: true })
      copyFileSync(join(this.#from, pod, container, file), join(into, file))
    }
    return {
      appear(to) {
        mkdirSync(to, { recursive: true })
        for (const pod of readdirSync(directory)) renameSync(join(directory, pod), join(to, pod))
      },
    }
  }
}

function podFiles(from: string): PodFile[] {
  if (!existsSync(from)) return []
  return readdirSync(from).flatMap((pod) =>
    readdirSync(join(from, pod)).flatMap((container) =>
      readdirSync(join(from, pod, container)).map((file) => ({ pod, container, file })),
    ),
  )
}
