import type { Pipelines } from '../config/pipelines.ts'
import type { FormatDefinition } from '../ports/format.ts'
import type { PipelineSpec } from '../stages/pipeline.ts'

type Parse = PipelineSpec['match'][number]['parse']

/**
 * What `--as sshd` reads: the message of sshd as such, or lines of `auth.log`, which have a header of syslog before it and others of the
 * same file among them. Undefined for formats that no pipeline reads behind syslog.
 */
export function behindSyslog(
  format: FormatDefinition,
  { pipelines, syslog }: { readonly pipelines: Pipelines; readonly syslog: FormatDefinition },
): { readonly parse: Parse; readonly record: FormatDefinition } | undefined {
  const lists = pipelines.classes.flatMap(({ match }) =>
    match
      .map(({ parse }) => parse)
      .filter(([first, ...rest]) => first === 'syslog' && rest.flat().includes(format.name)),
  )
  const longest = lists.sort((a, b) => b.flat().length - a.flat().length)[0]
  if (format.kind !== 'payload' || longest === undefined) return undefined
  const others = longest
    .slice(1)
    .flat()
    .filter((name) => name !== format.name)
  return { parse: ['syslog', [format.name, ...others]], record: maybeSyslog(format, syslog) }
}

function maybeSyslog(format: FormatDefinition, syslog: FormatDefinition): FormatDefinition {
  return {
    ...syslog,
    parse(text, draft, context, others) {
      if (syslog.parse(text, draft, context, others)) return true
      // Read twice, for a line that is neither must be left untouched.
      const scratch = { fields: {}, message: text, timeNs: undefined, quality: [], original: undefined }
      return format.parse(text, scratch, context)
    },
  }
}
