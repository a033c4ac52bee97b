import type { Cluster, PartitionAssigner } from 'kafkajs'
import { PartitionAssigners } from './kafkajs.ts'

/** The part of a broker that kafkajs has and does not declare. */
interface Coordinator {
  leaveGroup(member: { readonly groupId: string; readonly memberId: string }): Promise<unknown>
}

/**
 * A consumer that has crashed could not leave its group, and the group would wait for it until its session ends (10 s) before anybody
 * reads on. The next one leaves in its name. kafkajs gives what that takes only to partition assigners, so this is one: its own
 * round robin.
 */
export function formerMember(): {
  readonly assigner: PartitionAssigner
  /** After the consumer has subscribed. Never rejects: without it the group waits. */
  leave(groupId: string, memberId: string): Promise<void>
} {
  let cluster: Cluster | undefined
  return {
    assigner: (config) => {
      cluster = config.cluster
      return PartitionAssigners.roundRobin(config)
    },
    async leave(groupId, memberId) {
      try {
        const coordinator = (await cluster?.findGroupCoordinator({ groupId })) as unknown as
          | Coordinator
          | undefined
        await coordinator?.leaveGroup({ groupId, memberId })
      } catch {
        // It is no member any more, or the brokers are away: then joining will say so.
      }
    },
  }
}
