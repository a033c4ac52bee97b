#!/usr/bin/env node
import { widenThreadPool } from '../config/environment.ts'
import { keepYoungHeapSmall } from '../config/heap.ts'

// Before anything uses libuv's pool.
widenThreadPool(8)
keepYoungHeapSmall()

// The reader of a pipe may leave whenever it has seen enough (`| head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

const { run } = await import('./program.ts')
process.exitCode = await run(process.argv)
