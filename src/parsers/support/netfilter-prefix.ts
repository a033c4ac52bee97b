import type { JsonObject } from '../../core/document.ts'
import { put } from './json-record.ts'

/** Words of a rule's prefix that say its verdict. `D`, `R` and `A` are those of Ubiquiti's routers. */
const DENIED = new Set([
  'drop',
  'dropped',
  'deny',
  'denied',
  'reject',
  'rejected',
  'block',
  'blocked',
  'd',
  'r',
])
const ALLOWED = new Set(['accept', 'accepted', 'allow', 'allowed', 'pass', 'a'])
const ACTIONS: Readonly<Record<string, string>> = { a: 'accept', d: 'drop', r: 'reject' }

/** `event.action`, `rule.*` and what belongs to Ubiquiti of the text before `IN=`. Returns the `event.type` of the verdict. */
export function putPrefix(fields: JsonObject, text: string): 'denied' | 'allowed' | undefined {
  const prefix = withoutUptime(text).trim()
  if (prefix === '') return undefined
  const label = /\[([^\]]*)-([^-\]]*)-([^-\]]*)\]$/.exec(prefix)
  if (label !== null) return putUbiquiti(fields, label[1]!, label[2]!, label[3]!)
  put(fields, 'rule.name', prefix.replace(/[:\s]+$/, ''))
  if (prefix.includes('calico-packet')) {
    put(fields, 'event.action', 'log')
    return undefined
  }
  const action = /([A-Za-z]\w*)\W*$/.exec(prefix.slice(-64))?.[1]?.toLowerCase()
  put(fields, 'event.action', action)
  return verdictOf(prefix)
}

/** `[16571.459614] ` of `printk.time`. */
function withoutUptime(text: string): string {
  const match = /^\s*\[\s*\d{1,10}\.\d{1,9}\]/.exec(text)
  return match === null ? text : text.slice(match[0].length)
}

/** `[RULESET-NUMBER-ACTION]`; a rule set between zones is `in-out`. */
function putUbiquiti(
  fields: JsonObject,
  ruleSet: string,
  number: string,
  letter: string,
): 'denied' | 'allowed' | undefined {
  const action = ACTIONS[letter.toLowerCase()] ?? letter.toLowerCase()
  put(fields, 'event.action', action)
  put(fields, 'rule.name', ruleSet)
  put(fields, 'rule.id', number)
  const ubiquiti: JsonObject = { rule_set: ruleSet, rule_number: number }
  const zones = ruleSet.split('-')
  if (zones.length > 1) {
    ubiquiti['input_zone'] = zones[0]!
    ubiquiti['output_zone'] = zones[1]!
    put(fields, 'observer.ingress.zone', zones[0])
    put(fields, 'observer.egress.zone', zones[1])
  }
  put(fields, 'iptables.ubiquiti', ubiquiti)
  return verdictOf(action)
}

function verdictOf(text: string): 'denied' | 'allowed' | undefined {
  const words = text.toLowerCase().split(/[^a-z]+/, 32)
  for (let i = words.length - 1; i >= 0; i--) {
    if (DENIED.has(words[i]!)) return 'denied'
    if (ALLOWED.has(words[i]!)) return 'allowed'
  }
  return undefined
}
