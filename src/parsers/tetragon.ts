import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { putThreat } from './support/attack.ts'
import { isObject, relate } from './support/document.ts'
import { freeForm } from './support/free-form.ts'
import {
  intOf,
  isoAsWritten,
  keepJson,
  objectOf,
  put,
  putTime,
  readObject,
  str,
  stringsOf,
} from './support/json-record.ts'
import { putArguments } from './support/tetragon-arguments.ts'
import { commandOf, putProcess } from './support/tetragon-process.ts'

/**
 * One event of Tetragon's JSON export (`export-stdout`, `/var/run/cilium/tetragon/tetragon.log`, `tetra getevents -o json`):
 *
 *     {"process_exec":{"process":{…},"parent":{…}},"node_name":"worker-3","time":"…"}
 *
 * and likewise `process_exit`, `process_kprobe`, `process_tracepoint`, `process_uprobe`, `process_lsm`, `process_loader`, `process_throttle`,
 * `rate_limit_info`, `test`.
 */
export const tetragon: FormatDefinition = {
  name: 'tetragon',
  version: 1,
  kind: 'payload',
  title: 'Tetragon events',
  definedBy:
    'cilium/tetragon: api/v1/tetragon/events.proto, tetragon.proto (GetEventsResponse as protojson writes it)',
  dataset: 'cilium_tetragon.log',
  example:
    '{"process_exec":{"process":{"exec_id":"d29ya2VyLTM6MTIz","pid":52699,"uid":0,"cwd":"/","binary":"/usr/bin/curl","arguments":"https://ebpf.io/applications/#tetragon","flags":"execve rootcwd","start_time":"2026-11-24T08:00:00.700327580Z","auid":4294967295,"pod":{"namespace":"shop","name":"web-6f4b7","container":{"id":"containerd://551e161c47d8ff0eb665438a7bcd5b4e3ef5a297282b40a92b7c77d6bd168eb3","name":"web","image":{"id":"registry.example.com/shop/web@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","name":"registry.example.com/shop/web:1.4.2"},"start_time":"2026-11-24T07:52:41Z","pid":49},"pod_labels":{"app":"web"},"workload":"web","workload_kind":"Deployment"},"docker":"551e161c47d8ff0eb665438a7bcd5b4","parent_exec_id":"d29ya2VyLTM6MTIy","refcnt":1,"tid":52699},"parent":{"exec_id":"d29ya2VyLTM6MTIy","pid":52459,"uid":0,"cwd":"/","binary":"/bin/bash","flags":"execve rootcwd clone","start_time":"2026-11-24T07:57:41.658Z","auid":4294967295,"parent_exec_id":"d29ya2VyLTM6MTIx","tid":52459}},"node_name":"worker-3","time":"2026-11-24T08:00:00.700326678Z"}',
  remarks: [
    'Names and values are those of Elastic’s `cilium_tetragon` integration: the whole record is below `cilium_tetragon.log` (one flattened field here), `event.action` is `executed` and `end` for exec and exit. `message` is a summary, `event.original` the record.',
    'Beyond Elastic: `@timestamp` is the event’s `time`; `process.name`, `process.command_line`, capabilities, `container.image.hash.all`, `decklog.subject`; of kprobes, tracepoints, LSM hooks and uprobes the function (`event.action`), the policy (`rule.name`), files, sockets (`source`, `destination`, `network`) and credentials among their arguments; `event.kind: alert` where the policy killed, or overrode a call.',
    '`process.args` is the text of the arguments cut at blanks, as Tetragon quotes them: an argument with a blank in it is several.',
  ],
  actions: {
    executed: 'A program was started (`process_exec`)',
    end: 'A process ended (`process_exit`)',
    'FUNCTION, …':
      'A hook of a tracing policy: the kernel function, `subsystem/event` of a tracepoint, the LSM hook or the symbol',
    loaded: 'A library was mapped (`process_loader`)',
    throttle: 'Events of a cgroup are throttled',
    'rate-limit': 'Events were dropped by the exporter’s rate limit',
  },
  parse,
}

const KINDS = [
  'process_exec',
  'process_exit',
  'process_kprobe',
  'process_tracepoint',
  'process_uprobe',
  'process_lsm',
  'process_loader',
  'process_usdt',
  'process_throttle',
  'rate_limit_info',
  'test',
] as const
type Kind = (typeof KINDS)[number]

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const record = readObject(text)
  if (record === undefined) return false
  const kind = KINDS.find((name) => isObject(record[name]))
  if (kind === undefined || (record['time'] === undefined && record['node_name'] === undefined)) return false
  const body = objectOf(record[kind])
  const { fields } = draft
  keepJson(text, draft)
  putTime(draft, context, record['time'])
  put(fields, 'cilium_tetragon.log', freeForm(record))
  put(fields, 'host.name', str(record['node_name']))
  put(fields, 'orchestrator.cluster.name', str(record['cluster_name']))
  put(fields, 'observer.product', 'tetragon')
  put(fields, 'observer.vendor', 'Cilium')
  put(fields, 'observer.type', 'sensor')
  relate(draft, 'hosts', str(record['node_name']))
  const process = objectOf(body['process'])
  // The writer that a header named is the observer, not whom it saw.
  delete fields['process']
  putProcess(draft, process, objectOf(body['parent']), str(record['node_name']))
  putKind(draft, kind, body)
  return true
}

function putKind(draft: Draft, kind: Kind, body: JsonObject): void {
  switch (kind) {
    case 'process_exec':
      return putExec(draft, body)
    case 'process_exit':
      return putExit(draft, body)
    case 'process_loader':
      put(draft.fields, 'file.path', str(body['path']))
      return putEvent(
        draft,
        { action: 'loaded', category: 'library', type: 'start', of: str(body['path']) },
        body,
      )
    case 'process_throttle':
      return putEvent(
        draft,
        { action: 'throttle', category: 'host', type: 'info', of: str(body['cgroup']) },
        body,
      )
    case 'rate_limit_info':
      return putEvent(
        draft,
        {
          action: 'rate-limit',
          category: 'host',
          type: 'info',
          of: `${str(body['number_of_dropped_process_events'])} events dropped`,
        },
        body,
      )
    case 'test':
      return putEvent(draft, { action: 'test', category: 'host', type: 'info', of: '' }, body)
    default:
      return putHook(draft, body)
  }
}

interface Happened {
  readonly action: string
  readonly category: string
  readonly type: string
  /** What it was done to, for the summary. */
  readonly of: string
}

function putEvent(draft: Draft, { action, category, type, of }: Happened, body: JsonObject): void {
  put(draft.fields, 'event.action', action)
  put(draft.fields, 'event.category', [category])
  put(draft.fields, 'event.type', [type])
  draft.message = [action, of, commandOf(objectOf(body['process']))].filter((part) => part !== '').join(' ')
}

function putExec(draft: Draft, body: JsonObject): void {
  putEvent(draft, { action: 'executed', category: 'process', type: 'start', of: '' }, body)
}

function putExit(draft: Draft, body: JsonObject): void {
  const { fields } = draft
  const status = intOf(body['status'])
  const signal = str(body['signal'])
  putEvent(
    draft,
    {
      action: 'end',
      category: 'process',
      type: 'end',
      of: signal === '' ? (status === undefined ? '' : `(${status})`) : `(${signal})`,
    },
    body,
  )
  put(fields, 'process.exit_code', status)
  put(fields, 'process.end', isoAsWritten(body['time']))
  put(fields, 'decklog.tetragon.signal', signal)
}

/** Hooks of a tracing policy. */
function putHook(draft: Draft, body: JsonObject): void {
  const { fields } = draft
  const name =
    str(body['function_name']) ||
    [str(body['subsys']), str(body['event'])].filter((part) => part !== '').join('/') ||
    str(body['symbol'])
  const policyAction = str(body['action']).replace('KPROBE_ACTION_', '')
  const found = putArguments(draft, body)
  putEvent(draft, { action: name, category: found.category, type: found.type, of: found.of }, body)
  put(fields, 'rule.name', str(body['policy_name']))
  put(fields, 'rule.description', str(body['message']))
  put(fields, 'decklog.tetragon.action', policyAction)
  put(fields, 'decklog.tetragon.function', name)
  putThreat(fields, stringsOf(body['tags']) ?? [])
  if (!STOPPING.has(policyAction)) return
  put(fields, 'event.kind', 'alert')
  put(fields, 'event.type', [found.type, 'denied'])
  put(fields, 'event.outcome', 'failure')
}

const STOPPING = new Set(['SIGKILL', 'OVERRIDE', 'NOTIFYENFORCER', 'SIGNAL'])
