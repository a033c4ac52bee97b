import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { BGP_ACTIONS, type BgpEvent, putBgp } from './support/bgp-session.ts'
import { keepJson, put, putTime, readObject, str, textOf } from './support/json-record.ts'
import { readLogrus } from './support/logrus-text.ts'

/**
 * A line of GoBGP, which kube-router has in it, as text or JSON:
 *
 *     time="2026-11-24T08:00:00Z" level=info msg="Peer Up" Key=10.0.0.2 State=BGP_FSM_OPENCONFIRM Topic=Peer
 *     {"Key":"10.0.0.2","Reason":"hold-timer-expired","State":"BGP_FSM_ESTABLISHED","Topic":"Peer","level":"info","msg":"Peer Down","time":"…"}
 *
 * kube-router's own lines are klog.
 */
export const gobgp: FormatDefinition = {
  name: 'gobgp',
  version: 1,
  kind: 'payload',
  title: 'GoBGP (kube-router)',
  definedBy: 'osrg/gobgp: pkg/server/fsm.go, pkg/server/server.go, pkg/log; sirupsen/logrus',
  dataset: 'decklog.bgp',
  example:
    'time="2026-11-24T08:00:00Z" level=info msg="Peer Down" Key=10.0.0.2 Reason=hold-timer-expired State=BGP_FSM_ESTABLISHED Topic=Peer',
  remarks: ['The message stays as it is; of JSON it is `msg`, and `event.original` has the record.'],
  actions: BGP_ACTIONS,
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const isJson = text.charCodeAt(0) === 123
  const log = isJson ? readObject(text) : text.startsWith('time="') ? readLogrus(text) : undefined
  if (log === undefined || typeof log['msg'] !== 'string' || typeof log['level'] !== 'string') return false
  if (log['Topic'] === undefined && log['Key'] === undefined) return false
  if (isJson) {
    keepJson(text, draft)
    draft.message = log['msg']
  }
  putTime(draft, context, log['time'])
  put(draft.fields, 'log.level', log['level'])
  putBgp(draft, eventOf(log))
  return true
}

function eventOf(log: JsonObject): BgpEvent {
  const message = str(log['msg'])
  const state = str(log['State']).replace('BGP_FSM_', '').toLowerCase()
  const reason = textOf(log['Reason'] ?? log['Error'] ?? log['Data'])
  const common = {
    product: 'gobgp',
    neighbor: textOf(log['Key']),
    state,
    reason,
    asn: textOf(log['asn'] ?? log['AS']),
  }
  if (message === 'Peer Up') return { ...common, action: 'bgp-session-up', state: 'up' }
  if (message === 'Peer Down') return { ...common, action: 'bgp-session-down', state: 'down' }
  if (message.startsWith('received notification')) return { ...common, action: 'bgp-notification-received' }
  if (message.startsWith('sent notification')) return { ...common, action: 'bgp-notification-sent' }
  if (message.startsWith('state changed')) return { ...common, action: 'bgp-session-state' }
  if (log['level'] === 'error' || message.startsWith('failed') || message.startsWith("Can't"))
    return { ...common, action: 'bgp-session-error', reason: reason ?? message }
  return { ...common, action: 'bgp-message' }
}
