import type { Draft, JsonObject } from '../core/document.ts'
import type { FormatDefinition } from '../ports/format.ts'
import { child, writtenBy } from './support/document.ts'

/**
 * systemd (PID 1 and user managers) about units:
 *
 *     (Starting|Started|Finished|Stopping|Stopped|Reloading|Reloaded|Failed to start) [UNIT - ]DESCRIPTION[.|...|…]
 *     UNIT: Main process exited, code=exited, status=1/FAILURE
 *     UNIT: Failed with result 'exit-code'.     UNIT: Scheduled restart job, restart counter is at 5.
 *     UNIT: Deactivated successfully.           UNIT: Consumed 12.345s CPU time.
 */
export const systemd: FormatDefinition = {
  name: 'systemd',
  version: 1,
  kind: 'payload',
  title: 'systemd: units',
  definedBy: 'systemd: src/core/job.c, unit.c, service.c, scope.c',
  dataset: 'system.syslog',
  example: 'Started ssh.service - OpenBSD Secure Shell server.',
  remarks: [
    'The message stays as it is; nothing is kept in `event.original`. `event.action`, `event.category` and `event.type` of units that started and stopped are those of Elastic’s system integration, which leaves targets out.',
    '`service.name` is the unit without `.service`; `decklog.systemd` has `unit`, `description`, `result`, `exit_status` and `restarts`. Only where the message names its unit, as systemd does from version 249 on, is there a unit.',
  ],
  actions: {
    'service-start': 'A unit was started',
    'service-stop': 'A unit was stopped, or ended by itself',
    'service-starting': 'A unit is being started',
    'service-stopping': 'A unit is being stopped',
    'service-failed': 'A unit failed, or could not be started',
    'service-exited': 'The main process of a unit ended, with its status',
    'service-restarted': 'A unit that had ended is being started again',
    'service-reloaded': 'A unit has read its configuration again',
  },
  parse,
}

interface Verb {
  readonly action: string
  readonly type: string
}

const VERBS: Readonly<Record<string, Verb>> = {
  Started: { action: 'service-start', type: 'start' },
  Finished: { action: 'service-stop', type: 'end' },
  Stopped: { action: 'service-stop', type: 'end' },
  Starting: { action: 'service-starting', type: 'info' },
  Stopping: { action: 'service-stopping', type: 'info' },
  Reloaded: { action: 'service-reloaded', type: 'change' },
}

function parse(text: string, draft: Draft): boolean {
  if (!writtenBy(draft, ['systemd'])) return false
  const space = text.indexOf(' ')
  if (space < 1) return false
  const first = text.slice(0, space)
  if (first.endsWith(':')) return aboutUnit(text, first.slice(0, -1), draft)
  if (text.startsWith('Failed to start ')) {
    put(draft, { action: 'service-failed', type: 'info' }, described(text.slice(16)), 'failure')
    return true
  }
  const verb = Object.hasOwn(VERBS, first) ? VERBS[first]! : undefined
  if (verb === undefined || text.startsWith('target ', space + 1)) return false
  const unit = described(text.slice(space + 1))
  if (typeof unit['unit'] === 'string' && unit['unit'].endsWith('.target')) return false
  put(draft, verb, unit, undefined)
  return true
}

/** `ssh.service - OpenBSD Secure Shell server.`, or the description alone. */
function described(text: string): JsonObject {
  const end = text.endsWith('...') ? -3 : text.endsWith('.') || text.endsWith('…') ? -1 : undefined
  const body = text.slice(0, end)
  const dash = body.indexOf(' - ')
  const unit = dash < 0 ? body : body.slice(0, dash)
  if (!isUnit(unit)) return { description: body }
  return dash < 0 ? { unit } : { unit, description: body.slice(dash + 3) }
}

const SUFFIXES = [
  '.service',
  '.socket',
  '.timer',
  '.scope',
  '.slice',
  '.mount',
  '.target',
  '.path',
  '.device',
  '.swap',
  '.automount',
]

function isUnit(name: string): boolean {
  return name.length <= 255 && !name.includes(' ') && SUFFIXES.some((suffix) => name.endsWith(suffix))
}

function aboutUnit(text: string, unit: string, draft: Draft): boolean {
  if (!isUnit(unit)) return false
  const rest = text.slice(unit.length + 2)
  const details: JsonObject = { unit }
  if (rest.startsWith('Main process exited, ') || rest.startsWith('Control process exited, ')) {
    const status = rest.indexOf('status=')
    if (status > 0) details['exit_status'] = rest.slice(status + 7)
    const isGood = rest.includes('status=0/')
    put(draft, { action: 'service-exited', type: 'end' }, details, isGood ? 'success' : 'failure')
  } else if (rest.startsWith("Failed with result '")) {
    details['result'] = rest.slice(20, rest.indexOf("'", 20))
    put(draft, { action: 'service-failed', type: 'end' }, details, 'failure')
  } else if (rest.startsWith('Scheduled restart job, restart counter is at ')) {
    const restarts = Number.parseInt(rest.slice(45), 10)
    if (restarts >= 0) details['restarts'] = restarts
    put(draft, { action: 'service-restarted', type: 'change' }, details, undefined)
  } else if (rest === 'Deactivated successfully.' || rest === 'Succeeded.') {
    put(draft, { action: 'service-stop', type: 'end' }, details, 'success')
  } else return false
  return true
}

function put(
  draft: Draft,
  verb: Verb,
  details: JsonObject,
  outcome: 'success' | 'failure' | undefined,
): void {
  const event = child(draft.fields, 'event')
  event['action'] = verb.action
  event['category'] = ['process']
  event['type'] = [verb.type]
  if (outcome !== undefined) event['outcome'] = outcome
  const unit = details['unit']
  if (typeof unit === 'string' && unit.endsWith('.service')) {
    draft.fields['service'] = { name: unit.slice(0, -8) }
  }
  child(draft.fields, 'decklog')['systemd'] = details
}
