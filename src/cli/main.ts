#!/usr/bin/env node
import { widenThreadPool } from '../config/environment.ts'

// Before anything uses libuv's pool.
widenThreadPool(8)

const { run } = await import('./program.ts')
process.exitCode = await run(process.argv)
