/**
 * rsyslog and sysklogd put equal messages together: `message repeated 2 times: [ Failed password for root …]`.
 * The count is how often the message came besides the first, which has its own line.
 */
export function readRepeated(text: string): { readonly count: number; readonly message: string } | undefined {
  if (!text.startsWith('message repeated ') || !text.endsWith(']')) return undefined
  const open = text.indexOf(' times: [')
  if (open < 17 || open > 27) return undefined
  const count = Number(text.slice(17, open))
  if (!Number.isInteger(count)) return undefined
  const start = text.charCodeAt(open + 9) === 32 ? open + 10 : open + 9
  return { count, message: text.slice(start, -1) }
}
