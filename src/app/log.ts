import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import { colours } from '../config/environment.ts'

/** decklog's own log: on stderr, JSON lines for a machine, readable lines for a person at a terminal. */
export function openLog(level: string): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (!process.stderr.isTTY) return pino(options, pino.destination({ dest: 2, sync: true }))
  return pino(
    options,
    pretty({ destination: 2, sync: true, colorize: colours(process.stderr), translateTime: 'SYS:HH:MM:ss' }),
  )
}
