import type { Draft, Json, JsonObject, Quality } from '../core/document.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { putTaken, sortMembers } from './support/app-logger.ts'
import { child, isObject, note } from './support/document.ts'
import { takeEcs } from './support/ecs-document.ts'
import { keepJson, readObject } from './support/json-record.ts'
import { levelName } from './support/log-level.ts'
import { readMoment } from './support/moment.ts'

/** One JSON object, as applications' loggers print it; with `ecs.version` a document of the Elastic Common Schema. */
export const jsonApp: FormatDefinition = {
  name: 'json-app',
  version: 1,
  kind: 'payload',
  title: 'JSON of applications: common loggers, and ECS documents',
  definedBy:
    'RFC 8259; ECS logging; pino, bunyan, zap, logrus, slog, zerolog, log4j2, Logback, Serilog, python-json-logger, structlog and others by their own documentation',
  dataset: 'decklog.json',
  example:
    '{"level":"error","ts":1795507200.123456,"logger":"cart","caller":"cart/store.go:87","msg":"cannot save","cart":"c-81","error":"connection refused","stacktrace":"shop/cart.(*Store).Save\\n\\tcart/store.go:87","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}',
  remarks: [
    'The record is kept in `event.original`, for it cannot be rebuilt from the document. What loggers agree on becomes `message`, `@timestamp`, `log.level`, `log.logger`, `log.origin.*`, `error.*`, `trace.id`, `span.id`, `transaction.id`, `process.thread.name` and `process.pid`; everything else is below `decklog.payload`, one flattened field, so that no application adds fields to the mapping.',
    'A document with `ecs.version` is taken as it is, nested and dotted names alike: fields of ECS whose values have the type that the field has. What says where a record comes from and what it means to decklog (`host`, `container`, `orchestrator`, `agent`, `data_stream`, `event.kind`, `event.dataset`, `tags`, `related`, `rule`, `threat`) is not an application’s to say and goes to `decklog.payload`, and so does every value that does not fit.',
    'A time that a header gives (syslog, container runtime) stays the event’s; the logger’s own is then in `decklog.payload`. Numbers are seconds, milli-, micro- or nanoseconds by their size.',
    'Levels keep the logger’s own name in lower case; numbers are those of pino and bunyan (10 to 60) or of syslog (0 to 7).',
  ],
  actions: { 'cart-saved, …': 'In an ECS document, what the application says' },
  parse,
}

/** Marks JSON in a syslog message (Common Event Expression, as rsyslog and sudo write it). */
const CEE = '@cee:'

function parse(text: string, draft: Draft, context: FormatContext): boolean {
  const object = readObject(text.startsWith(CEE) ? text.slice(CEE.length) : text)
  if (object === undefined) return false
  keepJson(text, draft)
  const rest = Object.create(null) as JsonObject
  if (isEcs(object)) putEcs(object, draft, context, rest)
  else {
    const taken = sortMembers(unwrapped(object), rest)
    if (taken.message !== undefined) draft.message = taken.message.value as string
    putTaken(taken, draft, context, rest)
  }
  putRest(text, rest, draft)
  return true
}

const KEY_LENGTH_MAX = 1024

/** An index refuses names that are very long or hold a NUL, and the whole document with them: then only the original has the rest. */
function putRest(text: string, rest: JsonObject, draft: Draft): void {
  const mayBeOdd = text.length > KEY_LENGTH_MAX || text.includes('\\u0000')
  const odd = mayBeOdd ? oddName(rest) : undefined
  if (odd !== undefined) {
    note(draft, odd)
    return
  }
  for (const _ in rest) {
    child(draft.fields, 'decklog')['payload'] = rest
    break
  }
}

/** `readObject` bounds the depth. */
function oddName(value: Json): Quality | undefined {
  if (Array.isArray(value)) return first(value.map(oddName))
  if (!isObject(value)) return undefined
  const names = Object.keys(value)
  if (names.some((name) => name.length > KEY_LENGTH_MAX)) return 'json-key-too-long'
  if (names.some((name) => name.includes('\0'))) return 'json-key-nul'
  return first(Object.values(value).map(oddName))
}

function first(found: readonly (Quality | undefined)[]): Quality | undefined {
  return found.find((quality) => quality !== undefined)
}

function isEcs(object: JsonObject): boolean {
  const { ecs } = object
  return typeof object['ecs.version'] === 'string' || (isObject(ecs) && typeof ecs['version'] === 'string')
}

function putEcs(object: JsonObject, draft: Draft, context: FormatContext, rest: JsonObject): void {
  const { message, '@timestamp': time, ecs: _ecs, 'ecs.version': _version, ...fields } = object
  if (typeof message === 'string') draft.message = message
  else if (message !== undefined) rest['message'] = message
  const ns = time === undefined || draft.timeNs !== undefined ? undefined : readMoment(time, context)
  if (ns === undefined) {
    if (time !== undefined) rest['@timestamp'] = time
  } else draft.timeNs = ns
  takeEcs(fields, draft, context, rest)
  const log = draft.fields['log']
  const level = isObject(log) ? log['level'] : undefined
  if (typeof level === 'string') (log as JsonObject)['level'] = levelName(level) ?? level
}

/**
 * tracing (Rust) puts the message into `fields`, Serilog's plain form the source into `Properties`, the Datadog and OpenTelemetry
 * bridges ids into `dd` and `span`: their members count as the record's own where it has none of that name.
 */
function unwrapped(object: JsonObject): JsonObject {
  const { fields, Properties: properties, dd, target } = object
  if (isObject(fields) && object['message'] === undefined && typeof fields['message'] === 'string') {
    const { message, ...others } = fields
    const more: JsonObject = typeof target === 'string' ? { logger: target } : {}
    return { ...without(object, 'target'), ...more, fields: others, message }
  }
  if (isObject(properties) && typeof properties['SourceContext'] === 'string') {
    const { SourceContext: source, ...others } = properties
    return { ...object, Properties: others, SourceContext: source }
  }
  if (!isObject(dd) || typeof dd['trace_id'] !== 'string') return object
  const span: JsonObject = typeof dd['span_id'] === 'string' ? { 'dd.span_id': dd['span_id'] } : {}
  return { ...object, 'dd.trace_id': dd['trace_id'], ...span }
}

function without(object: JsonObject, name: string): JsonObject {
  const { [name]: _, ...rest } = object
  return rest
}
