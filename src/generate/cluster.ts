import { STORY_SECONDS, storySteps, type StoryStep } from './incident.ts'
import { nextPod, podPlaces, type Mix, type PodPlace } from './pods.ts'
import { Stream, TICK_US } from './stream.ts'
import { auditVoice, authVoice, containerVoice } from './voices.ts'

/** All that decides the bytes. It stands in the truth, so that a checker makes the same cluster again. */
export interface ClusterOptions {
  readonly seed: number
  /** Time of the first record, milliseconds since the epoch. */
  readonly startMs: number
  readonly nodes: number
  readonly pods: number
  readonly mix: Mix
  readonly churn: boolean
  /** Records a second of the cluster's time, over all streams. */
  readonly ratePerSecond: number
  /** Stop after so many records; null: never by itself. */
  readonly records: number | null
  /** A past that is written first, at its own rate; null: none. */
  readonly history: { readonly ticks: number; readonly records: number } | null
  /** Plant the incident. */
  readonly incident: boolean
}

export interface Emission {
  readonly stream: Stream
  /** latin1, whole records; empty when another stream was asked for. */
  readonly text: string
  readonly records: number
}

export interface Step {
  readonly emissions: readonly Emission[]
  /** Streams that will not go on; `vanishes`: the directory of its pod goes too. */
  readonly ended: readonly { readonly stream: Stream; readonly vanishes: boolean }[]
  /** No step after this one writes anything. */
  readonly last: boolean
}

/** A stream with its part of the whole. */
interface Voiced {
  readonly stream: Stream
  readonly share: number
  /** Records of the whole cluster when it was born. */
  readonly bornAt: number
  emitted: number
  /** Planted records so far: they come on top of its share. */
  extra: number
}

/** A place with what lives in it now. */
interface Housed {
  readonly place: PodPlace
  readonly index: number
  identity: { pod: string; uid: string }
  restart: number
  generation: number
  fromTick: number
  toTick: number
  containers: Voiced[]
}

const AUDIT_SHARE = 0.08
const AUTH_SHARE = 0.02

/**
 * The whole cluster, tick by tick. How many records a stream writes in a tick follows from its share and from the total
 * up to then; the loudest container takes what the others leave, so that the total is exact.
 */
export class Cluster {
  readonly options: ClusterOptions
  tick = 0
  readonly #ticksPlanned: number
  readonly #story: ReadonlyMap<number, readonly StoryStep[]>
  readonly #audit: Voiced
  readonly #auths: readonly Voiced[]
  readonly #places: readonly Housed[]
  /** What the loudest container holds back until the last tick, because the others write in jumps. */
  readonly #margin: number
  #streams = 0
  #emittedByOthers = 0

  constructor(options: ClusterOptions) {
    this.options = options
    this.#ticksPlanned = ticksPlanned(options)
    this.#story = options.incident ? storyByTick(options, this.#ticksPlanned) : new Map()
    this.#margin = options.records === null ? 0 : marginOf(options)
    const { nodes } = options
    const names = Array.from({ length: nodes }, (_, i) => `node-${i + 1}`)
    this.#audit = this.#openFile('node-1', 'control-plane', AUDIT_SHARE)
    this.#auths = names.map((node) => this.#openFile(node, 'ssh', AUTH_SHARE / nodes))
    const share = 1 - AUDIT_SHARE - AUTH_SHARE
    this.#places = podPlaces({ ...options, share }).map((place, index) => ({
      place,
      index,
      identity: nextPod(place, true, index),
      restart: 0,
      generation: 0,
      fromTick: place.life === 'churning' ? place.random.below(lifeTicks(place, this.#ticksPlanned)) : 0,
      toTick: -1,
      containers: [],
    }))
  }

  /** Writes the next tick. With `only`, text is made for that stream alone: counting is cheap, writing is not. */
  step(only?: string): Step {
    const ended: { stream: Stream; vanishes: boolean }[] = []
    const emissions: Emission[] = []
    const total = totalAt(this.options, this.tick)
    const last = this.tick + 1 >= this.#ticksPlanned
    const startUs = this.options.startMs * 1000 + this.tick * TICK_US
    const emit = (voiced: Voiced, count: number): void => {
      if (count <= 0) return
      voiced.emitted += count
      const wanted = only === undefined || only === voiced.stream.info.path
      emissions.push({
        stream: voiced.stream,
        text: wanted ? voiced.stream.emit(count, startUs) : '',
        records: count,
      })
    }
    for (const housed of this.#places) this.#live(housed, total, ended)
    const loudest = this.#places[0]!.containers[0]!
    this.#tellStory(loudest)
    for (const voiced of this.#others(loudest)) {
      const count = 1 + Math.floor(voiced.share * (total - voiced.bornAt)) + voiced.extra - voiced.emitted
      emit(voiced, count)
      this.#emittedByOthers += Math.max(0, count)
    }
    emit(loudest, total - this.#emittedByOthers - (last ? 0 : this.#margin) - loudest.emitted)
    this.tick++
    return { emissions, ended, last }
  }

  *#others(loudest: Voiced): Iterable<Voiced> {
    yield this.#audit
    yield* this.#auths
    for (const { containers } of this.#places) {
      for (const voiced of containers) if (voiced !== loudest) yield voiced
    }
  }

  #tellStory(loudest: Voiced): void {
    for (const step of this.#story.get(this.tick) ?? []) {
      const voiced =
        step.where === 'gateway' ? loudest : step.where === 'audit' ? this.#audit : this.#auths[0]!
      voiced.stream.plant([step])
      voiced.extra++
    }
  }

  /** Ends what has lived long enough in a place, and begins what comes next. */
  #live(housed: Housed, total: number, ended: { stream: Stream; vanishes: boolean }[]): void {
    const { place } = housed
    if (this.tick === housed.toTick) {
      for (const { stream } of housed.containers) ended.push({ stream, vanishes: place.life === 'churning' })
      housed.containers = []
      housed.fromTick =
        this.tick + 1 + place.random.below(Math.max(1, Math.floor(lifeTicks(place, this.#ticksPlanned) / 8)))
      housed.generation++
      if (place.life === 'churning') housed.identity = nextPod(place, false, housed.index)
      else housed.restart++
    }
    if (housed.containers.length === 0 && this.tick >= housed.fromTick) {
      housed.containers = this.#openPod(housed, total)
      housed.toTick =
        place.life === 'steady' ? Number.POSITIVE_INFINITY : this.tick + lifeTicks(place, this.#ticksPlanned)
    }
  }

  #openPod(housed: Housed, total: number): Voiced[] {
    const { place, identity, restart } = housed
    const { namespace } = place.workload
    return place.workload.containers.map(([container, , part], i) => {
      const names = { namespace, ...identity, container, restart: String(restart) }
      const path = `${this.#folder(place.node)}pods/${namespace}_${identity.pod}_${identity.uid}/${container}/${restart}.log`
      const voice = containerVoice(
        { namespace, pod: identity.pod, container },
        this.#streams++,
        place.styles[i]!,
      )
      const stream = new Stream(
        { path, class: 'pod', format: 'cri', node: place.node, names },
        voice,
        this.options.seed,
      )
      return { stream, share: place.share * part, bornAt: total, emitted: 0, extra: 0 }
    })
  }

  #openFile(node: string, kind: 'control-plane' | 'ssh', share: number): Voiced {
    const audit = kind === 'control-plane'
    const path = `${this.#folder(node)}${audit ? 'kubernetes/audit.log' : 'auth.log'}`
    const format = audit ? 'kube-audit' : 'syslog'
    const stamp = Number(node.slice('node-'.length)) % 2 === 1 ? 'iso' : 'rfc3164'
    const voice = audit ? auditVoice() : authVoice(node, stamp)
    const stream = new Stream({ path, class: kind, format, node, names: {} }, voice, this.options.seed)
    return { stream, share, bornAt: 0, emitted: 0, extra: 0 }
  }

  #folder(node: string): string {
    return this.options.nodes === 1 ? '' : `${node}/`
  }
}

/** Fewest records with which every stream speaks and the story is whole. */
export function recordsMin(options: Pick<ClusterOptions, 'pods' | 'nodes' | 'incident'>): number {
  return 2 * marginOf(options)
}

function marginOf({ pods, nodes, incident }: Pick<ClusterOptions, 'pods' | 'nodes' | 'incident'>): number {
  return 4 * pods + 2 * (nodes + 1) + (incident ? storySteps().length : 0)
}

/** Records of the whole cluster up to the end of a tick. */
function totalAt({ history, records, ratePerSecond }: ClusterOptions, tick: number): number {
  const perTick = (ratePerSecond * TICK_US) / 1_000_000
  if (history === null) return Math.min(Math.floor(perTick * (tick + 1)), records ?? Number.MAX_SAFE_INTEGER)
  if (tick < history.ticks) return Math.floor((history.records * (tick + 1)) / history.ticks)
  return history.records + Math.floor(perTick * (tick + 1 - history.ticks))
}

function ticksPlanned(options: ClusterOptions): number {
  if (options.records === null) return Number.POSITIVE_INFINITY
  const perTick = (options.ratePerSecond * TICK_US) / 1_000_000
  let ticks = Math.max(1, Math.floor(options.records / perTick))
  while (totalAt(options, ticks - 1) < options.records) ticks++
  return ticks
}

/** How long the next life in a place is; one in five pods that vanish lives 200 ms only. */
function lifeTicks(place: PodPlace, planned: number): number {
  const { random, life } = place
  if (life === 'churning' && random.once(5)) return 2
  const longest = Number.isFinite(planned) ? Math.min(900, Math.max(4, Math.floor(planned / 4))) : 900
  return random.between(Math.max(2, Math.floor(longest / 4)), longest)
}

/** The story starts at a third of a run and is told faster where the run is short; in a past it ends before the present. */
function storyByTick(options: ClusterOptions, planned: number): Map<number, StoryStep[]> {
  const whole = (STORY_SECONDS * 1_000_000) / TICK_US
  const span = options.history?.ticks ?? (Number.isFinite(planned) ? planned : 1200)
  const length = Math.min(whole, Math.floor(span / 2))
  const start =
    options.history !== null ? Math.floor(span * 0.6) : Number.isFinite(planned) ? Math.floor(span * 0.3) : 50
  const story = new Map<number, StoryStep[]>()
  for (const step of storySteps()) {
    const tick = start + Math.floor((step.atSeconds / STORY_SECONDS) * length)
    story.set(tick, [...(story.get(tick) ?? []), step])
  }
  return story
}
