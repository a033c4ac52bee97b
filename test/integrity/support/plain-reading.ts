import type { RawBatch } from '../../../src/core/batch.ts'
import type { SeqRange } from '../../../src/core/event-batch.ts'
import { bytesOf } from './archive.ts'

/** `<time> <stdout|stderr> <P|F> <content>` */
const CRI_LINE = /^(\S+) std(?:out|err) ([PF]) (.*)$/s

interface Document {
  readonly '@timestamp': string
  readonly message: string
  readonly event: { readonly id?: string; readonly dataset: string }
  readonly decklog: { readonly payload?: unknown; readonly quality?: unknown }
}

/**
 * Reads a document's records a second time, simply, and compares time and message: so that the check does not lean on the
 * parsers alone. Undefined when they agree, or when the records are not plain.
 */
export function plainProblem(json: string, lines: readonly string[]): string | undefined {
  const document = JSON.parse(json) as Document
  if (document.decklog.quality !== undefined) return undefined
  if (document.event.dataset === 'kubernetes.container_logs') return containerProblem(document, lines)
  if (document.event.dataset === 'kubernetes.audit_logs') return auditProblem(document, lines[0]!)
  if (document.event.dataset === 'system.auth' && !lines[0]!.includes(document.message))
    return `the message is ${JSON.stringify(document.message)}`
  return undefined
}

function containerProblem(document: Document, lines: readonly string[]): string | undefined {
  let time = ''
  let content = ''
  for (const line of lines) {
    const [, stamp, tag, text] = CRI_LINE.exec(line) ?? []
    if (stamp === undefined) return undefined
    time ||= stamp
    content += tag === 'F' ? `${text}\n` : text
  }
  if (document['@timestamp'] !== time) return `the time is ${document['@timestamp']} instead of ${time}`
  if (document.decklog.payload !== undefined || document.message === content.replace(/\n$/, ''))
    return undefined
  return `the message is ${JSON.stringify(document.message)} instead of ${JSON.stringify(content)}`
}

function auditProblem(document: Document, line: string): string | undefined {
  const { auditID, stageTimestamp } = JSON.parse(line) as { auditID: string; stageTimestamp: string }
  if (document.event.id !== auditID) return `the audit id is ${document.event.id} instead of ${auditID}`
  const isSameTime = Date.parse(document['@timestamp']) === Date.parse(stageTimestamp)
  return isSameTime ? undefined : `the time is ${document['@timestamp']} instead of ${stageTimestamp}`
}

/** The records of some ranges as text, without their newlines; undefined where the batch holds not all of them. */
export function linesIn(batch: RawBatch): (ranges: readonly SeqRange[]) => readonly string[] | undefined {
  const { firstSeq, count, fragment } = batch
  let lines: readonly string[] | undefined
  return (ranges) => {
    if (fragment !== null) return undefined
    if (ranges.some(([first, last]) => first < firstSeq || last >= firstSeq + count)) return undefined
    lines ??= bytesOf(batch).toString('utf8').split('\n')
    return ranges.flatMap(([first, last]) => lines!.slice(first - firstSeq, last - firstSeq + 1))
  }
}
