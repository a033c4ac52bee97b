import type { Draft } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import type { JoinedFormat } from '../ports/joined-format.ts'
import { CALL_ACTIONS } from './support/auditd-actions.ts'
import { composeEvent, composeUnstamped } from './support/auditd-compose.ts'
import { readHeader } from './support/auditd-header.ts'
import { type AuditProgress, startProgress, takeRecord } from './support/auditd-needs.ts'
import { AUDIT_TYPES } from './support/auditd-types.ts'

/**
 * Linux audit, as auditd writes it into /var/log/audit/audit.log, in either of its formats (log_format = RAW or ENRICHED):
 *
 *     [node=NAME ]type=SYSCALL msg=audit(1764000000.123:4711): arch=c000003e syscall=59 …[\x1dARCH=x86_64 SYSCALL=execve …]
 *
 * An event is all records of one node, time and serial. `joining` says when it is whole.
 */
const joining: JoinedFormat<AuditProgress> = {
  read: (text, header) => readHeader(text, header) >= 0,
  start: startProgress,
  take: (progress, text, header) => takeRecord(progress, header.type, text),
  parse: (records, draft, context) => composeEvent(records, draft, context.redact),
  separator: '\x1d',
  hasHidden: (text) => HEXADECIMAL.test(text),
}

/** A value that may be text in hexadecimal. */
const HEXADECIMAL = /=(?:[0-9A-F]{2}){2,64}/

export const auditd: FormatDefinition = {
  name: 'auditd',
  version: 1,
  kind: 'record',
  title: 'Linux audit',
  definedBy:
    'kernel/audit.c and kernel/auditsc.c of Linux; auditd, libaudit and libauparse of https://github.com/linux-audit/audit-userspace',
  dataset: 'auditd.log',
  example:
    'type=USER_LOGIN msg=audit(1764000000.123:4711): pid=1298 uid=0 auid=1000 ses=3 subj=system_u:system_r:sshd_t:s0-s0:c0.c1023 msg=\'op=login id=1000 exe="/usr/sbin/sshd" hostname=203.0.113.7 addr=203.0.113.7 terminal=/dev/pts/0 res=success\'\x1dUID="root" AUID="alice" ID="alice"',
  remarks: [
    'Records of one event (same node, time and serial) become one document, also when they are interleaved or out of order: `message` has them as they came, a line each, and `decklog.ranges` says which they were. What ends an event: [the decision](../decisions/audit-reassembly.md). An event that lacks a record which its SYSCALL record announces is tagged `incomplete`, and `decklog.audit.missing` names the types.',
    'An event of one record has the fields of Elastic’s auditd integration (`auditd.log.*`). A system call with its companions has besides them what auditbeat gives: `auditd.data`, `auditd.paths`, `auditd.summary`, `auditd.result`, `auditd.session`, with names of system calls (x86_64, i386, arm64, arm, ppc64le, s390x, riscv64, loongarch64) and of errors. `auditd.log.syscall` stays the number, as Elastic has it.',
    'Differences from Elastic’s integration: `event.action`, `event.category`, `event.type` and `event.outcome` of a SYSCALL record are those of the call that its number means, where Elastic’s pipeline knows names only. `event.action` is one value and not a list. `group.id` of GRP_MGMT is the group’s and not the actor’s. `file.device` is the device that holds the file, `file.path` is absolute where the record has the working directory. Hexadecimal is decoded as UTF-8. A `src` that is only a number (SELinux) is a port and no address.',
    '`user.audit`, `user.saved`, `user.filesystem`, `user.owner` and `user.terminal` are Elastic’s names in this data stream and no ECS. An id 4294967295 is not set; it stays as it was written, as in Elastic’s documents. Control characters in decoded text are written with carets (`^M`), except in `process.args`.',
    'Serials of one node and boot that never come are declared as a loss of the stream (`source-gap`).',
  ],
  actions: actionsOf(),
  parse,
  joining,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  if (!text.startsWith('type=') && !text.startsWith('node=') && !text.startsWith('audit: type=')) return false
  return composeEvent(text.split('\n'), draft, context.redact) || composeUnstamped(text, draft)
}

function actionsOf(): Record<string, string> {
  const actions: Record<string, string> = {
    'violated-selinux-policy': 'AVC of SELinux, within a system call',
    'violated-apparmor-policy': 'AVC of AppArmor',
  }
  for (const { name, action } of AUDIT_TYPES) {
    const own = action ?? name.toLowerCase()
    actions[own] = actions[own] === undefined ? name : `${actions[own]}, ${name}`
  }
  for (const [syscall, { action }] of CALL_ACTIONS) {
    actions[action!] = actions[action!] === undefined ? syscall : `${actions[action!]}, ${syscall}`
  }
  return actions
}
