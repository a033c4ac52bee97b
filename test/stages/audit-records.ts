export interface AuditShape {
  readonly serial?: number
  /** After 1764000000 seconds. */
  readonly millis?: number
  readonly node?: string
  readonly body?: string
  readonly paths?: number
}

/** One record, as auditd writes it. */
export function auditRecord(type: string, shape: AuditShape = {}): string {
  const { serial = 1, millis = 0, node, body = '' } = shape
  const time = 1_764_000_000_000 + millis
  const stamp = `${Math.floor(time / 1000)}.${String(time % 1000).padStart(3, '0')}`
  return `${node === undefined ? '' : `node=${node} `}type=${type} msg=audit(${stamp}:${serial}): ${body}`
}

/** All records of a program's start, in the kernel's order, without EOE. */
export function auditEvent(shape: AuditShape = {}): string[] {
  const paths = shape.paths ?? 1
  const record = (type: string, body: string): string => auditRecord(type, { ...shape, body })
  const ids = 'auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0'
  return [
    record(
      'SYSCALL',
      `arch=c000003e syscall=59 success=yes exit=0 a0=1def880 a1=1df0fd0 a2=1d3e5f0 a3=7fff70ed9310 items=${paths} ppid=1299 pid=1360 ${ids} tty=pts0 ses=1 comm="ls" exe="/usr/bin/ls" key="exec"`,
    ),
    record('EXECVE', 'argc=2 a0="ls" a1="-l"'),
    ...(paths > 0 ? [record('CWD', 'cwd="/root"')] : []),
    ...Array.from({ length: paths }, (_, n) =>
      record(
        'PATH',
        `item=${n} name="/usr/bin/ls" inode=${n} dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL`,
      ),
    ),
    record('PROCTITLE', 'proctitle=6C73002D6C'),
  ]
}

/** Each line stands at most about `window` lines from its place. */
export function shuffled(lines: readonly string[], options: { window: number; seed: number }): string[] {
  let state = options.seed
  const random = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
  return lines
    .map((line, at) => ({ line, at: at + random() * options.window }))
    .sort((a, b) => a.at - b.at)
    .map(({ line }) => line)
}
