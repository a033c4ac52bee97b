import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload, IHeaders, KafkaMessage } from 'kafkajs'
import { DecklogError } from '../../core/errors.ts'
import type { Account } from './account.ts'
import type { AdminClient } from './admin-client.ts'
import { type Client, openClient, RETRY } from './client.ts'
import { Complaints } from './complaints.ts'
import type { Deliveries } from './deliveries.ts'
import { judge, translate } from './errors.ts'
import { formerMember } from './former-member.ts'
import { groupIdOf, type KafkaBusOptions } from './options.ts'
import { PartitionWindow } from './partition-window.ts'
import { marksOf, startOf } from './start-offsets.ts'

const HEARTBEAT_MS = 1_000
/** How long the brokers keep an empty fetch: a close waits for it. */
const FETCH_WAIT_MS = 250
const RESTART_MS_MIN = 500
const RESTART_MS_MAX = 2_000
const CLOSE_TIMEOUT_MS = 5_000
const LAST_COMMIT_MS = 2_000

export interface GroupConsumerOptions {
  readonly bus: KafkaBusOptions
  readonly admin: AdminClient
  readonly group: string
  readonly topic: string
  readonly account: Account
  readonly deliveries: (onMoved: () => void) => Deliveries
  readonly nextAssignment: () => number
}

/** One life of a kafkajs consumer: it ends with a failure, or when the watchdog gives it up. */
interface Life {
  readonly client: Client
  readonly consumer: Consumer
  readonly former: ReturnType<typeof formerMember>
  readonly ended: PromiseWithResolvers<void>
  memberId: string
  /** When kafkajs last asked the brokers for anything. */
  activeMs: number
}

/**
 * The share that this process has of one topic, as a member of a consumer group. The group is the topic's own, so that a topic in
 * trouble rebalances nobody else.
 *
 * Nothing is ever paused for want of room: the batch handler waits, with heartbeats, and no more is fetched meanwhile. A partition
 * is paused only between its assignment and the answer to where it starts.
 */
export class GroupConsumer {
  readonly #options: GroupConsumerOptions
  readonly #groupId: string
  readonly #deliveries: Deliveries
  readonly #complaints: Complaints
  readonly #windows = new Map<number, PartitionWindow>()
  readonly #stop = new AbortController()
  readonly #joined = Promise.withResolvers<void>()
  #life: Life | undefined
  /** Of a life that failed: it may still be in the group. */
  #formerMemberId = ''
  #lives: Promise<void> | undefined
  #committing: Promise<void> | undefined
  #isCommitDue = false

  constructor(options: GroupConsumerOptions) {
    this.#options = options
    this.#groupId = groupIdOf(options.bus, options.group, options.topic)
    this.#deliveries = options.deliveries(() => this.#commitSoon())
    this.#complaints = new Complaints(options.bus.log, options.bus.clock)
    this.#joined.promise.catch(() => {})
  }

  get windows(): ReadonlyMap<number, PartitionWindow> {
    return this.#windows
  }

  get topic(): string {
    return this.#options.topic
  }

  get group(): string {
    return this.#options.group
  }

  /** Whether kafkajs still works for it. */
  get activeMs(): number {
    return this.#life?.activeMs ?? this.#options.bus.clock.now()
  }

  /** Resolves when it is a member of its group; rejects with what somebody must mend. Goes on until `close`. */
  start(): Promise<void> {
    this.#lives ??= this.#live()
    return this.#joined.promise
  }

  /** Gives up the present connection and membership: a new one is made at once. */
  restart(): void {
    this.#life?.ended.resolve()
  }

  async close(): Promise<void> {
    const life = this.#life
    this.#stop.abort()
    this.#options.account.wake()
    await this.#lastCommit()
    for (const window of this.#windows.values()) this.#deliveries.lose(window)
    this.#windows.clear()
    this.#deliveries.close()
    life?.ended.resolve()
    this.#joined.reject(new DecklogError('closed', `the subscription to ${this.topic} was closed`))
    await this.#lives
  }

  async #live(): Promise<void> {
    const { clock, log, telemetry } = this.#options.bus
    for (let pauseMs = RESTART_MS_MIN; !this.#stop.signal.aborted; ) {
      const startedMs = clock.now()
      try {
        await this.#liveOnce()
      } catch (error) {
        this.#complain(error)
      }
      if (this.#stop.signal.aborted) return
      telemetry?.add('decklog_bus_reconnects_total', 1, { topic: this.topic, group: this.group })
      if (clock.now() - startedMs > 60_000) pauseMs = RESTART_MS_MIN
      log.debug({ topic: this.topic, group: this.group, pauseMs }, 'the consumer starts anew')
      await clock.sleep(pauseMs * (0.5 + Math.random() / 2), this.#stop.signal).catch(() => {})
      pauseMs = Math.min(pauseMs * 2, RESTART_MS_MAX)
    }
  }

  /** Rejects when the consumer fails; resolves when it is to end. */
  async #liveOnce(): Promise<void> {
    const life = this.#open()
    this.#life = life
    try {
      await life.consumer.connect()
      await life.consumer.subscribe({ topics: [this.topic], fromBeginning: true })
      if (this.#formerMemberId !== '') await life.former.leave(this.#groupId, this.#formerMemberId)
      this.#formerMemberId = ''
      await life.consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: (payload) => this.#eachBatch(life, payload),
      })
      await life.ended.promise
    } finally {
      this.#life = undefined
      if (life.memberId !== '') this.#formerMemberId = life.memberId
      this.#loseAll()
      await disconnect(life)
    }
  }

  #open(): Life {
    const { bus, account } = this.#options
    const client = openClient(bus)
    const fetchBytesMax = bus.fetchBytesMax ?? clamp(account.bytesMax / 4, 256 * 1024, 8 * 1024 * 1024)
    const former = formerMember()
    const consumer = client.kafka.consumer({
      groupId: this.#groupId,
      partitionAssigners: [former.assigner],
      sessionTimeout: bus.sessionTimeoutMs ?? 10_000,
      rebalanceTimeout: bus.rebalanceTimeoutMs ?? 20_000,
      heartbeatInterval: HEARTBEAT_MS,
      maxBytes: fetchBytesMax,
      maxBytesPerPartition: Math.min(fetchBytesMax, 4 * 1024 * 1024),
      maxWaitTimeInMs: FETCH_WAIT_MS,
      allowAutoTopicCreation: false,
      // Long enough for a broker to start again: a member that survives it keeps its partitions, and what it has in hand.
      retry: { ...RETRY, retries: 30, restartOnFailure: () => Promise.resolve(false) },
    })
    const life: Life = {
      client,
      consumer,
      former,
      ended: Promise.withResolvers<void>(),
      memberId: '',
      activeMs: bus.clock.now(),
    }
    life.ended.promise.catch(() => {})
    const onActivity = (): void => void (life.activeMs = bus.clock.now())
    consumer.on(consumer.events.FETCH, onActivity)
    consumer.on(consumer.events.HEARTBEAT, onActivity)
    consumer.on(consumer.events.GROUP_JOIN, (event) => this.#onJoin(life, event))
    consumer.on(consumer.events.REBALANCING, () => void this.#commit(life))
    // kafkajs would go on with a connection whose other end is gone.
    consumer.on(consumer.events.REQUEST_TIMEOUT, ({ payload }) => client.sockets.cut(payload.broker))
    consumer.on(consumer.events.CRASH, ({ payload }) => life.ended.reject(payload.error))
    return life
  }

  /**
   * Partitions that this member keeps go on where they are; a member that had to come back under a new name may have been
   * replaced meanwhile, and keeps nothing.
   */
  #onJoin(life: Life, { payload }: ConsumerGroupJoinEvent): void {
    if (life !== this.#life || this.#stop.signal.aborted) return
    const { bus, nextAssignment } = this.#options
    const { topic } = this
    life.activeMs = bus.clock.now()
    const isSameMember = life.memberId === payload.memberId
    life.memberId = payload.memberId
    const owned = payload.memberAssignment[topic] ?? []
    for (const window of this.#windows.values()) {
      if (isSameMember && owned.includes(window.partition)) continue
      this.#deliveries.lose(window)
      this.#windows.delete(window.partition)
    }
    for (const { partition, next } of this.#windows.values())
      if (next !== undefined) life.consumer.seek({ topic, partition, offset: String(next) })
    const fresh = owned
      .filter((partition) => !this.#windows.has(partition))
      .map((partition) => {
        const window = new PartitionWindow({
          partition,
          assignment: nextAssignment(),
          nowMs: bus.clock.now(),
        })
        this.#windows.set(partition, window)
        return window
      })
    if (fresh.length > 0) {
      life.consumer.pause([{ topic, partitions: fresh.map(({ partition }) => partition) }])
      void this.#begin(life, fresh)
    }
    bus.telemetry?.add('decklog_bus_rebalances_total', 1, { topic, group: this.group })
    bus.log.info(
      { topic, group: this.group, partitions: owned.length, new: fresh.length },
      'partitions were assigned',
    )
    this.#complaints.over(topic)
    this.#joined.resolve()
  }

  /** Finds out where new partitions start, however long that takes, and lets them go. Never rejects. */
  async #begin(life: Life, fresh: readonly PartitionWindow[]): Promise<void> {
    const { admin, bus } = this.#options
    for (;;) {
      const windows = fresh.filter(({ isLost }) => !isLost)
      if (windows.length === 0 || life !== this.#life || this.#stop.signal.aborted) return
      try {
        const marks = await admin.use(`read the offsets of ${this.#groupId}`, (client) =>
          marksOf(client, this.#groupId, this.topic),
        )
        for (const window of windows) {
          const own = marks.get(window.partition)
          if (window.isLost || life !== this.#life || own === undefined) continue
          const { start, lost, isNewTopic } = startOf(own)
          if (lost) this.#declareLoss(window.partition, lost.from, lost.to)
          if (isNewTopic)
            bus.log.warn(
              { topic: this.topic, partition: window.partition, group: this.group },
              'the partition ends before what the group has read: it was made anew, and is read from its beginning',
            )
          window.high = own.high
          window.start(start)
          const place = { topic: this.topic, partition: window.partition }
          life.consumer.seek({ ...place, offset: String(start) })
          life.consumer.resume([{ topic: this.topic, partitions: [window.partition] }])
        }
        return
      } catch (error) {
        this.#complain(error)
      }
      await bus.clock.sleep(RESTART_MS_MIN, this.#stop.signal).catch(() => {})
    }
  }

  async #eachBatch(life: Life, payload: EachBatchPayload): Promise<void> {
    const { batch, heartbeat, resolveOffset } = payload
    const window = this.#windows.get(batch.partition)
    if (window === undefined) return
    window.high = Number(batch.highWatermark)
    const isOver = (): boolean =>
      window.isLost ||
      life !== this.#life ||
      this.#stop.signal.aborted ||
      !payload.isRunning() ||
      payload.isStale()
    try {
      for (const message of batch.messages) {
        if (isOver() || window.next === undefined) return
        const offset = Number(message.offset)
        if (offset >= window.next) {
          if (offset > window.next) await this.#explainGap(window, offset)
          const bytes = message.value?.byteLength ?? 0
          while (!isOver() && !this.#deliveries.hasRoom(window, bytes)) {
            await this.#options.account.change(HEARTBEAT_MS)
            life.activeMs = this.#options.bus.clock.now()
            await heartbeat()
          }
          if (isOver()) return
          this.#deliveries.deliver(window, itemOf(message, offset, bytes))
        }
        resolveOffset(message.offset)
      }
    } catch (error) {
      // A rebalance, most often: what is settled is committed while this member is still known.
      await Promise.race([this.#commit(life), this.#options.bus.clock.sleep(HEARTBEAT_MS)])
      throw error
    }
  }

  /** Offsets that hold nothing for us: deleted before they were read (a loss), or never meant for readers (harmless). */
  async #explainGap(window: PartitionWindow, offset: number): Promise<void> {
    const from = window.next!
    const low = await this.#lowOf(window.partition)
    if (low > from) this.#declareLoss(window.partition, from, Math.min(low, offset) - 1)
    window.skipTo(offset)
  }

  async #lowOf(partition: number): Promise<number> {
    const { admin } = this.#options
    const offsets = await admin.use(`read the offsets of ${this.topic}`, (client) =>
      client.fetchTopicOffsets(this.topic),
    )
    return Number(offsets.find((one) => one.partition === partition)?.low ?? 0)
  }

  #declareLoss(partition: number, from: number, to: number): void {
    const { bus, group, topic } = this.#options
    bus.telemetry?.add('decklog_bus_lost_total', to - from + 1, { topic, group })
    bus.log.error(
      { topic, group, partition, from, to },
      'messages were deleted from the topic before they were read: its retention is too short for this backlog',
    )
    bus.onLoss?.({ topic, group, partition, from, to })
  }

  /** Commits what is settled, at most every `commitIntervalMs`. */
  #commitSoon(): void {
    if (this.#isCommitDue || this.#stop.signal.aborted) return
    this.#isCommitDue = true
    const { clock, commitIntervalMs = 500 } = this.#options.bus
    clock.sleep(commitIntervalMs, this.#stop.signal).then(
      () => {
        this.#isCommitDue = false
        if (this.#life) void this.#commit(this.#life)
      },
      () => {},
    )
  }

  /** Never rejects: what could not be committed is committed with the next. One at a time, so that no offset goes back. */
  async #commit(life: Life): Promise<void> {
    while (this.#committing) await this.#committing
    const due = [...this.#windows.values()].filter(
      ({ low, committed }) => low !== undefined && committed !== undefined && low > committed,
    )
    if (due.length === 0 || life !== this.#life) return
    const offsets = due.map((window) => ({ window, offset: window.low! }))
    this.#committing = life.consumer
      .commitOffsets(
        offsets.map(({ window, offset }) => ({
          topic: this.topic,
          partition: window.partition,
          offset: String(offset),
        })),
      )
      .then(
        () => {
          for (const { window, offset } of offsets) window.committed = offset
        },
        (error: unknown) => {
          const { log } = this.#options.bus
          log.debug(
            { topic: this.topic, group: this.group, reason: nameOf(error) },
            'offsets were not committed',
          )
          this.#commitSoon()
        },
      )
      .finally(() => {
        this.#committing = undefined
      })
    await this.#committing
  }

  async #lastCommit(): Promise<void> {
    if (this.#life === undefined) return
    const { clock } = this.#options.bus
    await Promise.race([this.#commit(this.#life), clock.sleep(LAST_COMMIT_MS)])
  }

  #loseAll(): void {
    for (const window of this.#windows.values()) this.#deliveries.lose(window)
    this.#windows.clear()
  }

  #complain(error: unknown): void {
    if (this.#stop.signal.aborted) return
    const told = translate(error, `read ${this.topic} as ${this.#groupId}`, this.#options.bus)
    this.#complaints.raise(this.topic, `${told.message}; trying again`)
    if (judge(error) === 'refused' || judge(error) === 'no-topic') this.#joined.reject(told)
  }
}

function itemOf(
  message: KafkaMessage,
  offset: number,
  bytes: number,
): {
  offset: number
  bytes: number
  key: string
  value: Uint8Array
  headers: Readonly<Record<string, string>>
  receivedMs: number
  attempt: number
  failures: number
  state: 'open'
} {
  return {
    offset,
    bytes,
    key: message.key?.toString() ?? '',
    // A copy: kafkajs' value is a view that would keep all of a fetch in memory until this message is settled.
    value: Buffer.from(message.value ?? ''),
    headers: headersOf(message.headers),
    receivedMs: Number(message.timestamp),
    attempt: 0,
    failures: 0,
    state: 'open',
  }
}

function headersOf(headers: IHeaders | undefined): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers ?? {})) {
    const last = Array.isArray(value) ? value.at(-1) : value
    if (last !== undefined) texts[name] = last.toString()
  }
  return texts
}

async function disconnect({ client, consumer }: Life): Promise<void> {
  const timer = setTimeout(() => client.sockets.cut(), CLOSE_TIMEOUT_MS)
  try {
    await consumer.disconnect()
  } catch {
    // It is gone anyway.
  } finally {
    clearTimeout(timer)
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? ((error as { type?: string }).type ?? error.name) : 'unknown'
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(Math.trunc(value), min), max)
}
