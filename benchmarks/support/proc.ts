import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks a second of `/proc/PID/stat`: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** User and system time of a process, all threads, also those that have ended. Seconds. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name in parentheses may hold anything; fields are counted behind it. utime and stime are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Resident set now, and at its highest, in MB (10^6 bytes). */
export function memoryOf(pid: number): { readonly rssMb: number; readonly peakMb: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
  return { rssMb: (kib('VmRSS') * 1024) / 1e6, peakMb: (kib('VmHWM') * 1024) / 1e6 }
}

/** CPU seconds by name of thread, the largest first: where the time goes. Threads that have ended are not in it. */
export function cpuByThread(pid: number): { readonly name: string; readonly seconds: number }[] {
  const sums = new Map<string, number>()
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const key = `${thread === String(pid) ? 'main' : name}/${thread}`
    sums.set(key, (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND)
  }
  return [...sums].map(([name, seconds]) => ({ name, seconds })).toSorted((a, b) => b.seconds - a.seconds)
}
