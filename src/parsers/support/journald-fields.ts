/** Where Elastic's journald input puts the journal's fields; `long` where it makes a number of them. What is not here is `journald.custom`. */
export interface JournalTarget {
  readonly path: readonly string[]
  readonly long?: true
}

function text(path: string): JournalTarget {
  return { path: path.split('.') }
}

function long(path: string): JournalTarget {
  return { path: path.split('.'), long: true }
}

/** systemd.journal-fields(7), and those of Docker's journald driver. */
export const JOURNAL_TARGETS: ReadonlyMap<string, JournalTarget> = new Map([
  ['COREDUMP_UNIT', text('journald.coredump.unit')],
  ['COREDUMP_USER_UNIT', text('journald.coredump.user_unit')],
  ['OBJECT_AUDIT_LOGINUID', long('journald.object.audit.login_uid')],
  ['OBJECT_AUDIT_SESSION', long('journald.object.audit.session')],
  ['OBJECT_CMDLINE', text('journald.object.process.command_line')],
  ['OBJECT_COMM', text('journald.object.process.name')],
  ['OBJECT_EXE', text('journald.object.process.executable')],
  ['OBJECT_GID', long('journald.object.gid')],
  ['OBJECT_PID', long('journald.object.pid')],
  ['OBJECT_SYSTEMD_OWNER_UID', long('journald.object.systemd.owner_uid')],
  ['OBJECT_SYSTEMD_SESSION', text('journald.object.systemd.session')],
  ['OBJECT_SYSTEMD_UNIT', text('journald.object.systemd.unit')],
  ['OBJECT_SYSTEMD_USER_UNIT', text('journald.object.systemd.user_unit')],
  ['OBJECT_UID', long('journald.object.uid')],
  ['_KERNEL_DEVICE', text('journald.kernel.device')],
  ['_KERNEL_SUBSYSTEM', text('journald.kernel.subsystem')],
  ['_UDEV_DEVLINK', text('journald.kernel.device_symlinks')],
  ['_UDEV_DEVNODE', text('journald.kernel.device_node_path')],
  ['_UDEV_SYSNAME', text('journald.kernel.device_name')],
  ['_AUDIT_LOGINUID', long('journald.audit.login_uid')],
  ['_AUDIT_SESSION', text('journald.audit.session')],
  ['_BOOT_ID', text('journald.host.boot_id')],
  ['_CAP_EFFECTIVE', text('journald.process.capabilities')],
  ['_CMDLINE', text('journald.process.command_line')],
  ['_COMM', text('journald.process.name')],
  ['_EXE', text('journald.process.executable')],
  ['_GID', long('journald.gid')],
  ['_PID', long('journald.pid')],
  ['_UID', long('journald.uid')],
  ['UNIT', text('journald.unit')],
  ['CODE_FILE', text('log.origin.file.name')],
  ['CODE_FUNC', text('log.origin.function')],
  ['CODE_LINE', long('log.origin.file.line')],
  ['MESSAGE_ID', text('event.code')],
  ['PRIORITY', long('log.syslog.priority')],
  ['SYSLOG_FACILITY', long('log.syslog.facility.code')],
  ['SYSLOG_IDENTIFIER', text('log.syslog.appname')],
  ['SYSLOG_PID', text('log.syslog.procid')],
  ['_HOSTNAME', text('host.hostname')],
  ['_MACHINE_ID', text('host.id')],
  ['_SYSTEMD_CGROUP', text('systemd.cgroup')],
  ['_SYSTEMD_INVOCATION_ID', text('systemd.invocation_id')],
  ['_SYSTEMD_OWNER_UID', long('systemd.owner_uid')],
  ['_SYSTEMD_SESSION', text('systemd.session')],
  ['_SYSTEMD_SLICE', text('systemd.slice')],
  ['_SYSTEMD_UNIT', text('systemd.unit')],
  ['_SYSTEMD_USER_SLICE', text('systemd.user_slice')],
  ['_SYSTEMD_USER_UNIT', text('systemd.user_unit')],
  ['_TRANSPORT', text('systemd.transport')],
  ['CONTAINER_ID_FULL', text('container.id')],
  ['CONTAINER_NAME', text('container.name')],
  ['CONTAINER_TAG', text('container.log.tag')],
  ['IMAGE_NAME', text('container.image.name')],
])

/** Kept in `event.original` only: where an entry stands in its journal, and what is said elsewhere. */
export const JOURNAL_UNUSED: ReadonlySet<string> = new Set([
  'MESSAGE',
  '__CURSOR',
  '__REALTIME_TIMESTAMP',
  '__MONOTONIC_TIMESTAMP',
  '__SEQNUM',
  '__SEQNUM_ID',
  '_SOURCE_REALTIME_TIMESTAMP',
  '_SOURCE_MONOTONIC_TIMESTAMP',
  'SYSLOG_TIMESTAMP',
  'CONTAINER_ID',
])

/** capabilities(7), in the order of their bits (linux/capability.h). */
const CAPABILITIES = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST ' +
  'NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE ' +
  'SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM ' +
  'BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
).split(' ')

/** Names of the capabilities of a mask in hexadecimal; a bit without a name is its number. None where it is no mask. */
export function capabilitiesOf(mask: string): string[] {
  if (!/^[0-9a-f]{1,16}$/i.test(mask)) return []
  const bits = BigInt(`0x${mask}`)
  const names: string[] = []
  for (let bit = 0; bit < 64; bit++) {
    if (((bits >> BigInt(bit)) & 1n) === 1n)
      names.push(CAPABILITIES[bit] === undefined ? String(bit) : `CAP_${CAPABILITIES[bit]}`)
  }
  return names
}

/** Words of a command line: a quoted one is one word, with its quotes. Linear in its length. */
export function commandWords(line: string): string[] {
  const words: string[] = []
  for (let at = 0; at < line.length; ) {
    if (line[at] === ' ' || line[at] === '\t' || line[at] === '\n') {
      at++
      continue
    }
    const start = at
    const quoted = line[at] === '"' ? endOfQuoted(line, at) : -1
    if (quoted !== -1) at = quoted
    else while (at < line.length && line[at] !== ' ' && line[at] !== '\t' && line[at] !== '\n') at++
    words.push(line.slice(start, at))
  }
  return words
}

function endOfQuoted(line: string, start: number): number {
  const end = line.indexOf('"', start + 1)
  if (end === -1) return -1
  for (let at = start + 1; at < line.length; at++) {
    if (line[at] === '\\') at++
    else if (line[at] === '"') return at + 1
  }
  return -1
}
