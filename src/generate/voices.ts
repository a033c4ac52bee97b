import { auditNoise } from './audit.ts'
import { authNoise } from './auth.ts'
import type { Moment } from './moment.ts'
import type { Random } from './random.ts'
import type { Voice } from './stream.ts'
import type { App, Style } from './styles/style.ts'

/** containerd cuts a line into parts of this many bytes. */
const CRI_PART_BYTES = 16 * 1024

/**
 * A container's log as containerd writes it, one line each (Kubernetes CRI logging format):
 * ```
 * <RFC 3339 time with nanoseconds> <stdout|stderr> <P|F> <content>
 * ```
 * P: more of this line follows; F: full, or the last part.
 */
export function containerVoice(
  names: { namespace: string; pod: string; container: string },
  number: number,
  style: Style,
): Voice {
  let app: App | undefined
  return {
    make(random, moment, record) {
      app ??= { ...names, random, moment, token: '', special: false, stderr: false }
      app.token = `${number.toString(36)}-${record.toString(36)}`
      app.special = false
      app.stderr = false
      const text = style(app)
      const output = app.stderr ? 'stderr' : 'stdout'
      return app.special ? cut(text, output, app) : `${output} F ${text}`
    },
    frame: (text, moment) => `${moment.rfc3339Nano()} ${text}\n`,
    plant: (text) => `stdout F ${text}`,
  }
}

/** Lines of a text, the long ones in parts; between two parts of stdout the other output may have its say. */
function cut(text: string, output: string, app: App): string[] {
  const lines: string[] = []
  for (const line of text.split('\n')) {
    let at = 0
    for (; line.length - at > CRI_PART_BYTES; at += CRI_PART_BYTES) {
      lines.push(`${output} P ${line.slice(at, at + CRI_PART_BYTES)}`)
      if (output === 'stdout' && app.random.once(3)) lines.push(`stderr F warning: slow write ${app.token}`)
    }
    lines.push(`${output} F ${line.slice(at)}`)
  }
  return lines
}

export function auditVoice(): Voice {
  return { make: (random, moment) => auditNoise(random, moment), frame: (text) => `${text}\n` }
}

/** `iso`: rsyslog's time stamps since Debian 12; `rfc3164`: the traditional ones, without a year. */
export function authVoice(host: string, stamp: 'iso' | 'rfc3164'): Voice {
  const stampOf = (moment: Moment): string => (stamp === 'iso' ? moment.syslogIso() : moment.rfc3164())
  return {
    make: (random: Random) => authNoise(random),
    frame: (text, moment) => `${stampOf(moment)} ${host} ${text}\n`,
  }
}
