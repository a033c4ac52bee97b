import type { Pipelines } from '../config/pipelines.ts'
import type { Problem } from './problems.ts'

/** What a pipeline file says that can be no one's wish, though it works. */
export function pipelineProblems({ classes }: Pipelines): Problem[] {
  return classes.flatMap((pipeline) => {
    const last = pipeline.match.findIndex(({ when }) => Object.keys(when).length === 0)
    const unreached = last < 0 ? 0 : pipeline.match.length - last - 1
    if (unreached === 0) return []
    const which = unreached === 1 ? 'the match' : `${unreached} matches`
    return [
      {
        severity: 'warning',
        message: `pipeline of class ${pipeline.class}: ${which} behind match ${last + 1}, which has no condition and takes every record, can never be used; put it last`,
        exitStatus: 2,
      },
    ]
  })
}
