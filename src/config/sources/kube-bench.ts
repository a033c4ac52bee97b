import { z } from 'zod'
import { durationSchema } from '../pipelines.ts'
import { className, formatName, receiverFields } from './common.ts'

/** kube-bench's reports of this node: run here, picked up from a directory, or both. */
export const kubeBenchSource = z
  .strictObject({
    kind: z.literal('kube-bench'),
    ...receiverFields,
    class: className.default('control-plane'),
    format: formatName.default('kube-bench'),
    /** Reports of others: `<moment>-….json`, or any `.json`, which is then of the moment `scheduled`. Taken ones end in `.taken`. */
    directory: z.string().min(1).optional(),
    /** What is run; without it nothing is. */
    command: z.array(z.string().min(1)).min(1).optional(),
    /** The first run on a node is of the moment `provisioning`, those after it are `scheduled`. */
    every: durationSchema.prefault('24h'),
    /** When this file appears kube-bench is run at once, for the moment `incident`; the file is removed. */
    trigger: z.string().min(1).optional(),
    timeout: durationSchema.prefault('5m'),
  })
  .refine(
    ({ directory, command }) => directory !== undefined || command !== undefined,
    'name a directory to pick reports up from, or a command to run, e.g. [kube-bench, --json]',
  )
