import type { ApiProblem, FieldInfo, Note, ValueCount } from './api.ts'
import { fill, h } from './dom.ts'
import { escapedField, type Typing, typingAt, valueText } from './kql-text.ts'
import { plain } from './safe-text.ts'
import { type Suggestion, suggest } from './suggest.ts'

export interface QueryBar {
  set(query: string): void
  text(): string
  focus(): void
  problem(problem: ApiProblem | undefined): void
  notes(notes: readonly Note[]): void
}

export interface QueryBarOptions {
  readonly form: HTMLFormElement
  readonly input: HTMLTextAreaElement
  readonly list: HTMLElement
  readonly message: HTMLElement
  readonly onRun: () => void
  readonly fields: () => readonly FieldInfo[]
  readonly values: (field: string, prefix: string, signal: AbortSignal) => Promise<readonly ValueCount[]>
}

const SUGGESTIONS_MAX = 12
const TYPING_PAUSE_MS = 120

export function queryBar(options: QueryBarOptions): QueryBar {
  const { input } = options
  let asking = new AbortController()
  let pause: ReturnType<typeof setTimeout> | undefined

  const insert = (suggestion: Suggestion): void => {
    const typing = typingAt(input.value, input.selectionStart)
    input.setRangeText(suggestion.insert, typing.start, typing.end, 'end')
    grow(input)
    schedule()
  }
  const list = suggest(input, options.list, insert)
  const schedule = (): void => {
    clearTimeout(pause)
    asking.abort()
    asking = new AbortController()
    const { signal } = asking
    pause = setTimeout(() => void complete(signal), TYPING_PAUSE_MS)
  }
  const complete = async (signal: AbortSignal): Promise<void> => {
    const typing = typingAt(input.value, input.selectionStart)
    const found = await suggestionsFor(typing, options, signal)
    if (!signal.aborted && document.activeElement === input) list.show(found)
  }
  const stop = (): void => {
    clearTimeout(pause)
    asking.abort()
    list.close()
  }

  input.addEventListener('input', () => {
    grow(input)
    schedule()
  })
  input.addEventListener('blur', stop)
  input.addEventListener('keydown', (event) => {
    if (list.key(event)) {
      event.preventDefault()
      event.stopPropagation()
      return
    }
    if (event.key === ' ' && event.ctrlKey) schedule()
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    stop()
    options.onRun()
  })
  options.form.addEventListener('submit', (event) => {
    event.preventDefault()
    stop()
    options.onRun()
  })

  return {
    set(query) {
      if (input.value !== query) input.value = query
      grow(input)
    },
    text: () => input.value.trim(),
    focus() {
      input.focus()
      input.select()
    },
    problem(problem) {
      input.setAttribute('aria-invalid', String(problem !== undefined))
      options.message.className = 'query-message error'
      if (problem === undefined) return fill(options.message)
      fill(options.message, ...problemLines(problem, input.value))
    },
    notes(notes) {
      options.message.className = 'query-message'
      fill(options.message, ...notes.map((note) => h('p', {}, plain(note.message))))
    },
  }
}

/** The server's sentence, then the query with a caret under the character it points at. */
function problemLines(problem: ApiProblem, query: string): HTMLElement[] {
  const [sentence = ''] = problem.message.split('\n')
  const lines: HTMLElement[] = [h('p', { attrs: { role: 'alert' } }, plain(sentence))]
  if (problem.position === undefined) return lines
  const start = query.lastIndexOf('\n', problem.position - 1) + 1
  const end = query.indexOf('\n', problem.position)
  const line = query.slice(start, end < 0 ? undefined : end)
  const column = problem.position - start
  // Long queries are shown around the character, so that the caret is never out of sight.
  const from = Math.max(0, column - 40)
  const shown = `${from > 0 ? '…' : ''}${line.slice(from, from + 100)}`
  const caret = `${' '.repeat(column - from + (from > 0 ? 1 : 0))}^`
  lines.push(h('pre', { class: 'caret', attrs: { 'aria-hidden': 'true' } }, `${shown}\n${caret}`))
  return lines
}

async function suggestionsFor(
  typing: Typing,
  options: QueryBarOptions,
  signal: AbortSignal,
): Promise<Suggestion[]> {
  if (typing.kind === 'field') return fieldSuggestions(typing.prefix, options.fields())
  if (typing.field === 'message' || typing.field.includes('*')) return []
  try {
    const found = await options.values(typing.field, typing.prefix, signal)
    return found.slice(0, SUGGESTIONS_MAX).map((one) => ({
      insert: `${valueText(one.value)} `,
      label: one.value.slice(0, 200),
      note: one.count.toLocaleString('en-US'),
    }))
  } catch {
    return []
  }
}

function fieldSuggestions(prefix: string, fields: readonly FieldInfo[]): Suggestion[] {
  if (prefix === '') return []
  const wanted = prefix.toLowerCase()
  const rank = (field: FieldInfo): number => {
    const name = field.name.toLowerCase()
    if (name.startsWith(wanted)) return field.seen ? 0 : 1
    if (name.split('.').some((part) => part.startsWith(wanted))) return field.seen ? 2 : 3
    return name.includes(wanted) ? 4 : 5
  }
  return fields
    .map((field) => ({ field, rank: rank(field) }))
    .filter((one) => one.rank < 5)
    .sort((a, b) => a.rank - b.rank || a.field.name.localeCompare(b.field.name))
    .slice(0, SUGGESTIONS_MAX)
    .map(({ field }) => ({
      insert: `${escapedField(field.name)}: `,
      label: field.name,
      note: field.seen ? field.type : `${field.type} · not seen yet`,
    }))
}

/** As high as its lines, one to six. */
function grow(input: HTMLTextAreaElement): void {
  input.style.setProperty('height', 'auto')
  input.style.setProperty('height', `${Math.min(input.scrollHeight + 2, 132)}px`)
}
