import type { KafkaBusOptions } from './options.ts'

/** Says what the brokers deleted before a group had read it: in the log, as a count, and to who asked to be told. */
export interface Losses {
  declare(partition: number, from: number, to: number): void
}

export function lossesOf(bus: KafkaBusOptions, topic: string, group: string): Losses {
  return {
    declare(partition, from, to) {
      bus.telemetry?.add('decklog_bus_lost_total', to - from + 1, { topic, group })
      bus.log.error(
        { topic, group, partition, from, to },
        'messages were deleted from the topic before they were read: its retention is too short for this backlog',
      )
      bus.onLoss?.({ topic, group, partition, from, to })
    },
  }
}
