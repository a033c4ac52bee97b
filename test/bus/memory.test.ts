import { systemClock } from '../../src/app/system-clock.ts'
import { openMemoryBus } from '../../src/bus/memory.ts'
import { busContract } from '../contracts/bus.ts'

busContract('memory', {
  safeWhen: 'acknowledged',
  open: ({ groups, topicBytesMax }) =>
    Promise.resolve(
      openMemoryBus({
        clock: systemClock,
        groupsOf: () => groups,
        nackPauseMs: 5,
        ...(topicBytesMax === undefined ? {} : { topicBytesMax }),
      }),
    ),
})
