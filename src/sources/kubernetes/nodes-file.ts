import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { NodeFacts } from '../../core/enrichment.ts'
import type { ApiObject, WatchOptions } from './resource-watch.ts'

interface NodeObject extends ApiObject {
  readonly spec?: {
    readonly unschedulable?: boolean
    readonly taints?: readonly { readonly key?: string; readonly value?: string; readonly effect?: string }[]
  }
}

const ROLE = 'node-role.kubernetes.io/'

export function nodeFacts(object: ApiObject): NodeFacts {
  const { spec, metadata } = object as NodeObject
  const labels = (metadata as { labels?: Record<string, string> }).labels ?? {}
  return {
    roles: Object.keys(labels)
      .filter((name) => name.startsWith(ROLE))
      .map((name) => name.slice(ROLE.length)),
    labels,
    taints: (spec?.taints ?? []).map(
      ({ key = '', value, effect = '' }) => `${key}${value === undefined ? '' : `=${value}`}:${effect}`,
    ),
    ...(spec?.unschedulable === true ? { unschedulable: true } : {}),
  }
}

/** Nodes with role, labels and taints, in one file of JSON that is replaced as a whole. */
export class NodesFile {
  readonly #path: string
  #nodes = new Map<string, NodeFacts>()

  constructor(path: string) {
    this.#path = path
  }

  readonly handlers: Pick<WatchOptions, 'onList' | 'onChanges'> = {
    onList: async (objects, { first, last }) => {
      if (first) this.#nodes = new Map()
      for (const object of objects) this.#nodes.set(object.metadata.name, nodeFacts(object))
      if (last) await this.#write()
    },
    onChanges: async (changes) => {
      for (const { type, object } of changes) {
        if (type === 'DELETED') this.#nodes.delete(object.metadata.name)
        else this.#nodes.set(object.metadata.name, nodeFacts(object))
      }
      await this.#write()
    },
  }

  async #write(): Promise<void> {
    const sorted = [...this.#nodes].sort(([a], [b]) => (a < b ? -1 : 1))
    await mkdir(dirname(this.#path), { recursive: true })
    await writeFile(`${this.#path}.new`, `${JSON.stringify(Object.fromEntries(sorted), undefined, 1)}\n`)
    await rename(`${this.#path}.new`, this.#path)
  }
}
