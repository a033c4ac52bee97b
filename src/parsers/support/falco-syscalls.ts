/** `event.type` of a system call, as Elastic's integration says it; all others are `info`. */
const TYPES: Readonly<Record<string, string>> = {
  access: `faccessat faccessat2 fsopen name_to_handle_at nfsservctl open open_by_handle_at open_tree openat openat2
    pciconfig_read pidfd_open read readahead readdir readlink readlinkat readv s390_pci_mmio_read uselib vm86 vm86old access`,
  admin: 'bdflush membarrier ptrace reboot restart_syscall',
  allowed: 'fallocate finit_module',
  change: `acct adjtimex alarm arch_prctl bind bpf brk capset chdir chmod chown chown32 chroot clock_adjtime clock_nanosleep
    clock_settime close close_range epoll_ctl fchdir fchmod fchmodat fchown fchown32 fchownat fcntl fcntl64 flock
    free_hugepages fsconfig fsetxattr ftruncate ftruncate64 futimesat io_setup io_uring_setup ioctl ioperm iopl ioprio_set
    keyctl landlock_restrict_self lchown lchown32 llseek madvise mbind memory_ordering migrate_pages mlock mlock2 mlockall
    mmap mmap2 modify_ldt move_mount move_pages mprotect mq_getsetattr mremap msgctl munlock munlockall munmap nanosleep nice
    old_adjtimex pause pciconfig_write perfctr perfmonctl personality pivot_root pkey_alloc pkey_free pkey_mprotect prctl
    prlimit64 process_madvise process_vm_writev pwrite64 pwritev pwritev2 quotactl quotactl_fd rename renameat renameat2 rseq
    rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rtas s390_guarded_storage s390_pci_mmio_write
    sched_setaffinity sched_setattr sched_setparam sched_setscheduler seccomp semctl semop semtimedop set_domainname
    set_fsgid set_mempolicy set_robust_list set_thread_area set_tid_address set_tls setfsgid32 setfsuid setfsuid32 setgid
    setgid32 sethae sethostimer setitimer setns setpgid setpgrp setpriority setregid setregid32 setresgid setresgid32
    setresuid setresuid32 setreuid setreuid32 setrlimit setsid setsockopt settimeofday setuid setuid32 setup setxattr shmat
    shmctl shmdt sigaction sigaltstack subpage_prot swapcontext switch_endian sys_debug_setcontext sysctl timer_settime
    timerfd_settime truncate truncate64 umask utime utimensat utimes utimesat write writev xtensa change`,
  connection: `accept accept4 connect mq_timedreceive mq_timedsend msgrcv msgsnd pidfd_send_signal recv recvfrom recvmmsg
    recvmsg rt_tgsigqueueinfo send sendfile sendfile64 sendmmsg sendmsg sendto signal signalfd signalfd4 socket socketcall
    socketpair syscall connection`,
  creation: `add_key clone clone2 clone3 copy_file_range creat create_module dup dup2 dup3 epoll_create epoll_create1 eventfd
    eventfd2 fdatasync fork fsmount fsync init_module inotify_add_watch inotify_init inotify_init1 kexec_file_load kexec_load
    landlock_add_rule landlock_create_ruleset link linkat memfd_create memfd_secret mkdir mkdirat mknod mknodat mount
    mq_notify mq_open msync pidfd_getfd pipe pipe2 remap_file_pages splice spu_create symlink symlinkat sync sync_file_range
    sync_file_range2 syncfs tee timer_create timerfd_create vfork vmsplice creation`,
  deletion: `cacheflush delete_module fremovexattr inotify_rm_watch io_destroy lremovexattr mq_unlink oldumount removexattr
    riscv_flush_icache rmdir spill timer_delete umount unlink unlinkat unshare deletion`,
  end: 'exit exit_group io_cancel kill shutdown swapoff tgkill tkill vhangup end',
  group: 'fanotify_init fanotify_mark setgroups setgroups32 group',
  installation: 'utrap_install installation',
  protocol: 'ipc protocol',
  start: 'execv execve execveat io_uring_enter perf_event_open spu_run start swapon',
  user: 'userfaultfd user usr26 usr32',
  denied: 'denied',
  error: 'error',
}

const TYPE_OF: ReadonlyMap<string, string> = new Map(
  Object.entries(TYPES).flatMap(([type, calls]) => calls.split(/\s+/).map((call) => [call, type] as const)),
)

export function eventType(call: string): string {
  return TYPE_OF.get(call) ?? 'info'
}
