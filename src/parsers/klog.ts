import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { child, cutHeader, note } from './support/document.ts'
import { type KlogHeader, newKlogHeader, readKlogHeader } from './support/klog-header.ts'
import { readKlogJson } from './support/klog-json.ts'
import { KLOG_ACTIONS, putKnown } from './support/klog-known.ts'
import { readPairs, unquoted } from './support/klog-pairs.ts'
import { putPlain } from './support/klog-plain.ts'
import { inZoneOf } from './support/local-time.ts'
import { quotedEnd } from './support/quoted.ts'
import { putTime } from './support/time.ts'

/** What kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy and most controllers write. */
export const klog: FormatDefinition = {
  name: 'klog',
  version: 1,
  kind: 'payload',
  title: 'klog: components of Kubernetes, text and JSON',
  definedBy: 'k8s.io/klog/v2: klog.go (formatHeader), internal/serialize; k8s.io/component-base/logs/json',
  dataset: 'kubernetes.container_logs',
  example:
    'I1124 08:00:00.123456       1 httplog.go:132] "HTTP" verb="LIST" URI="/api/v1/namespaces/shop/secrets?limit=500" latency="4.512ms" userAgent="kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9" audit-ID="7e0cbccf-8d8a-4f5f-aefb-60b8af2d2ad5" srcIP="203.0.113.7:50522" resp=403',
  remarks: [
    '`message` is what follows the header, whole; the header is in `decklog.header`. The values of structured lines are in `decklog.payload` (flattened) by their keys, without quotes; of two with one key the first is kept. What of an HTTP request has a name in ECS is only there. Of JSON lines `message` is `msg`, and the line is in `event.original`.',
    'The number that klog calls a thread id is the process id (`os.Getpid`): it is in `process.pid` and, as its header names it, in `process.thread.id`. Fatal is `fatal`, a JSON line without `v` is `error`.',
    'The time has no year and no zone: the latest year in which it is not more than a day after its batch, in the zone of the batch; behind a header of syslog or the journal in the zone that makes both agree.',
    'A line that does not begin with a header (the second one of a value of several lines, a stack of goroutines) is not of this format. The one whose value is cut is tagged `partial`. Where a record holds all lines, the value is read whole.',
    'Elastic’s integrations keep these lines as text, so nothing here departs from them: all names are ECS, or below `kubernetes`.',
  ],
  actions: KLOG_ACTIONS,
  parse,
}

const header: KlogHeader = newKlogHeader()

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  if (text.charCodeAt(0) === 123) return readKlogJson(text, draft, context)
  if (!readKlogHeader(text, context, header)) return false
  if (Number.isNaN(header.micros)) note(draft, 'time-invalid')
  else {
    const micros = inZoneOf(draft, header.micros)
    putTime(draft, Math.floor(micros / 1e6), (micros % 1e6) * 1000)
  }
  const { fields } = draft
  fields['log'] = {
    level: levelOf(header.severity),
    origin: { file: { name: text.slice(header.fileStart, header.fileEnd), line: header.line } },
  }
  const process = fields['process']
  if (process === undefined) fields['process'] = { pid: header.pid, thread: { id: header.pid } }
  else child(fields, 'process')['thread'] = { id: header.pid }
  cutHeader(draft, text, header.end)
  putMessage(draft, draft.message)
  return true
}

function levelOf(severity: number): string {
  if (severity === 73) return 'info'
  if (severity === 87) return 'warning'
  return severity === 69 ? 'error' : 'fatal'
}

/** `"msg" key=value …`, or a sentence. */
function putMessage(draft: Draft, message: string): void {
  if (message.charCodeAt(0) !== 34) {
    putPlain(draft, message)
    return
  }
  const close = quotedEnd(message, 0)
  if (close < 0) return
  // A value of several lines: those after this one are records of their own.
  if (message.endsWith('=<')) note(draft, 'partial')
  const pairs: JsonObject | undefined = close + 1 < message.length ? readPairs(message, close + 1) : undefined
  putKnown(draft, unquoted(message, 0, close), pairs)
}
