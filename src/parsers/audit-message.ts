import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { auditd } from './auditd.ts'
import { composeEvent, composeBody } from './support/auditd-compose.ts'
import { readRecord } from './support/auditd-record.ts'
import { isKnownType } from './support/auditd-types.ts'
import { isObject, writtenBy } from './support/document.ts'

/**
 * A record of Linux audit behind a header: what the kernel prints where no auditd runs, what auditd's syslog plugin sends, and what
 * the journal has from the kernel (its transport `audit`, without the stamp):
 *
 *     [   12.345678] audit: type=1400 audit(SECONDS.MILLIS:SERIAL): BODY
 *     [node=NAME ]type=NAME msg=audit(SECONDS.MILLIS:SERIAL): BODY
 *     NAME BODY
 */
export const auditMessage: FormatDefinition = {
  name: 'audit-message',
  version: 1,
  kind: 'payload',
  title: 'Linux audit in syslog and in the journal',
  definedBy:
    'kernel/audit.c (kauditd_printk_skb), audisp-syslog of audit-userspace, src/journal/journald-audit.c of systemd',
  dataset: 'system.syslog',
  example:
    'audit: type=1400 audit(1764000000.123:56): apparmor="DENIED" operation="open" class="file" profile="snap.cups.cupsd" name="/etc/shadow" pid=1911 comm="cupsd" requested_mask="r" denied_mask="r" fsuid=0 ouid=0',
  remarks: [
    'Only messages of a process named `kernel`, `audit`, `auditd`, `audispd` or `audisp-syslog`, and entries that the journal itself got from the kernel. Fields are those of [auditd](auditd.md); `@timestamp` is the record’s own. The process of the header is in `decklog.header`: `process` is the one that the record is about.',
    'One record is one event: records are joined only where auditd’s own file is read (`auditd`), for here they come without an end, and the kernel prints no more than what its rate limit lets through.',
  ],
  actions: auditd.actions!,
  parse,
}

const WRITERS = ['kernel', 'audit', 'auditd', 'audispd', 'audisp-syslog']

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  if (isFromJournal(draft.fields)) return parseJournal(text, draft, context)
  if (!writtenBy(draft, WRITERS)) return false
  const record = text.slice(startOf(text))
  if (readRecord(record) === undefined) return false
  delete draft.fields['process']
  return composeEvent([record], draft, context.redact)
}

/** Behind the kernel's own clock, where a header has left it. */
function startOf(text: string): number {
  const end = text.startsWith('[') ? text.indexOf('] ') : -1
  return end > 0 && end < 32 ? end + 2 : 0
}

/** A field of the journal whose name begins with an underscore, which no program can write. */
function isFromJournal({ systemd }: JsonObject): boolean {
  return isObject(systemd) && systemd['transport'] === 'audit'
}

function parseJournal(text: string, draft: Draft, context: FormatContext): boolean {
  const space = text.indexOf(' ')
  const name = space < 0 ? text : text.slice(0, space)
  if (!isKnownType(name)) return false
  delete draft.fields['process']
  composeBody({ name, text, body: name.length }, draft, context.redact)
  return true
}
