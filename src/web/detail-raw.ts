import { h } from './dom.ts'
import { type EventDocument, listOf, messageOf, valueOf } from './event.ts'
import { longText } from './render.ts'
import { plain } from './safe-text.ts'

/** Bytes that the hex view shows: enough to see what was wrong with a record. */
const HEX_BYTES_MAX = 4096

/** The record as it came, as far as the document has it, and what was odd about it. */
export function detailRaw(document: EventDocument): HTMLElement {
  const raw = valueOf(document, 'decklog.raw')
  const original = valueOf(document, 'event.original')
  const quality = listOf(document, 'decklog.quality')
  return h(
    'div',
    { class: 'raw' },
    quality.length > 0 &&
      h('p', { class: 'odd-note' }, `Odd about this record: ${quality.map(plain).join(', ')}.`),
    h('p', { class: 'hint' }, explanation(raw, original)),
    longText(original ?? messageOf(document), { class: 'boxed' }),
    raw !== undefined && hexView(raw),
  )
}

function explanation(raw: string | undefined, original: string | undefined): string {
  if (raw !== undefined)
    return 'The bytes are no valid text. They are kept exactly: below as text with marks, then as bytes.'
  if (original !== undefined) return 'The exact text of the record, before anything was read out of it.'
  return 'The text of the record. Nothing was lost in parsing it: its exact bytes can be rebuilt from the document, and the archive holds them too.'
}

function hexView(base64: string): HTMLElement {
  let bytes = ''
  try {
    bytes = atob(base64.slice(0, Math.ceil(HEX_BYTES_MAX / 3) * 4))
  } catch {
    return h('p', { class: 'hint' }, 'decklog.raw is not base64.')
  }
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += 16) {
    const row = Array.from({ length: Math.min(16, bytes.length - at) }, (_, index) =>
      bytes.charCodeAt(at + index),
    )
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const ascii = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
    lines.push(`${at.toString(16).padStart(6, '0')}  ${hex.padEnd(47)}  ${ascii}`)
  }
  return h('pre', { class: 'log boxed', attrs: { tabindex: '0', 'aria-label': 'Bytes' } }, lines.join('\n'))
}
