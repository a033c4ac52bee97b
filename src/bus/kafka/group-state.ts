import type { Admin } from 'kafkajs'
import { AssignerProtocol } from './kafkajs.ts'

/** A process that reads in a consumer group. */
export interface GroupMember {
  /** As the broker sees it, without the leading `/`. */
  readonly host: string
  readonly clientId: string
  /** Partitions of the topic that was asked about. */
  readonly partitions: readonly number[]
}

export interface GroupState {
  /** `absent`: the brokers know no such group. */
  readonly state: 'stable' | 'rebalancing' | 'empty' | 'absent'
  readonly members: readonly GroupMember[]
}

/** Who reads a topic in each group. `groups`: group id → topic. */
export async function groupStates(
  admin: Admin,
  groups: ReadonlyMap<string, string>,
): Promise<Map<string, GroupState>> {
  const described = (await admin.describeGroups([...groups.keys()])).groups
  return new Map(
    described.map(({ groupId, state, members }) => [
      groupId,
      {
        state: nameOf(state),
        members: members.map(({ clientHost, clientId, memberAssignment }) => ({
          host: clientHost.replace(/^\//, ''),
          clientId,
          partitions: partitionsOf(memberAssignment, groups.get(groupId) ?? ''),
        })),
      },
    ]),
  )
}

function nameOf(state: string): GroupState['state'] {
  if (state === 'Stable') return 'stable'
  if (state === 'Empty') return 'empty'
  return state === 'Dead' || state === 'Unknown' ? 'absent' : 'rebalancing'
}

/** Empty while a group is being balanced. */
function partitionsOf(assignment: Buffer, topic: string): readonly number[] {
  if (assignment.length === 0) return []
  return AssignerProtocol.MemberAssignment.decode(assignment)?.assignment[topic] ?? []
}
