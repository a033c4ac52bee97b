import type { Draft } from '../../core/document.ts'
import { child } from './document.ts'

/** `systemctl [OPTION…] start|stop [OPTION…] UNIT`: Elastic's names for it. The unit is the first word that is no option. */
export function putService(draft: Draft, command: string): void {
  if (!command.includes('systemctl ')) return
  const words = command.split(' ', WORDS_MAX)
  if (words[0] !== 'systemctl' && !words[0]!.endsWith('/systemctl')) return
  const rest = words.slice(1).filter((word) => word !== '' && !word.startsWith('-'))
  const [verb, unit] = rest
  if ((verb !== 'start' && verb !== 'stop') || unit === undefined) return
  const event = child(draft.fields, 'event')
  event['action'] = `service-${verb}`
  event['type'] = [verb === 'stop' ? 'end' : 'start']
  draft.fields['service'] = { name: unit.endsWith('.service') ? unit.slice(0, -8) : unit }
}

const WORDS_MAX = 16
