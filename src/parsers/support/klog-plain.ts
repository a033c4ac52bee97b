import type { Draft } from '../../core/document.ts'
import { child, relate } from './document.ts'
import { putAction, putMount, putRequest, putSource, restOfRequest } from './klog-known.ts'
import { readPairs, unquoted } from './klog-pairs.ts'
import { quotedEnd } from './quoted.ts'

/** What matters in messages that are sentences. By the first letter, so that most lines cost one comparison. */
export function putPlain(draft: Draft, text: string): void {
  switch (text.charCodeAt(0)) {
    case 104: // h
      if (text.startsWith('http: TLS handshake error from ')) tlsError(draft, text)
      return
    case 118: // v
      if (text.startsWith('verb=')) oldRequest(draft, text)
      return
    case 85: // U
      if (text.startsWith('Unable to authenticate the request')) unauthenticated(draft, text)
      return
    case 82: // R
      if (text.startsWith('RBAC: no rules authorize user ')) denied(draft, text, 30)
      else if (text.startsWith('RBAC DENY: user ')) denied(draft, text, 16)
      return
    case 77: // M
      if (text.startsWith('MountVolume.')) putMount(draft, text, true)
      return
    case 79: // O
      if (text.startsWith('Operation for ')) putMount(draft, text, true)
      return
    case 71: // G
      if (text.startsWith('Got sys oom event')) putAction(draft, 'oom', ['process'], ['end'])
      return
    case 115: // s
      if (text.startsWith('successfully acquired lease '))
        putAction(draft, 'leader_elected', ['configuration'], ['change'], 'success')
      return
    case 102: // f
      if (text.startsWith('failed to renew lease '))
        putAction(draft, 'leader_lost', ['configuration'], ['change'])
      return
    case 108: // l
      if (text.startsWith('leaderelection lost'))
        putAction(draft, 'leader_lost', ['configuration'], ['change'])
      return
    default:
  }
}

/** net/http, server.go: `http: TLS handshake error from 10.0.0.1:4711: EOF`. */
function tlsError(draft: Draft, text: string): void {
  const at = 31
  const end = text.indexOf(': ', at)
  if (end < 0 || end - at > 64) return
  putSource(draft, text.slice(at, end))
  const reason = text.slice(end + 2)
  putAction(draft, 'tls_handshake_failed', ['network'], ['connection'], 'failure')
  child(draft.fields, 'event')['reason'] = reason
  draft.fields['error'] = { message: reason }
  draft.fields['network'] = { protocol: 'tls', transport: 'tcp' }
}

/** httplog.go until 1.19. What follows ` srcIP="…": ` is a stack and what the handler added. */
function oldRequest(draft: Draft, text: string): void {
  const pairs = readPairs(text, 0)
  if (pairs?.['URI'] === undefined || pairs['srcIP'] === undefined) return
  child(draft.fields, 'decklog')['payload'] = restOfRequest(pairs)
  putRequest(draft, pairs)
}

function unauthenticated(draft: Draft, text: string): void {
  putAction(draft, 'authentication_failed', ['authentication'], ['start'], 'failure')
  const error = text.indexOf('error: ')
  if (error > 0) draft.fields['error'] = { message: text.slice(error + 7) }
}

/**
 * rbac.go: `RBAC: no rules authorize user "u" with groups ["a" "b"] to "get" resource "pods/log" named "p" in namespace "n"`,
 * `… to "get" nonResourceURL "/metrics" cluster-wide`; before 1.8 `RBAC DENY: user "u" groups [..] cannot "get" resource …`.
 */
function denied(draft: Draft, text: string, at: number): void {
  const user = quoted(text, at)
  if (user === undefined) return
  putAction(draft, 'authorization_denied', ['api'], ['denied'], 'failure')
  draft.fields['user'] = { name: user.value }
  relate(draft, 'user', user.value)
  const groups = groupsAt(text, user.end)
  if (groups !== undefined) child(draft.fields, 'user')['group'] = { name: groups.values }
  const verbAt = text.indexOf('"', groups?.end ?? user.end)
  const verb = verbAt < 0 ? undefined : quoted(text, verbAt)
  if (verb === undefined) return
  const event = child(draft.fields, 'event')
  event['reason'] = text
  const resource = after(text, verb.end, ' resource ')
  const url = after(text, verb.end, ' nonResourceURL ')
  const decklog = child(draft.fields, 'decklog')
  const payload: Record<string, string> = { verb: verb.value }
  if (url !== undefined) {
    payload['path'] = url.value
    draft.fields['url'] = { original: url.value, path: url.value }
  } else if (resource !== undefined) putResource(draft, text, resource, payload)
  decklog['payload'] = payload
}

interface Quoted {
  readonly value: string
  readonly end: number
}

function putResource(draft: Draft, text: string, resource: Quoted, payload: Record<string, string>): void {
  payload['resource'] = resource.value
  const name = after(text, resource.end, ' named ')
  const namespace = after(text, name?.end ?? resource.end, ' in namespace ')
  const target: Record<string, string> = { type: resource.value.split(/[./]/, 1)[0] ?? '' }
  if (name !== undefined) target['name'] = name.value
  draft.fields['orchestrator'] =
    namespace === undefined ? { resource: target } : { resource: target, namespace: namespace.value }
  if (name !== undefined) payload['name'] = name.value
  if (namespace !== undefined) payload['namespace'] = namespace.value
}

/** The quoted text at `at`. */
function quoted(text: string, at: number): Quoted | undefined {
  if (text.charCodeAt(at) !== 34) return undefined
  const close = quotedEnd(text, at)
  return close < 0 ? undefined : { value: unquoted(text, at, close), end: close + 1 }
}

/** The quoted text right after `word`, when that stands at `at`. */
function after(text: string, at: number, word: string): Quoted | undefined {
  return text.startsWith(word, at) ? quoted(text, at + word.length) : undefined
}

/** ` with groups ["a" "b"]`, ` groups ["a" "b"]`. */
function groupsAt(text: string, at: number): { readonly values: string[]; readonly end: number } | undefined {
  const open = text.startsWith(' with groups [', at)
    ? at + 14
    : text.startsWith(' groups [', at)
      ? at + 9
      : -1
  if (open < 0) return undefined
  const values: string[] = []
  let next = open
  for (let group = quoted(text, next); group !== undefined; group = quoted(text, next)) {
    if (values.length < GROUPS_MAX) values.push(group.value)
    next = text.charCodeAt(group.end) === 32 ? group.end + 1 : group.end
  }
  return { values, end: next }
}

const GROUPS_MAX = 256
