import { RangeSet } from '../../src/core/ranges.ts'

/**
 * A small model of the way of a log line: one stream from a source through shipper, raw bus, process, events bus and store,
 * with everything that may go wrong, and nothing of the real code but `RangeSet`. It exists to show that the *rules* of
 * identity, order and settling hold: each record is in the store exactly once, whatever happens and in whatever order.
 *
 * The rules it models (docs/architecture.md, "Identity, order, settling"):
 * - cuts are journaled before they are published, and sent again with exactly those cuts;
 * - a reader's carry ends by its own limits or by marks, never by a clock;
 * - a *clean boundary* is a batch after which the carry is empty. Batches settle up to a clean boundary, all together, when
 *   all that was made of them is stored: so a reader always starts again where it needs no carry, and makes the same events;
 * - limits cut an event's text, never the event; and the carry is closed where the stream's own position crosses a multiple of
 *   the span. Both depend on the stream alone and not on where a reader began, so a reader that begins anywhere (a repeat
 *   on the bus) makes events that are each a part of one that the undisturbed reader makes: known to the store as a whole.
 */
export interface Cut {
  readonly firstSeq: number
  readonly count: number
  readonly mark: boolean
  /** Records that were gone when the cut had to be sent again. */
  lost: boolean
}

interface Part {
  readonly lane: 0 | 1
  readonly end: boolean
}

export interface ModelEvent {
  readonly id: number
  readonly records: readonly number[]
  readonly kind: 'event' | 'lost'
}

export interface WorldOptions {
  /** `embedded`: one process, a bus without a disk. `distributed`: every part dies alone, buses are logs. */
  readonly shape: 'embedded' | 'distributed'
  readonly random: () => number
  readonly records: number
  /** May the source lose bytes that are journaled and not yet settled? */
  readonly lossy: boolean
}

/** Records here, bytes in reality. */
const SPAN = 9

/** The pure reader: what `process` is to real batches. */
export class Reader {
  readonly #lanes: [number[], number[]] = [[], []]
  nextSeq: number | undefined

  read(cut: Cut, parts: readonly Part[]): { events: ModelEvent[]; clean: boolean } {
    const events: ModelEvent[] = []
    for (let seq = cut.firstSeq; seq < cut.firstSeq + cut.count; seq++) {
      if (cut.lost) events.push({ id: seq, records: [seq], kind: 'lost' })
      else this.#take(seq, parts[seq]!, events)
    }
    const crossed = Math.floor(cut.firstSeq / SPAN) !== Math.floor((cut.firstSeq + cut.count) / SPAN)
    if (cut.mark || cut.lost || crossed) this.#close(events)
    const clean = this.#lanes[0].length === 0 && this.#lanes[1].length === 0
    this.nextSeq = cut.firstSeq + cut.count
    return { events, clean }
  }

  #take(seq: number, part: Part, events: ModelEvent[]): void {
    const lane = this.#lanes[part.lane]
    lane.push(seq)
    if (part.end) events.push(eventOf(lane.splice(0)))
  }

  #close(events: ModelEvent[]): void {
    for (const lane of this.#lanes) if (lane.length > 0) events.push(eventOf(lane.splice(0)))
  }
}

function eventOf(records: number[]): ModelEvent {
  return { id: records[0]!, records, kind: 'event' }
}

interface RawMessage {
  readonly cut: number
  acked: boolean
}

interface EventMessage {
  readonly events: readonly ModelEvent[]
  readonly batch: OpenBatch
}

/** A raw message that `process` has read in this assignment. */
interface OpenBatch {
  readonly message: RawMessage
  clean: boolean
  stored: boolean
}

export class World {
  readonly parts: Part[] = []
  /** On disk. */
  readonly journal: Cut[] = []
  readonly store = {
    events: new Map<number, ModelEvent>(),
    covered: new RangeSet(),
    writes: 0,
    duplicates: 0,
  }
  crashes = 0
  #checkpoint = 0
  #written = 0
  /** In memory of the shipper. */
  #unflushed: Cut[] = []
  #published = 0
  #settledCuts = new Set<number>()
  /** The raw bus; `#committed` is the consumer's offset, durable when distributed. */
  #raw: RawMessage[] = []
  #committed = 0
  /** In memory of `process`. */
  #reader = new Reader()
  #next = 0
  #open: OpenBatch[] = []
  #events: EventMessage[] = []
  readonly #options: WorldOptions

  constructor(options: WorldOptions) {
    this.#options = options
  }

  get done(): boolean {
    const drained =
      this.#committed === this.#raw.length && this.#events.length === 0 && this.#unflushed.length === 0
    const shipped = this.#checkpoint === this.journal.length && this.#cutEnd() === this.#written
    return this.#written === this.#options.records && shipped && drained
  }

  /** One random step of one random part. */
  step(): void {
    const steps = [
      () => this.#write(),
      () => this.#cut(),
      () => this.#flush(),
      () => this.#publish(),
      () => this.#process(),
      () => this.#store(),
      () => this.#store(),
      () => this.#checkpointStep(),
    ]
    steps[this.#below(steps.length)]!()
  }

  /** Something goes wrong. */
  harm(): void {
    const harms = [
      () => this.#crashShipper(),
      () => this.#crashProcess(),
      () => this.#zombie(),
      () => this.#loseAnswer(),
    ]
    if (this.#options.lossy) harms.push(() => this.#loseSource())
    harms[this.#below(harms.length)]!()
  }

  /** Nothing more is written; a mark says so, as the shipper does once a pause. */
  idle(): void {
    if (this.#cutEnd() === this.#written && this.#unflushed.length === 0) {
      this.journal.push({ firstSeq: this.#written, count: 0, mark: true, lost: false })
    }
  }

  #write(): void {
    if (this.#written === this.#options.records) return
    this.parts.push({ lane: this.#below(2) as 0 | 1, end: this.#below(3) > 0 })
    this.#written++
  }

  #cutEnd(): number {
    const last = this.#unflushed.at(-1) ?? this.journal.at(-1)
    return last === undefined ? 0 : last.firstSeq + last.count
  }

  #cut(): void {
    const firstSeq = this.#cutEnd()
    const count = Math.min(this.#written - firstSeq, this.#below(5))
    const mark = count === 0 ? this.#below(4) === 0 : this.#below(12) === 0
    if (count > 0 || mark) this.#unflushed.push({ firstSeq, count, mark, lost: false })
  }

  #flush(): void {
    this.journal.push(...this.#unflushed.splice(0))
  }

  #publish(): void {
    if (this.#published >= this.journal.length) return
    this.#raw.push({ cut: this.#published++, acked: false })
    if (this.#options.shape === 'distributed') this.#settledCuts.add(this.#published - 1)
  }

  /** `process` reads the next message; what it has read already in this assignment is a repeat. */
  #process(): void {
    const message = this.#raw[this.#next]
    if (!message) return
    this.#next++
    const cut = this.journal[message.cut]!
    const repeat =
      this.#reader.nextSeq !== undefined &&
      cut.firstSeq + cut.count <= this.#reader.nextSeq &&
      cut.firstSeq < this.#reader.nextSeq
    if (repeat) {
      this.#open.push({ message, clean: this.#open.at(-1)?.clean ?? true, stored: true })
      return
    }
    const { events, clean } = this.#reader.read(cut, this.parts)
    const batch: OpenBatch = { message, clean, stored: events.length === 0 }
    this.#open.push(batch)
    if (events.length > 0) this.#events.push({ events, batch })
    this.#settle()
  }

  /** The store takes any message that waits: those of one stream may overtake each other when they are sent again. */
  #store(): void {
    const message = this.#events.splice(this.#below(this.#events.length), 1)[0]
    if (!message) return
    this.#commit(message)
    message.batch.stored = true
    this.#settle()
  }

  #commit(message: EventMessage): void {
    for (const event of message.events) {
      const known = event.records.every((seq) => this.store.covered.has(seq, seq))
      if (known) {
        this.store.duplicates++
        continue
      }
      if (this.store.events.has(event.id) || event.records.some((seq) => this.store.covered.has(seq, seq))) {
        throw new Error(`event ${event.id} overlaps what is stored: ${event.records.join(',')}`)
      }
      this.store.events.set(event.id, event)
      for (const seq of event.records) this.store.covered.add(seq, seq)
      this.store.writes++
    }
  }

  /** Acknowledges raw messages up to the last clean boundary before which all is stored. */
  #settle(): void {
    let boundary = -1
    for (let i = 0; i < this.#open.length && this.#open[i]!.stored; i++)
      if (this.#open[i]!.clean) boundary = i
    if (boundary < 0) return
    for (const batch of this.#open.splice(0, boundary + 1)) {
      batch.message.acked = true
      if (this.#options.shape === 'embedded') this.#settledCuts.add(batch.message.cut)
    }
    while (this.#raw[this.#committed]?.acked) this.#committed++
  }

  #checkpointStep(): void {
    while (this.#settledCuts.has(this.#checkpoint)) this.#checkpoint++
  }

  /** Embedded, everything dies with it. */
  #crashShipper(): void {
    this.crashes++
    this.#unflushed = []
    this.#settledCuts = new Set()
    this.#published = this.#checkpoint
    if (this.#options.shape === 'embedded') {
      this.#raw = []
      this.#committed = 0
      this.#restartReader()
    }
  }

  #crashProcess(): void {
    if (this.#options.shape === 'embedded') return this.#crashShipper()
    this.crashes++
    this.#restartReader()
  }

  #restartReader(): void {
    this.#reader = new Reader()
    this.#next = this.#committed
    this.#open = []
    this.#events = []
  }

  /** A reassignment: the old worker's results still reach the store, but settle nothing. */
  #zombie(): void {
    if (this.#options.shape === 'embedded') return
    const late = this.#events
    this.#restartReader()
    for (const message of late) if (this.#below(2) === 0) this.#commit(message)
  }

  /** The store has committed, its answer is lost: the same is sent again. */
  #loseAnswer(): void {
    const message = this.#events[this.#below(this.#events.length)]
    if (message) this.#commit(message)
  }

  /** The source's bytes of cuts that nobody has published since the restart are gone: they become a declared loss. */
  #loseSource(): void {
    if (this.#options.shape === 'distributed') return
    this.#crashShipper()
    const first = this.#checkpoint
    if (first < this.journal.length && this.#below(2) === 0) this.journal[first]!.lost = true
  }

  #below(limit: number): number {
    return Math.floor(this.#options.random() * limit)
  }
}
