import type { RawBatch } from '../core/batch.ts'
import { DecklogError } from '../core/errors.ts'
import type { Tagger } from '../core/tagging.ts'
import type { FormatDefinition } from '../ports/format.ts'
import type { LineFormat, PayloadFormat, TraceFormat } from '../ports/line-format.ts'
import { alone } from './alone.ts'
import { DocumentReader } from './document-reader.ts'
import { type FormatChain, FormatReader } from './format-reader.ts'
import { JoinedReader } from './joined-reader.ts'
import type { LinePayloads } from './line-drafts.ts'
import { type LineFormats, LineReader } from './line-reader.ts'
import { compileConditions, type RouteConditions, type RouteTest } from './route-condition.ts'
import type { Enricher, RecordReader, Redactor } from './run.ts'
import { TranslatedReader } from './translated-reader.ts'

/** What a pipeline file says that matters here. Plain data. */
export interface PipelineSpec {
  readonly class: string
  readonly match: readonly {
    readonly when: RouteConditions
    readonly parse: readonly (string | readonly string[])[]
    readonly dataset: string
  }[]
}

/** Implementations that a pipeline names. */
export interface PipelineParts {
  readonly formats: ReadonlyMap<string, FormatDefinition>
  /** Formats that are read from bytes. */
  readonly lineFormats: ReadonlyMap<string, LineFormat>
  readonly payload: PayloadFormat
  readonly trace: TraceFormat
  readonly tagger?: Tagger | undefined
  readonly redactor?: Redactor | undefined
  readonly enricher?: Enricher | undefined
}

export interface Route {
  readonly fits: RouteTest
  readonly dataset: string
  /** `format` is that of the source: container lines are read as their runtime writes them, whichever of them `parse:` names. */
  readonly newReader: (format: string) => RecordReader
}

/** A pipeline with everything that it names. Holds no state; one serves all streams of its class. */
export interface CompiledPipeline {
  readonly class: string
  readonly routes: readonly Route[]
  readonly fallback: Route
  readonly tagger: Tagger | undefined
  readonly redactor: Redactor | undefined
  readonly enricher?: Enricher | undefined
}

/** @throws {DecklogError} `config-invalid` when it names a format that does not exist or cannot stand there */
export function compilePipeline(spec: PipelineSpec, parts: PipelineParts): CompiledPipeline {
  return {
    class: spec.class,
    routes: spec.match.map(({ when, parse, dataset }) => ({
      fits: compileConditions(when),
      dataset,
      newReader: readerOf(spec, parse, parts),
    })),
    fallback: {
      fits: () => true,
      dataset: 'decklog.unrouted',
      newReader: () => new FormatReader({ record: TEXT, payloads: [] }),
    },
    tagger: parts.tagger,
    redactor: parts.redactor,
    enricher: parts.enricher,
  }
}

/** The first route whose conditions all hold. Provenance only: what a record says never decides where it goes. */
export function routeOf(pipeline: CompiledPipeline, batch: RawBatch): Route {
  return pipeline.routes.find(({ fits }) => fits(batch)) ?? pipeline.fallback
}

function readerOf(
  spec: PipelineSpec,
  parse: PipelineSpec['match'][number]['parse'],
  parts: PipelineParts,
): (format: string) => RecordReader {
  const [first, ...rest] = parse
  const line = typeof first === 'string' ? parts.lineFormats.get(first) : undefined
  if (line !== undefined) {
    const formats = { trace: parts.trace, ...payloadsOf(spec, rest, parts) }
    return (format) => lineReader({ ...formats, line: parts.lineFormats.get(format) ?? line })
  }
  const chain: FormatChain = {
    record: firstOf(spec, first, parts),
    payloads: rest.map((names) => payloadList(spec, names, parts)),
  }
  if (chain.record.isDocument === true) return () => new DocumentReader(new FormatReader(chain))
  if (chain.record.joining === undefined) return () => new FormatReader(chain)
  if (rest.length > 0) throw invalid(spec, `behind ${chain.record.name} nothing can stand`)
  return () => new JoinedReader(chain.record)
}

function lineReader(formats: LineFormats): RecordReader {
  const reader = new LineReader(formats)
  const { translate } = formats.line
  return translate === undefined ? reader : new TranslatedReader(reader, translate)
}

/** A payload format may stand first too: klog in a file is the same as klog behind a container line's header. */
function firstOf(
  spec: PipelineSpec,
  name: string | readonly string[] | undefined,
  parts: PipelineParts,
): FormatDefinition {
  const format = formatOf(spec, name, undefined, parts)
  return format.kind === 'record' ? format : alone(format)
}

/**
 * What reads the text of container lines. `json` alone, or nothing, is their fast path; what formats do not take goes that way, so
 * beside them `json` is always read, at the latest behind them all.
 */
function payloadsOf(
  spec: PipelineSpec,
  [names = [], ...rest]: PipelineSpec['match'][number]['parse'],
  parts: PipelineParts,
): { payload: PayloadFormat; payloads?: LinePayloads } {
  const list = typeof names === 'string' ? [names] : names
  const formats = list.filter((name) => name !== 'json')
  const more = rest.map((level) => payloadList(spec, level, parts))
  if (formats.length === 0 && more.length === 0)
    return { payload: list.length === 0 ? NO_PAYLOAD : parts.payload }
  const json = list.indexOf('json')
  const first = formats.map((name) => firstOf(spec, name, parts))
  const joined = first.find(({ joining }) => joining !== undefined)
  if (joined !== undefined) throw invalid(spec, `${joined.name} joins records, so it stands alone`)
  return {
    payload: parts.payload,
    payloads: { first, beforeJson: json < 0 ? first.length : json, hasJson: json >= 0, more },
  }
}

function payloadList(
  spec: PipelineSpec,
  names: string | readonly string[],
  parts: PipelineParts,
): FormatDefinition[] {
  return (typeof names === 'string' ? [names] : names).map((name) => formatOf(spec, name, 'payload', parts))
}

const NO_PAYLOAD: PayloadFormat = {
  scan(_bytes, _start, _end, into) {
    into.quality = 0
    return 'text'
  },
  level: () => undefined,
}

function formatOf(
  spec: PipelineSpec,
  name: string | readonly string[] | undefined,
  kind: FormatDefinition['kind'] | undefined,
  parts: PipelineParts,
): FormatDefinition {
  const format = typeof name === 'string' ? parts.formats.get(name) : undefined
  if (format === undefined) {
    const known = [...parts.lineFormats.keys(), ...parts.formats.keys()].sort().join(', ')
    throw invalid(spec, `parse names "${String(name)}", which is no format; formats: ${known}`)
  }
  if (kind !== undefined && format.kind !== kind) {
    throw invalid(spec, `parse has ${format.name}, a ${format.kind} format, behind another`)
  }
  return format
}

function invalid(spec: PipelineSpec, what: string): DecklogError {
  return new DecklogError('config-invalid', `pipeline of class ${spec.class}: ${what}`)
}

/** For a source that no route fits: its records are kept as text, and say so. */
const TEXT: FormatDefinition = {
  name: 'text',
  version: 1,
  kind: 'record',
  title: 'Text',
  definedBy: 'decklog',
  dataset: 'decklog.unrouted',
  example: 'anything',
  parse: () => false,
}
