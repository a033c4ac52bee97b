import { setTimeout as sleep } from 'node:timers/promises'
import type { EsContext } from '../context.ts'

const LOOK_AGAIN_MS = 300
const LOOK_MS_MAX = 5_000
/** Where tasks may not be seen, so long is waited instead. */
const BLIND_WAIT_MS = 3_000

/**
 * Resolves when these requests run in the cluster no more. An answer that was lost says nothing: the request may still be
 * carried out, and what it writes after a rollover would lie in another index than what is sent again. Looked at twice, for
 * a request that the server has read late shows only then.
 */
export async function untilRequestsEnded(
  context: EsContext,
  opaqueIds: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  await untilGone(context, (tasks) => tasks.some((task) => opaqueIds.has(task.opaqueId)), signal)
}

/** Resolves when every write, by anybody, that runs in the cluster now has ended. */
export async function untilWritesEnded(context: EsContext, signal: AbortSignal): Promise<void> {
  let running: ReadonlySet<string> | undefined
  const isSomeLeft = (tasks: readonly Task[]): boolean => {
    running ??= new Set(tasks.map(({ id }) => id))
    return tasks.some(({ id }) => running!.has(id))
  }
  await untilGone(context, isSomeLeft, signal)
}

async function untilGone(
  context: EsContext,
  isSomeLeft: (tasks: readonly Task[]) => boolean,
  signal: AbortSignal,
): Promise<void> {
  let absent = 0
  for (let pauseMs = LOOK_AGAIN_MS; ; ) {
    const tasks = await look(context, signal)
    if (tasks === 'forbidden') {
      await sleep(BLIND_WAIT_MS, undefined, { signal })
      return
    }
    const isGone = tasks !== 'unknown' && !isSomeLeft(tasks)
    absent = isGone ? absent + 1 : 0
    if (absent === 2) return
    await sleep(pauseMs, undefined, { signal })
    pauseMs = isGone ? LOOK_AGAIN_MS : Math.min(pauseMs * 1.5, LOOK_MS_MAX)
  }
}

interface Task {
  readonly id: string
  readonly opaqueId: string
}

interface RawTask {
  readonly node: string
  readonly id: number
  readonly headers?: Readonly<Record<string, string>>
}

async function look(
  { connection }: EsContext,
  signal: AbortSignal,
): Promise<readonly Task[] | 'unknown' | 'forbidden'> {
  try {
    const { status, body } = await connection.request({
      method: 'GET',
      path: '/_tasks',
      query: {
        actions: 'indices:data/write/bulk*',
        group_by: 'none',
        filter_path: 'tasks.node,tasks.id,tasks.headers,error.type',
      },
      timeoutMs: 10_000,
      signal,
    })
    if (status === 401 || status === 403) return 'forbidden'
    if (status !== 200) return 'unknown'
    const { tasks = [] } = (body ?? {}) as { tasks?: readonly RawTask[] }
    return tasks.map(({ node, id, headers }) => ({
      id: `${node}:${id}`,
      opaqueId: headers?.['X-Opaque-Id'] ?? '',
    }))
  } catch (error) {
    if (signal.aborted) throw error
    return 'unknown'
  }
}
