import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload } from 'kafkajs'
import { DecklogError } from '../../core/errors.ts'
import { passStep } from '../../core/faults.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Account } from './account.ts'
import type { AdminClient } from './admin-client.ts'
import { type Client, openClient, RETRY } from './client.ts'
import { Complaints } from './complaints.ts'
import type { Deliveries } from './deliveries.ts'
import { judge, translate } from './errors.ts'
import { formerMember } from './former-member.ts'
import { type Losses, lossesOf } from './losses.ts'
import { OffsetCommits } from './offset-commits.ts'
import { groupIdOf, type KafkaBusOptions } from './options.ts'
import { PartitionWindow } from './partition-window.ts'
import { HEARTBEAT_MS, readBatch } from './read-batch.ts'
import { type Marks, marksOf, startOf } from './start-offsets.ts'
import { within } from './within.ts'

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
  readonly #commits: OffsetCommits
  readonly #losses: Losses
  readonly #complaints: Complaints
  readonly #windows = new Map<number, PartitionWindow>()
  readonly #stop = new AbortController()
  readonly #joined = Promise.withResolvers<void>()
  #life: Life | undefined
  /** Of a life that failed: it may still be in the group. */
  #formerMemberId = ''
  #lives: Promise<void> | undefined

  constructor(options: GroupConsumerOptions) {
    this.#options = options
    this.#groupId = groupIdOf(options.bus, options.group, options.topic)
    this.#deliveries = options.deliveries(() => this.#commits.soon())
    this.#losses = lossesOf(options.bus, options.topic, options.group)
    this.#commits = new OffsetCommits({
      bus: options.bus,
      topic: options.topic,
      group: options.group,
      windows: this.#windows,
      consumer: () => this.#life?.consumer,
      signal: this.#stop.signal,
    })
    this.#complaints = new Complaints(options.bus)
    this.#joined.promise.catch(() => {})
  }

  get windows(): ReadonlyMap<number, PartitionWindow> {
    return this.#windows
  }

  get #reading(): string {
    return `reading ${this.topic} as ${this.group}`
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
    await this.#commits.nowWithin(LAST_COMMIT_MS)
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
      await disconnect(life, this.#options.bus.clock)
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
    consumer.on(consumer.events.REBALANCING, () => void this.#commits.now())
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
      passStep('assignment-inside')
      life.consumer.pause([{ topic, partitions: fresh.map(({ partition }) => partition) }])
      void this.#begin(life, fresh)
    }
    bus.telemetry?.add('decklog_bus_rebalances_total', 1, { topic, group: this.group })
    bus.log.info(
      { topic, group: this.group, partitions: owned.length, new: fresh.length },
      'partitions were assigned',
    )
    this.#complaints.over(this.#reading)
    this.#joined.resolve()
  }

  /** Finds out where new partitions start, however long that takes, and lets them go. Never rejects. */
  async #begin(life: Life, fresh: readonly PartitionWindow[]): Promise<void> {
    const { admin, bus } = this.#options
    for (;;) {
      const waiting = fresh.filter(({ isLost, next }) => !isLost && next === undefined)
      if (waiting.length === 0 || life !== this.#life || this.#stop.signal.aborted) return
      try {
        const marks = await admin.use(`read the offsets of ${this.#groupId}`, (client) =>
          marksOf(client, this.#groupId, this.topic),
        )
        for (const window of waiting) this.#beginAt(life, window, marks.get(window.partition))
      } catch (error) {
        this.#complain(error)
      }
      if (waiting.some(({ next }) => next === undefined))
        await bus.clock.sleep(RESTART_MS_MIN, this.#stop.signal).catch(() => {})
    }
  }

  #beginAt(life: Life, window: PartitionWindow, marks: Marks | undefined): void {
    if (window.isLost || life !== this.#life || marks === undefined) return
    const { topic, group } = this
    const { partition } = window
    const { start, lost, isNewTopic } = startOf(marks)
    if (lost) this.#losses.declare(partition, lost.from, lost.to)
    if (isNewTopic)
      this.#options.bus.log.warn(
        { topic, partition, group },
        'the partition ends before what the group has read: it was made anew, and is read from its beginning',
      )
    window.high = marks.high
    window.start(start)
    life.consumer.seek({ topic, partition, offset: String(start) })
    life.consumer.resume([{ topic, partitions: [partition] }])
  }

  async #eachBatch(life: Life, payload: EachBatchPayload): Promise<void> {
    const { bus, admin, account } = this.#options
    const window = this.#windows.get(payload.batch.partition)
    if (window === undefined) return
    try {
      await readBatch(window, payload, {
        topic: this.topic,
        account,
        admin,
        deliveries: this.#deliveries,
        losses: this.#losses,
        isOver: () => life !== this.#life || this.#stop.signal.aborted,
        onActivity: () => void (life.activeMs = bus.clock.now()),
      })
    } catch (error) {
      // A rebalance, most often: what is settled is committed while this member is still known.
      await this.#commits.nowWithin(HEARTBEAT_MS)
      throw error
    }
  }

  #loseAll(): void {
    for (const window of this.#windows.values()) this.#deliveries.lose(window)
    this.#windows.clear()
  }

  #complain(error: unknown): void {
    if (this.#stop.signal.aborted) return
    const told = translate(error, `read ${this.topic} as ${this.#groupId}`, this.#options.bus)
    this.#complaints.raise(this.#reading, `${told.message}; trying again`)
    if (judge(error) === 'refused' || judge(error) === 'no-topic') this.#joined.reject(told)
  }
}

/** Leaves the group where the brokers can be reached; never takes longer than it may. */
async function disconnect({ client, consumer }: Life, clock: Clock): Promise<void> {
  await within(consumer.disconnect(), CLOSE_TIMEOUT_MS, clock)
  client.sockets.shut()
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(Math.trunc(value), min), max)
}
