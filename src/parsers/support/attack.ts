import type { JsonObject } from '../../core/document.ts'
import { put } from './json-record.ts'

/** MITRE ATT&CK's tactics by their names in lower case with `_`. */
const TACTICS: Readonly<Record<string, readonly [id: string, name: string]>> = {
  reconnaissance: ['TA0043', 'Reconnaissance'],
  resource_development: ['TA0042', 'Resource Development'],
  initial_access: ['TA0001', 'Initial Access'],
  execution: ['TA0002', 'Execution'],
  persistence: ['TA0003', 'Persistence'],
  privilege_escalation: ['TA0004', 'Privilege Escalation'],
  defense_evasion: ['TA0005', 'Defense Evasion'],
  credential_access: ['TA0006', 'Credential Access'],
  discovery: ['TA0007', 'Discovery'],
  lateral_movement: ['TA0008', 'Lateral Movement'],
  collection: ['TA0009', 'Collection'],
  command_and_control: ['TA0011', 'Command and Control'],
  exfiltration: ['TA0010', 'Exfiltration'],
  impact: ['TA0040', 'Impact'],
}

/** `threat.*` of tags such as `mitre_credential_access`, `T1059`, `T1059.004`, `TA0003`, or a tactic by its name. */
export function putThreat(fields: JsonObject, tags: readonly string[]): void {
  const tactics = new Set<readonly [string, string]>()
  const techniques = new Set<string>()
  const subtechniques = new Set<string>()
  for (const tag of tags) {
    const tactic = tacticOf(tag)
    if (tactic !== undefined) tactics.add(tactic)
    const technique = /(?:^|[^A-Za-z0-9])T(\d{4})(?:\.(\d{3}))?(?!\d)/.exec(tag)
    if (technique === null) continue
    techniques.add(`T${technique[1]}`)
    if (technique[2] !== undefined) subtechniques.add(`T${technique[1]}.${technique[2]}`)
  }
  if (tactics.size + techniques.size === 0) return
  put(fields, 'threat.framework', 'MITRE ATT&CK')
  put(
    fields,
    'threat.tactic.id',
    [...tactics].map(([id]) => id),
  )
  put(
    fields,
    'threat.tactic.name',
    [...tactics].map(([, name]) => name),
  )
  put(fields, 'threat.technique.id', [...techniques])
  put(fields, 'threat.technique.subtechnique.id', [...subtechniques])
}

function tacticOf(tag: string): readonly [string, string] | undefined {
  if (/^TA\d{4}$/.test(tag)) return Object.values(TACTICS).find(([id]) => id === tag)
  const name = tag
    .toLowerCase()
    .replace(/^mitre[_: -]+/, '')
    .replace(/[ -]/g, '_')
  return Object.hasOwn(TACTICS, name) ? TACTICS[name] : undefined
}
