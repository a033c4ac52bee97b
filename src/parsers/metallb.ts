import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { BGP_ACTIONS, putBgp } from './support/bgp-session.ts'
import { relate } from './support/document.ts'
import { ipOf } from './support/endpoint.ts'
import { keepJson, put, putTime, readObject, str, stringsOf, textOf } from './support/json-record.ts'
import { peerParts } from './support/peer.ts'
import { putSubject } from './support/subject.ts'

/**
 * A line of MetalLB's speaker or controller (go-kit's JSON):
 *
 *     {"caller":"native.go:105","event":"sessionUp","level":"info","localASN":64512,"msg":"BGP session established","peer":"10.0.0.1:179","peerASN":64513,"ts":"…"}
 *
 * In FRR mode the sessions are in the lines of the container `frr`: format `frr`.
 */
export const metallb: FormatDefinition = {
  name: 'metallb',
  version: 1,
  kind: 'payload',
  title: 'MetalLB speaker and controller',
  definedBy:
    'metallb/metallb: internal/bgp/native/native.go, speaker/main.go, speaker/bgp_controller.go, controller/main.go',
  dataset: 'decklog.bgp',
  example:
    '{"caller":"native.go:105","error":"read tcp 10.0.0.9:41234->10.0.0.1:179: i/o timeout","event":"sessionDown","level":"warn","localASN":64512,"msg":"BGP session down","peer":"10.0.0.1:179","peerASN":64513,"ts":"2026-11-24T08:00:00Z"}',
  remarks: [
    '`message` is `msg`, else the operation and the error; `event.original` has the record. Announced and withdrawn services name their addresses in `related.ip` and the service in `decklog.subject`.',
  ],
  actions: {
    ...BGP_ACTIONS,
    'service-announced': 'An address of a service is announced from this node',
    'service-withdrawn': 'It is no longer',
    'address-assigned': 'A service got an address from a pool',
    'metallb-message': 'Any other line',
  },
  parse,
}

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const log = readObject(text)
  if (log === undefined || typeof log['caller'] !== 'string' || typeof log['ts'] !== 'string') return false
  const message =
    str(log['msg']) ||
    [str(log['op']), str(log['error'])].filter((part) => part !== '').join(': ') ||
    str(log['event'])
  if (message === '') return false
  keepJson(text, draft)
  draft.message = message
  putTime(draft, context, log['ts'])
  const { fields } = draft
  put(fields, 'log.level', log['level'] === 'warn' ? 'warning' : str(log['level']))
  put(fields, 'log.origin.file.name', log['caller'].split(':', 1)[0])
  const line = Number(log['caller'].split(':')[1])
  if (Number.isSafeInteger(line)) put(fields, 'log.origin.file.line', line)
  put(fields, 'error.message', str(log['error']))
  if (log['peer'] !== undefined) putPeer(draft, log, message)
  else putService(draft, log)
  return true
}

function putPeer(draft: Draft, log: JsonObject, message: string): void {
  const peer = str(log['peer'])
  const { address, port } = peerParts(peer)
  const event = str(log['event'])
  const isUp = event === 'sessionUp' || message.includes('BGP session established')
  const isDown = event === 'sessionDown' || message.includes('BGP session down')
  const isError = log['level'] === 'error' || log['error'] !== undefined
  putBgp(draft, {
    action: isUp
      ? 'bgp-session-up'
      : isDown
        ? 'bgp-session-down'
        : isError
          ? 'bgp-session-error'
          : 'bgp-message',
    product: 'metallb',
    neighbor: address,
    state: isUp ? 'up' : isDown ? 'down' : undefined,
    reason: str(log['error']) || undefined,
    asn: textOf(log['peerASN']),
  })
  if (port >= 0) put(draft.fields, 'destination.port', port)
}

const ACTIONS: Readonly<Record<string, string>> = {
  serviceAnnounced: 'service-announced',
  serviceWithdrawn: 'service-withdrawn',
  ipAllocated: 'address-assigned',
}

function putService(draft: Draft, log: JsonObject): void {
  const { fields } = draft
  const event = str(log['event'])
  const isFailure = log['level'] === 'error'
  put(fields, 'event.action', Object.hasOwn(ACTIONS, event) ? ACTIONS[event] : 'metallb-message')
  put(fields, 'event.category', ['network'])
  put(fields, 'event.type', [Object.hasOwn(ACTIONS, event) ? 'change' : 'info'])
  put(fields, 'event.outcome', isFailure ? 'failure' : Object.hasOwn(ACTIONS, event) ? 'success' : undefined)
  put(fields, 'event.reason', str(log['reason']))
  put(fields, 'observer.product', 'metallb')
  put(fields, 'observer.type', 'router')
  const ips = stringsOf(log['ips'] ?? log['ip'], 64) ?? [str(log['ip'])]
  for (const text of ips) {
    const ip = ipOf(text)
    if (ip !== undefined) relate(draft, 'ip', ip)
  }
  const [namespace, name] = str(log['service']).split('/', 2)
  if (name !== undefined) putSubject(draft, { kind: 'service', name, namespace })
}
