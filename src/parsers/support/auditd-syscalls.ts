import { SYSCALLS_AARCH64 } from './auditd-syscalls-aarch64.ts'
import { SYSCALLS_ARM } from './auditd-syscalls-arm.ts'
import { SYSCALLS_I386 } from './auditd-syscalls-i386.ts'
import { SYSCALLS_PPC64 } from './auditd-syscalls-ppc64.ts'
import { SYSCALLS_S390X } from './auditd-syscalls-s390x.ts'
import { SYSCALLS_X86_64 } from './auditd-syscalls-x86-64.ts'

/** Since 5.1 new calls have one number on all machines; these came after the headers of the tables. */
const SINCE_6_2 =
  '451 cachestat fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue statmount listmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat listxattrat removexattrat open_tree_attr file_getattr file_setattr'

interface Machine {
  readonly name: string
  readonly syscalls: readonly (string | undefined)[]
}

/** `arch` of a record, AUDIT_ARCH_* of <linux/audit.h>: the ELF machine, bit 31 for 64 bits, bit 30 for little endian. */
const MACHINES: ReadonlyMap<string, Machine> = new Map([
  ['c000003e', machine('x86_64', SYSCALLS_X86_64)],
  ['40000003', machine('i386', SYSCALLS_I386)],
  ['c00000b7', machine('aarch64', SYSCALLS_AARCH64)],
  ['800000b7', machine('aarch64_be', SYSCALLS_AARCH64)],
  ['40000028', machine('arm', SYSCALLS_ARM)],
  ['28', machine('armeb', SYSCALLS_ARM)],
  ['c0000015', machine('ppc64le', SYSCALLS_PPC64)],
  ['80000015', machine('ppc64', SYSCALLS_PPC64)],
  ['14', machine('ppc', SYSCALLS_PPC64)],
  ['80000016', machine('s390x', SYSCALLS_S390X)],
  ['16', machine('s390', '')],
  ['c00000f3', machine('riscv64', SYSCALLS_AARCH64)],
  ['400000f3', machine('riscv32', '')],
  ['c0000102', machine('loongarch64', SYSCALLS_AARCH64)],
  ['c0000032', machine('ia64', '')],
  ['80000008', machine('mips64', '')],
  ['c0000008', machine('mips64el', '')],
  ['a0000008', machine('mips64n32', '')],
  ['e0000008', machine('mips64eln32', '')],
  ['8', machine('mips', '')],
  ['40000008', machine('mipsel', '')],
  ['2', machine('sparc', '')],
  ['8000002b', machine('sparc64', '')],
  ['f', machine('parisc', '')],
  ['8000000f', machine('parisc64', '')],
  ['c0009026', machine('alpha', '')],
])

function machine(name: string, table: string): Machine {
  const syscalls: string[] = []
  let at = 0
  if (table === '') return { name, syscalls }
  for (const word of `${table} ${SINCE_6_2}`.trim().split(/\s+/)) {
    if (/^\d+$/.test(word)) at = Number(word)
    else syscalls[at++] = word
  }
  return { name, syscalls }
}

/** Name of the machine, or what was written. */
export function archName(arch: string): string {
  return MACHINES.get(arch)?.name ?? arch
}

/** Programs of the x32 kind call by the numbers of x86_64 and this bit. */
const X32 = 0x40000000

/** Name of a call, or its number as it was written. A record of another program may name it already. */
export function syscallName(arch: string | undefined, number: string): string {
  const syscalls = MACHINES.get(arch ?? 'c000003e')?.syscalls
  return syscalls?.[Number(number) & ~X32] ?? number
}
