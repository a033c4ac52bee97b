import type { Draft, Json, JsonObject } from '../../core/document.ts'
import { child, isObject, note } from './document.ts'
import { put } from './json-record.ts'
import { levelName } from './log-level.ts'
import { readMoment } from './moment.ts'
import type { FormatContext } from '../../ports/format.ts'

/**
 * Members that loggers of applications write, and what they mean. In a list the first that a record has wins; what loses stays
 * with the rest. Where a member holds an object (`err`, `thrown`, `source`, `log`) its own members are looked at by NESTED.
 *
 * pino, bunyan, winston, zap, logrus, slog, zerolog, log4j2 (JsonLayout, JsonTemplateLayout), Logback (JsonEncoder, Logstash
 * encoder), Serilog (compact and plain), Microsoft.Extensions.Logging, python-json-logger, structlog, monolog, semantic_logger,
 * Rust's tracing, GELF, Google Cloud.
 */
const SLOTS = {
  message: 'message msg @m RenderedMessage Message short_message event @mt MessageTemplate MESSAGE body',
  level:
    'level severity lvl @l Level LogLevel levelname level_name loglevel logLevel severity_text SeverityText PRIORITY',
  time: '@timestamp time timestamp ts @t Timestamp datetime date asctime eventTime t',
  logger: 'logger logger_name loggerName SourceContext Category name',
  errorMessage: 'error_message errorMessage',
  errorType: 'error_type errorType exc_type exception_class',
  errorStack: 'stack_trace stacktrace stackTrace stack @x exc_info exc_text Exception exception backtrace',
  trace: 'trace_id traceId traceID TraceId dd.trace_id @tr otelTraceID trace.id',
  span: 'span_id spanId spanID SpanId dd.span_id @sp otelSpanID span.id',
  transaction: 'transaction_id transactionId transaction.id',
  thread: 'thread thread_name threadName ThreadName',
  caller: 'caller location file',
  line: 'line lineno line_number',
  function: 'func function funcName method_name',
  pid: 'pid process_id ProcessId',
} as const

export type Slot = keyof typeof SLOTS | keyof typeof PARENTS

/** Members that may hold an object with more of them. */
const PARENTS = { error: 'error err thrown throwable', source: 'source', instant: 'instant' } as const

interface Place {
  readonly slot: Slot
  readonly rank: number
}

const PLACES: ReadonlyMap<string, Place> = new Map(
  Object.entries({ ...SLOTS, ...PARENTS }).flatMap(([slot, names]) =>
    names.split(' ').map((name, rank) => [name, { slot: slot as Slot, rank }] as const),
  ),
)

interface Found {
  readonly name: string
  readonly rank: number
  readonly value: Json
}

export type Taken = Partial<Record<Slot, Found>>

/** Sorts the members of a record into what is known and `rest`. */
export function sortMembers(object: JsonObject, rest: JsonObject): Taken {
  const taken: Taken = {}
  for (const name in object) {
    const value = object[name]!
    const place = PLACES.get(name)
    if (place === undefined || value === null || value === '') {
      rest[name] = value
      continue
    }
    const { slot, rank } = place
    const before = taken[slot]
    if (!fits(slot, value, name) || (before !== undefined && before.rank < rank)) {
      rest[name] = value
      continue
    }
    if (before !== undefined) rest[before.name] = before.value
    taken[slot] = { name, rank, value }
  }
  return taken
}

/** Is the value one that the slot can hold? */
function fits(slot: Slot, value: Json, name: string): boolean {
  if (slot === 'error') return typeof value === 'string' || isObject(value)
  if (slot === 'source' || slot === 'instant') return isObject(value)
  if (slot === 'errorStack') return typeof value !== 'number' && typeof value !== 'boolean'
  if (slot === 'level')
    return (typeof value === 'string' || typeof value === 'number') && levelName(value) !== undefined
  if (slot === 'time' || slot === 'line' || slot === 'pid')
    return typeof value === 'string' || typeof value === 'number'
  if (typeof value !== 'string') return false
  // A file is a place in the code only with a line.
  return slot !== 'caller' || name === 'caller' || /:\d{1,8}$/.test(value)
}

export function putTaken(taken: Taken, draft: Draft, context: FormatContext, rest: JsonObject): void {
  const { level, logger, trace, span, transaction, thread, pid } = taken
  putTime(taken, draft, context, rest)
  if (level !== undefined) {
    const name = levelName(level.value as string | number)
    if (name === undefined) rest[level.name] = level.value
    else child(draft.fields, 'log')['level'] = name
  }
  if (logger !== undefined) child(draft.fields, 'log')['logger'] = logger.value
  putOrigin(taken, draft, rest)
  putErrors(taken, draft, rest)
  if (trace !== undefined) draft.fields['trace'] = { id: trace.value }
  if (span !== undefined) draft.fields['span'] = { id: span.value }
  if (transaction !== undefined) draft.fields['transaction'] = { id: transaction.value }
  if (thread !== undefined) put(draft.fields, 'process.thread.name', thread.value)
  if (pid !== undefined) putPid(pid, draft, rest)
}

function putTime({ time, instant }: Taken, draft: Draft, context: FormatContext, rest: JsonObject): void {
  if (draft.timeNs !== undefined) {
    // The header's time is the moment of receipt by something we trust more; the record's own stays searchable.
    if (time !== undefined) rest[time.name] = time.value
    return
  }
  const value = time?.value ?? (instant === undefined ? undefined : log4jInstant(instant.value as JsonObject))
  if (value === undefined) return
  draft.timeNs = readMoment(value, context)
  if (draft.timeNs !== undefined) return
  note(draft, 'time-invalid')
  if (time !== undefined) rest[time.name] = time.value
}

/** log4j2's JsonLayout: `{"epochSecond":1,"nanoOfSecond":2}`, as text, for a double cannot hold it. */
function log4jInstant({ epochSecond, nanoOfSecond }: JsonObject): string | undefined {
  if (typeof epochSecond !== 'number' || !Number.isSafeInteger(epochSecond)) return undefined
  const nanos = typeof nanoOfSecond === 'number' && Number.isSafeInteger(nanoOfSecond) ? nanoOfSecond : 0
  return `${epochSecond}.${String(nanos).padStart(9, '0')}`
}

/** `caller: "cart/store.go:87"`, `source: {function, file, line}`, or members of their own. */
function putOrigin(taken: Taken, draft: Draft, rest: JsonObject): void {
  const { caller, line, source } = taken
  if (source !== undefined) {
    const { function: name, file, line: number } = source.value as JsonObject
    putOriginParts({ name, file, line: number }, draft)
    return
  }
  if (caller === undefined) {
    if (line !== undefined) rest[line.name] = line.value
    if (taken.function !== undefined) putOriginParts({ name: taken.function.value }, draft)
    return
  }
  const text = caller.value as string
  const colon = text.lastIndexOf(':')
  const number = colon > 0 ? text.slice(colon + 1) : ''
  const isPlace = number !== '' && number.length < 9 && !/\D/.test(number)
  putOriginParts(
    {
      name: taken.function?.value,
      file: isPlace ? text.slice(0, colon) : text,
      line: line?.value ?? (isPlace ? Number(number) : undefined),
    },
    draft,
  )
}

interface OriginParts {
  readonly name?: Json | undefined
  readonly file?: Json | undefined
  readonly line?: Json | undefined
}

function putOriginParts({ name, file, line }: OriginParts, draft: Draft): void {
  if (typeof name === 'string') put(draft.fields, 'log.origin.function', name)
  if (typeof file === 'string') put(draft.fields, 'log.origin.file.name', file)
  const number = typeof line === 'string' && /^\d{1,9}$/.test(line) ? Number(line) : line
  if (typeof number === 'number' && Number.isSafeInteger(number))
    put(draft.fields, 'log.origin.file.line', number)
}

function putPid({ name, value }: Found, draft: Draft, rest: JsonObject): void {
  const number = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value
  const process = child(draft.fields, 'process')
  if (typeof number === 'number' && Number.isSafeInteger(number) && process['pid'] === undefined)
    process['pid'] = number
  else rest[name] = value
}

function putErrors(taken: Taken, draft: Draft, rest: JsonObject): void {
  const { error, errorMessage, errorType, errorStack } = taken
  const found: JsonObject = {}
  if (error !== undefined) readError(error.value, found)
  if (errorStack !== undefined) readError(errorStack.value, found, true)
  if (errorType !== undefined) found['type'] ??= errorType.value
  if (errorMessage !== undefined) found['message'] ??= errorMessage.value
  if (Object.keys(found).length > 0) draft.fields['error'] = found
  else for (const lost of [error, errorStack]) if (lost !== undefined) rest[lost.name] = lost.value
}

const TYPE_NAMES = ['type', 'name', 'class', 'className', 'exception_class', 'Type', 'kind']
const MESSAGE_NAMES = ['message', 'msg', 'exception_message', 'Message']
const STACK_NAMES = [
  'stack',
  'stack_trace',
  'stacktrace',
  'stackTrace',
  'extendedStackTrace',
  'backtrace',
  'traceback',
]

/** An error as text, as an object of one of these names, or as a list of stack lines. */
function readError(value: Json, into: JsonObject, isStack = false): void {
  if (typeof value === 'string') into[isStack ? 'stack_trace' : 'message'] ??= value
  else if (Array.isArray(value)) {
    const stack = stackOf(value)
    if (stack !== '') into['stack_trace'] ??= stack
  } else if (isObject(value)) {
    pick(value, TYPE_NAMES, 'type', into)
    pick(value, MESSAGE_NAMES, 'message', into)
    pick(value, STACK_NAMES, 'stack_trace', into)
    const { code } = value
    if (typeof code === 'string' || typeof code === 'number') into['code'] ??= String(code)
  }
}

function pick(value: JsonObject, names: readonly string[], field: string, into: JsonObject): void {
  for (const name of names) {
    const part = value[name]
    const text = Array.isArray(part) ? stackOf(part) : part
    if (typeof text !== 'string' || text === '') continue
    into[field] ??= text
    return
  }
}

const STACK_LINES_MAX = 256

/** Lines, or frames `{class, method, file, line}` (log4j2), `{func, source, line}` (zerolog), `{className, methodName, …}` (Logback). */
function stackOf(frames: readonly Json[]): string {
  return frames
    .slice(0, STACK_LINES_MAX)
    .map((frame) => (typeof frame === 'string' ? frame : isObject(frame) ? frameText(frame) : ''))
    .filter((line) => line !== '')
    .join('\n')
}

function frameText(frame: JsonObject): string {
  const owner = frame['class'] ?? frame['className']
  const name = frame['method'] ?? frame['methodName'] ?? frame['func'] ?? frame['function']
  const file = frame['file'] ?? frame['fileName'] ?? frame['source'] ?? frame['filename']
  const line = frame['line'] ?? frame['lineNumber'] ?? frame['lineno']
  const called = [owner, name].filter((part) => typeof part === 'string').join('.')
  if (called === '' && typeof file !== 'string') return ''
  return `\tat ${called}(${typeof file === 'string' ? file : ''}${typeof line === 'object' || line === undefined ? '' : `:${line}`})`
}
