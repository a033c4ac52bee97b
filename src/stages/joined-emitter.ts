import type { Quality } from '../core/document.ts'
import { qualitiesOf } from '../core/quality.ts'
import type { FormatContext, FormatDefinition } from '../ports/format.ts'
import { DraftEmitter } from './draft-emitter.ts'
import { EventDraft } from './event-draft.ts'
import { formatContext } from './format-context.ts'
import { bytesOf, type JoinedGroup } from './joined-group.ts'
import { countOne, type ParserCount } from './parser-counts.ts'
import type { BatchRun } from './run.ts'
import { oddCharacters } from './text-quality.ts'

/** Makes events of joined records, within one batch. */
export class JoinedEmitter {
  readonly #format: FormatDefinition
  readonly #context: FormatContext
  readonly #drafts: DraftEmitter
  readonly #count: ParserCount

  constructor(run: BatchRun, format: FormatDefinition) {
    this.#format = format
    this.#context = formatContext(run)
    this.#drafts = new DraftEmitter(run)
    this.#count = run.sink.parserCount([format])
  }

  /** `isEvent`: its records name an event; when not, it is one record by itself. `mayMatch`: rules are to be asked. */
  emit(group: JoinedGroup, { isEvent, mayMatch }: { isEvent: boolean; mayMatch: boolean }): void {
    const { records, ranges } = group
    const text = records.length === 1 ? records[0]! : records.join('\n')
    const [firstSeq, lastSeq] = ranges[0]!
    this.#drafts.emit({
      draft: this.#parse(group, text, isEvent),
      parser: this.#format,
      text,
      firstSeq,
      lastSeq,
      ranges: ranges.length > 1 ? ranges : undefined,
      n: 0,
      quality: this.#qualityOf(group, text),
      invalid: bytesOf(group),
      mayMatch,
      time: undefined,
    })
  }

  /** A parser must not throw; should one do so, its records are kept as text and its neighbours never know. */
  #parse(group: JoinedGroup, text: string, isEvent: boolean): EventDraft {
    const draft = new EventDraft(text)
    try {
      const isRead = isEvent
        ? this.#format.joining!.parse(group.records, draft, this.#context)
        : this.#format.parse(text, draft, this.#context)
      countOne(this.#count, isRead)
      if (isRead) return draft
      draft.quality.push('parse-failed')
      return draft
    } catch {
      const failed = new EventDraft(text)
      failed.quality.push('parse-failed', 'parser-threw')
      return failed
    }
  }

  #qualityOf(group: JoinedGroup, text: string): readonly Quality[] {
    if (group.quality === 0 && !group.mayBeOdd) return NONE
    const odd = group.mayBeOdd ? this.#oddCharacters(text, group.isAscii) : NONE
    return [...qualitiesOf(group.quality), ...odd]
  }

  #oddCharacters(text: string, isAscii: boolean): readonly Quality[] {
    return oddCharacters(text.replaceAll(this.#format.joining!.separator, ' '), isAscii)
  }
}

const NONE: readonly Quality[] = []
