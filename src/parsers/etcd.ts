import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { child, cutHeader, note, relate } from './support/document.ts'
import { putAction, putSource } from './support/klog-known.ts'
import { putOrigin, readLoggedJson, textOf } from './support/logfmt-line.ts'
import { isWord } from './support/web-access.ts'
import { readIso } from './support/time.ts'

/**
 * etcd's log. zap's JSON (the default since 3.5), or capnslog's text until 3.4:
 *
 *     {"level":"info","ts":"2026-11-24T08:00:00.123Z","caller":"embed/etcd.go:117","msg":"…","key":value}
 *     2026-11-24 08:00:00.123456 I | etcdserver: …
 */
export const etcd: FormatDefinition = {
  name: 'etcd',
  version: 1,
  kind: 'payload',
  title: 'etcd',
  definedBy:
    'etcd: server/embed/config_logging.go, server/etcdserver, server/auth; coreos/pkg/capnslog/formatters.go',
  dataset: 'kubernetes.container_logs',
  example:
    '{"level":"warn","ts":"2026-11-24T08:00:00.176263Z","caller":"embed/config_logging.go:170","msg":"rejected connection on client endpoint","remote-addr":"203.0.113.7:49154","server-name":"","error":"tls: first record does not look like a TLS handshake"}',
  remarks: [
    'Of JSON `message` is `msg`, the line is in `event.original`, and all other keys are in `decklog.payload` (flattened). Of text `message` is what follows the package, and the header is in `decklog.header`.',
    'Elastic’s etcd integration reads metrics only: nothing here departs from it.',
  ],
  actions: {
    tls_handshake_failed: 'A client or peer did not finish a TLS handshake',
    snapshot_sent: 'A copy of the whole database, all Secrets in it, was sent to a client',
    snapshot_saved: 'A copy of the database was saved by the server for itself',
    authentication_failed: 'A name or password that is none',
    auth_enabled: 'Users and roles are asked for from now on',
    auth_disabled: 'Users and roles are no longer asked for',
    user_changed: 'A user was made, changed or removed',
    role_changed: 'A role or what it may do was made, changed or removed',
    member_added: 'A member joined the cluster',
    member_removed: 'A member left the cluster',
    leader_elected: 'A member became the leader',
    etcd_started: 'The server began',
    etcd_stopped: 'The server ended',
    request_slow: 'A request took longer than expected',
  },
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  if (text.charCodeAt(0) !== 123) return capnslog(text, draft, context)
  const logged = readLoggedJson(text, draft, context)
  if (logged === undefined) return false
  const { message, pairs = {} } = logged
  putOrigin(draft, pairs['caller'])
  const logger = textOf(pairs['logger'])
  if (logger !== '') child(draft.fields, 'log')['logger'] = logger
  const error = textOf(pairs['error'])
  if (error !== '') draft.fields['error'] = { message: error }
  putMessage(draft, message, pairs)
  return true
}

const LEVELS: Readonly<Record<string, string>> = {
  C: 'critical',
  E: 'error',
  W: 'warning',
  N: 'notice',
  I: 'info',
  D: 'debug',
  T: 'trace',
}

/** `2006-01-02 15:04:05.000000 I | package: message`, local time. */
function capnslog(text: string, draft: Draft, context: FormatContext): boolean {
  const stamp = readIso(text, 0, context.utcOffsetMinutes)
  if (stamp === undefined || !text.startsWith(' | ', stamp.end + 2)) return false
  const level = LEVELS[text[stamp.end + 1]!]
  if (level === undefined || text.charCodeAt(stamp.end) !== 32) return false
  if (stamp.ns === undefined) note(draft, 'time-invalid')
  else draft.timeNs = stamp.ns
  const log: JsonObject = { level }
  const start = stamp.end + 5
  const colon = text.indexOf(': ', start)
  const hasPackage = colon > start && isPackage(text, start, colon)
  if (hasPackage) log['logger'] = text.slice(start, colon)
  draft.fields['log'] = log
  cutHeader(draft, text, hasPackage ? colon + 2 : start)
  putMessage(draft, draft.message, {})
  return true
}

/** `etcdserver/api/v3rpc`. */
function isPackage(text: string, from: number, to: number): boolean {
  if (to - from > 64) return false
  return text
    .slice(from, to)
    .split('/')
    .every((part) => isWord(part, 0, part.length))
}

type Put = (draft: Draft, message: string, pairs: JsonObject) => void

/** Beginnings of messages. */
const MESSAGES: readonly (readonly [start: string, put: Put])[] = [
  ['rejected connection', rejected],
  ['sending database snapshot to client', action('snapshot_sent', 'database', 'access')],
  ['sent database snapshot to client', action('snapshot_sent', 'database', 'access', 'success')],
  ['saved snapshot', action('snapshot_saved', 'database', 'info', 'success')],
  ['invalid password', user('authentication_failed', 'authentication', 'start', 'failure')],
  ['invalid user name or password', user('authentication_failed', 'authentication', 'start', 'failure')],
  ['user name not found', user('authentication_failed', 'authentication', 'start', 'failure')],
  ['enabled authentication', action('auth_enabled', 'configuration', 'change', 'success')],
  ['disabled authentication', action('auth_disabled', 'configuration', 'change', 'success')],
  ['added a user', user('user_changed', 'iam', 'creation', 'success')],
  ['deleted a user', user('user_changed', 'iam', 'deletion', 'success')],
  ['changed a password of a user', user('user_changed', 'iam', 'change', 'success')],
  ['granted a role to a user', user('user_changed', 'iam', 'change', 'success')],
  ['revoked a role of a user', user('user_changed', 'iam', 'change', 'success')],
  ['created a role', action('role_changed', 'iam', 'creation', 'success')],
  ['deleted a role', action('role_changed', 'iam', 'deletion', 'success')],
  ['granted/updated a permission to a user', action('role_changed', 'iam', 'change', 'success')],
  ['revoked a permission on range', action('role_changed', 'iam', 'change', 'success')],
  ['added member', action('member_added', 'configuration', 'creation', 'success')],
  ['removed member', action('member_removed', 'configuration', 'deletion', 'success')],
  ['starting an etcd server', action('etcd_started', 'process', 'start')],
  ['closing etcd server', action('etcd_stopped', 'process', 'end')],
  ['apply request took too long', action('request_slow', 'database', 'info')],
]

function putMessage(draft: Draft, message: string, pairs: JsonObject): void {
  const found = MESSAGES.find(([start]) => message.startsWith(start))
  if (found !== undefined) found[1](draft, message, pairs)
  else if (message.startsWith('raft') && message.includes(' elected leader '))
    putAction(draft, 'leader_elected', ['configuration'], ['change'], 'success')
}

type Outcome = 'success' | 'failure'

function action(name: string, category: string, type: string, outcome?: Outcome): Put {
  return (draft) => putAction(draft, name, [category], [type], outcome)
}

function user(name: string, category: string, type: string, outcome: Outcome): Put {
  return (draft, _, pairs) => {
    const changed = category === 'iam'
    putAction(draft, name, [category], changed ? ['user', type] : [type], outcome)
    const who = textOf(pairs['user-name'])
    if (who === '') return
    draft.fields['user'] = changed ? { target: { name: who } } : { name: who }
    relate(draft, 'user', who)
  }
}

/** JSON: `remote-addr`, `server-name`. Text: `rejected connection from "10.0.0.1:123" (error "EOF", ServerName "")`. */
function rejected(draft: Draft, message: string, pairs: JsonObject): void {
  putAction(draft, 'tls_handshake_failed', ['network'], ['connection'], 'failure')
  draft.fields['network'] = { protocol: 'tls', transport: 'tcp' }
  const [, address, error, name] =
    /^rejected connection from "([^"]{1,64})" \(error "([^"]*)", ServerName "([^"]*)"/.exec(message) ?? []
  putSource(draft, textOf(pairs['remote-addr']) || (address ?? ''))
  if (error !== undefined) draft.fields['error'] = { message: error }
  const server = textOf(pairs['server-name']) || (name ?? '')
  if (server === '') return
  draft.fields['tls'] = { client: { server_name: server } }
  relate(draft, 'hosts', server)
}
