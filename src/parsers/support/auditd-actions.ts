/** What a system call is to an analyst. */
export interface CallAction {
  readonly action: string | undefined
  readonly category: readonly string[]
  readonly type: readonly string[]
  /** What it is done to. */
  readonly object: 'file' | 'filesystem' | 'socket' | 'process' | 'memory' | 'system' | undefined
  /** Which of its paths is the one that matters. */
  readonly pathIndex: number
}

/** `action category type object[path index] calls…`: the values of go-libaudit and auditbeat, on which dashboards and rules rely. */
const TABLE = `
opened-file file creation file creat
opened-file file change file fallocate truncate ftruncate truncate64 ftruncate64
opened-file file info file open openat openat2 readlink readlinkat open_by_handle_at
read-file file info file read
wrote-to-file file change file write
changed-file-attributes-of file change file setxattr fsetxattr lsetxattr setxattrat removexattr fremovexattr lremovexattr removexattrat
changed-file-permissions-of file change file chmod fchmod fchmodat fchmodat2
changed-file-ownership-of file change file chown fchown fchownat lchown chown32 fchown32 lchown32
loaded-kernel-module driver start file finit_module init_module
unloaded-kernel-module driver end file delete_module
created-directory file creation file1 mkdir mkdirat
mounted file creation filesystem1 mount
renamed file change file2 rename renameat renameat2
checked-metadata-of file info file access faccessat faccessat2 fstatat fstatat64 newfstatat stat stat64 fstat fstat64 lstat lstat64 statx getxattr lgetxattr fgetxattr getxattrat
checked-filesystem-metadata-of file info filesystem statfs fstatfs statfs64 fstatfs64
symlinked file creation file symlink symlinkat
linked file creation file link linkat
unmounted file deletion filesystem umount umount2
deleted file deletion file rmdir unlink unlinkat
changed-timestamp-of file info file utime utimes futimesat futimens utimensat
executed process start file execve execveat
listen-for-connections network start socket listen
accepted-connection-from network connection+start socket accept accept4
bound-socket network start socket bind
connected-to network connection+start socket connect
received-from network connection+info socket recv recvfrom recvmsg recvmmsg
sent-to network connection+info socket send sendto sendmsg sendmmsg
killed-pid process end process kill tkill tgkill
changed-identity-of process change process setuid seteuid setfsuid setreuid setgid setegid setfsgid setregid setresuid setresgid setuid32 setfsuid32 setreuid32 setgid32 setfsgid32 setregid32 setresuid32 setresgid32
changed-system-time host change system settimeofday clock_settime clock_settime64 stime adjtimex clock_adjtime clock_adjtime64
make-device file creation file mknod mknodat
changed-system-name host change system sethostname setdomainname
allocated-memory process info memory mmap mmap2 brk
adjusted-scheduling-policy-of process change process sched_setparam sched_setscheduler sched_setattr
`

const ACTIONS = new Map<string, CallAction>()
for (const line of TABLE.trim().split('\n')) {
  const [action, category, type, object, ...calls] = line.split(' ')
  const pathIndex = Number(/\d$/.exec(object!)?.[0] ?? 0)
  const entry: CallAction = {
    action,
    category: category!.split('+'),
    type: type!.split('+'),
    object: object!.replace(/\d$/, '') as CallAction['object'],
    pathIndex,
  }
  for (const call of calls) ACTIONS.set(call, entry)
}

const ANY: CallAction = {
  action: undefined,
  category: ['process'],
  type: ['info'],
  object: undefined,
  pathIndex: 0,
}

export function callAction(syscall: string): CallAction {
  return ACTIONS.get(syscall) ?? ANY
}

export const CALL_ACTIONS: ReadonlyMap<string, CallAction> = ACTIONS

/** Calls whose address is the other side's, and which way the data goes. */
export const INGRESS = new Set(['accept', 'accept4', 'recvfrom', 'recvmsg'])
export const EGRESS = new Set(['connect', 'sendto', 'sendmsg'])
