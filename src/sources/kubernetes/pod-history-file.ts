import { appendFile, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { PodSpan } from '../../core/enrichment.ts'
import type { Clock } from '../../ports/clock.ts'
import { ownersOf, type PodObject } from './pod-object.ts'
import type { ApiObject, WatchOptions } from './resource-watch.ts'

/** Which pod had which address, and when: a line each time that is known better. The last line of a pod and address holds. */
export class PodHistoryFile {
  readonly #path: string
  readonly #clock: Clock
  /** By uid and address: those that have it now. */
  readonly #open = new Map<string, PodSpan>()

  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#clock = clock
  }

  readonly handlers: Pick<WatchOptions, 'onList' | 'onChanges'> = {
    onList: async (objects, { first }) => {
      const lines = objects.flatMap((object) => this.#begin(object as PodObject))
      if (first) {
        const there = new Set(objects.map(({ metadata }) => metadata.uid))
        for (const span of this.#open.values()) if (!there.has(span.uid)) lines.push(this.#end(span))
      }
      await this.#append(lines)
    },
    onChanges: async (changes) => {
      const lines = changes.flatMap(({ type, object }) => {
        if (type !== 'DELETED' && !isOver(object)) return this.#begin(object)
        return [...this.#open.values()]
          .filter(({ uid }) => uid === object.metadata.uid)
          .map((span) => this.#end(span))
      })
      await this.#append(lines)
    },
  }

  #begin(pod: PodObject): PodSpan[] {
    // Pods with the node's own address are no owners of it.
    if (pod.spec?.hostNetwork === true || isOver(pod)) return []
    const { uid, name, namespace = '' } = pod.metadata
    const ips = pod.status?.podIPs?.flatMap(({ ip }) => (ip === undefined ? [] : [ip])) ?? []
    return ips.flatMap((ip) => {
      const key = `${uid} ${ip}`
      if (this.#open.has(key)) return []
      const started = Date.parse(pod.status?.startTime ?? '')
      const owner = ownersOf(pod).at(-1)
      const span: PodSpan = {
        ip,
        fromMs: Number.isNaN(started) ? this.#clock.now() : started,
        namespace,
        name,
        uid,
        ...(pod.spec?.nodeName === undefined ? {} : { node: pod.spec.nodeName }),
        ...(owner === undefined ? {} : { workload: owner }),
      }
      this.#open.set(key, span)
      return [span]
    })
  }

  #end(span: PodSpan): PodSpan {
    this.#open.delete(`${span.uid} ${span.ip}`)
    return { ...span, toMs: this.#clock.now() }
  }

  async #append(lines: readonly PodSpan[]): Promise<void> {
    if (lines.length === 0) return
    await mkdir(dirname(this.#path), { recursive: true })
    await appendFile(this.#path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  }
}

function isOver(object: ApiObject): boolean {
  const { phase } = (object as PodObject).status ?? {}
  return phase === 'Succeeded' || phase === 'Failed'
}
