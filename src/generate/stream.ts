import { Moment } from './moment.ts'
import { Random } from './random.ts'
import type { StoryStep } from './incident.ts'

/** Length of a tick: the unit in which the cluster is written and paced. Microseconds. */
export const TICK_US = 100_000

/** Where a stream stands and what it is. `path` is the live file below the directory: it identifies the stream. */
export interface StreamInfo {
  readonly path: string
  readonly class: 'pod' | 'control-plane' | 'ssh'
  readonly format: 'cri' | 'kube-audit' | 'syslog'
  readonly node: string
  /** `namespace`, `pod`, `uid`, `container`, `restart` for pods; nothing for files. */
  readonly names: Readonly<Record<string, string>>
}

/** How a stream speaks. */
export interface Voice {
  /** The next texts, unframed. Several belong together and leave one after the other. */
  readonly make: (random: Random, moment: Moment, record: number) => string | string[]
  /** Sets stamp, host, … in front and the newline behind. */
  readonly frame: (text: string, moment: Moment) => string
  /** Makes a planted text fit for `frame`. */
  readonly plant?: (text: string) => string
}

export interface PlantedRecord {
  readonly id: string
  readonly kind: StoryStep['kind']
  readonly stream: string
  /** Position in the stream, counted from 0 over all of its files. */
  readonly record: number
}

/**
 * One stream's lines, made in order. Line n depends on the seed, the stream and the ticks before, and on nothing else:
 * so a checker makes the same bytes again.
 */
export class Stream {
  readonly info: StreamInfo
  readonly planted: PlantedRecord[] = []
  /** Records made. */
  records = 0
  readonly #voice: Voice
  readonly #random: Random
  readonly #moment = new Moment()
  #group: string[] = []
  #groupAt = 0
  readonly #toPlant: StoryStep[] = []

  constructor(info: StreamInfo, voice: Voice, seed: number) {
    this.info = info
    this.#voice = voice
    this.#random = new Random(`${seed}/${info.path}`)
  }

  plant(steps: readonly StoryStep[]): void {
    this.#toPlant.push(...steps)
  }

  /** Text (latin1, see `utf8`) of the next `count` records, spread over the tick that starts at `startUs`. */
  emit(count: number, startUs: number): string {
    let text = ''
    for (let i = 0; i < count; i++) {
      const dice = this.#random.next()
      this.#moment.set(startUs + Math.floor(((i + dice / 2 ** 32) * TICK_US) / count), dice % 1000)
      text += this.#next()
      this.records++
    }
    return text
  }

  #next(): string {
    if (this.#groupAt < this.#group.length)
      return this.#voice.frame(this.#group[this.#groupAt++]!, this.#moment)
    if (this.#toPlant.length > 0) return this.#nextPlanted()
    const made = this.#voice.make(this.#random, this.#moment, this.records)
    if (typeof made === 'string') return this.#voice.frame(made, this.#moment)
    this.#group = made
    this.#groupAt = 1
    return this.#voice.frame(made[0]!, this.#moment)
  }

  #nextPlanted(): string {
    const step = this.#toPlant.shift()!
    this.planted.push({ id: step.id, kind: step.kind, stream: this.info.path, record: this.records })
    const text = step.text(this.#moment, this.#random)
    return this.#voice.frame(this.#voice.plant?.(text) ?? text, this.#moment)
  }
}
