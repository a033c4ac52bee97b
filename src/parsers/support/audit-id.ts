import type { Json, JsonObject } from '../../core/document.ts'

/**
 * The id that all copies of one audit event share, however they come: webhook, its retry, the log file. `auditID` and stage alone would
 * let a client choose it: an API server takes over the header `Audit-ID` of a request, so a second request could pass for a copy of the
 * first. The server's own times, in microseconds, are in it too. Undefined for an event that lacks one of them.
 */
export function auditEventId(audit: JsonObject): string | undefined {
  const parts = ['auditID', 'stage', 'requestReceivedTimestamp', 'stageTimestamp'].map((name) => audit[name])
  return parts.every(isText) ? parts.join('|').slice(0, 400) : undefined
}

function isText(value: Json | undefined): value is string {
  return typeof value === 'string' && value !== ''
}
