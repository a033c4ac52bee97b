import { setTimeout as sleep } from 'node:timers/promises'
import type { EsContext } from '../context.ts'

const LOOK_AGAIN_MS = 300
const LOOK_MS_MAX = 5_000
/** Where tasks may not be seen, so long is waited instead. */
const BLIND_WAIT_MS = 3_000

interface Task {
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Resolves when no write of those requests runs in the cluster any more. An answer that was lost says nothing: the request
 * may still be carried out, and what it writes after a rollover would lie in another index than what is sent again. Looked
 * at twice, for a request that the server has read late shows only then. Undefined: all writes of anybody.
 */
export async function untilEnded(
  context: EsContext,
  opaqueIds: ReadonlySet<string> | undefined,
  signal: AbortSignal,
): Promise<void> {
  let absent = 0
  for (let pauseMs = LOOK_AGAIN_MS; absent < 2; ) {
    const running = await look(context, opaqueIds, signal)
    if (running === 'forbidden') {
      await sleep(BLIND_WAIT_MS, undefined, { signal })
      return
    }
    absent = running === 'none' ? absent + 1 : 0
    if (absent === 2) return
    await sleep(pauseMs, undefined, { signal })
    pauseMs = running === 'none' ? LOOK_AGAIN_MS : Math.min(pauseMs * 1.5, LOOK_MS_MAX)
  }
}

async function look(
  { connection }: EsContext,
  opaqueIds: ReadonlySet<string> | undefined,
  signal: AbortSignal,
): Promise<'none' | 'some' | 'unknown' | 'forbidden'> {
  try {
    const { status, body } = await connection.request({
      method: 'GET',
      path: '/_tasks',
      query: {
        actions: 'indices:data/write/bulk*',
        group_by: 'none',
        filter_path: 'tasks.headers,error.type',
      },
      timeoutMs: 10_000,
      signal,
    })
    if (status === 401 || status === 403) return 'forbidden'
    if (status !== 200) return 'unknown'
    const tasks = (body as { tasks?: readonly Task[] } | undefined)?.tasks ?? []
    const ours = (task: Task): boolean =>
      opaqueIds === undefined || opaqueIds.has(task.headers?.['X-Opaque-Id'] ?? '')
    return tasks.some(ours) ? 'some' : 'none'
  } catch (error) {
    if (signal.aborted) throw error
    return 'unknown'
  }
}
