const THREE = Array.from({ length: 1000 }, (_, value) => String(value).padStart(3, '0'))
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/**
 * The time of the line that is about to be written, in all the notations that loggers use. It is a function of the
 * record's position, never of the machine's clock. It remembers the second, because lines come in order.
 */
export class Moment {
  /** Microseconds since the epoch. */
  us = 0
  #nanos = 0
  #second = Number.NaN
  /** `2026-11-24T02:13:00` */
  #text = ''
  #date = new Date(0)

  set(us: number, nanos = 0): void {
    this.us = us
    this.#nanos = nanos
    const second = Math.floor(us / 1_000_000)
    if (second === this.#second) return
    this.#second = second
    this.#date = new Date(second * 1000)
    this.#text = this.#date.toISOString().slice(0, 19)
  }

  get ms(): number {
    return Math.floor(this.us / 1000)
  }

  /** RFC 3339 with nanoseconds: CRI, slog. */
  rfc3339Nano(): string {
    return `${this.#text}.${THREE[this.ms % 1000]}${THREE[this.us % 1000]}${THREE[this.#nanos]}Z`
  }
  /** RFC 3339 with microseconds: kube-audit. */
  rfc3339Micro(): string {
    return `${this.#text}.${THREE[this.ms % 1000]}${THREE[this.us % 1000]}Z`
  }
  /** RFC 3339 with milliseconds: most applications. */
  rfc3339Milli(): string {
    return `${this.#text}.${THREE[this.ms % 1000]}Z`
  }
  rfc3339(): string {
    return `${this.#text}Z`
  }
  /** `2026-11-24 02:13:00,123`: Python. */
  python(): string {
    return `${this.#text.slice(0, 10)} ${this.#text.slice(11)},${THREE[this.ms % 1000]}`
  }
  /** `1795486380.123456`: zap. */
  epochSeconds(): string {
    return `${this.#second}.${THREE[this.ms % 1000]}${THREE[this.us % 1000]}`
  }
  /** `1124 02:13:00.123456`: klog. */
  klog(): string {
    return `${this.#text.slice(5, 7)}${this.#text.slice(8, 10)} ${this.#text.slice(11)}.${THREE[this.ms % 1000]}${THREE[this.us % 1000]}`
  }
  /** `24/Nov/2026:02:13:00 +0000`: access logs. */
  accessLog(): string {
    return `${this.#text.slice(8, 10)}/${MONTHS[this.#date.getUTCMonth()]}/${this.#text.slice(0, 4)}:${this.#text.slice(11)} +0000`
  }
  /** `2026-11-24T02:13:00.123456+00:00`: rsyslog since Debian 12. */
  syslogIso(): string {
    return `${this.#text}.${THREE[this.ms % 1000]}${THREE[this.us % 1000]}+00:00`
  }
  /** `Nov 24 02:13:00`, the day padded with a space: RFC 3164, no year. */
  rfc3164(): string {
    const day = String(this.#date.getUTCDate()).padStart(2, ' ')
    return `${MONTHS[this.#date.getUTCMonth()]} ${day} ${this.#text.slice(11)}`
  }
}
