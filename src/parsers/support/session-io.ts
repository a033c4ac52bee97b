import type { Draft, JsonObject } from '../../core/document.ts'
import { child, isObject } from './document.ts'
import { replaceMessage } from './document.ts'
import { terminalText } from './terminal-text.ts'

/** `event.*` of what is about a recorded session. */
export function putSession(draft: Draft, action: string, type: 'start' | 'end' | 'info'): JsonObject {
  const event = child(draft.fields, 'event')
  event['action'] = action
  event['category'] = ['session']
  event['type'] = [type]
  return event
}

/** What a terminal showed: `process.io` as it came, `message` as people read it. */
export function putOutput(draft: Draft, text: string, output: string): void {
  const io = { type: 'tty', text: output, total_bytes_captured: Buffer.byteLength(output) }
  const process = draft.fields['process']
  if (isObject(process)) process['io'] = io
  else draft.fields['process'] = { io }
  replaceMessage(draft, text, terminalText(output))
}

/** A decimal number of seconds, as milliseconds to the microsecond. Undefined for what is none. */
export function millisOf(seconds: string): number | undefined {
  if (!/^\d{1,12}(?:\.\d{1,9})?$/.test(seconds)) return undefined
  return Math.round(Number(seconds) * 1e6) / 1e3
}
