import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { RetentionRule } from '../ports/store.ts'
import { parseYamlFile, validate } from './yaml.ts'

/** What flows where: one file a class in `pipelines/`. Plain data: it is sent to worker threads as it is. */
const NAME = /^(?:[a-z][A-Za-z0-9_]*|(?:label|annotation)\.[A-Za-z0-9._/-]+)$/
const NAME_ADVICE =
  'is no name of provenance; write one such as format, namespace, container, image, unit, sender or path, or label.<key>, annotation.<key>'
/** A text, where `*` stands for any characters. */
const patternSchema = z.string().min(1, 'an empty text fits nothing; leave the condition out').max(512)

/** Each of them is asked about a line that none takes. */
const ALTERNATIVES_MAX = 24

const matchSchema = z.strictObject({
  /** By provenance only: `format`, `kind`, `class`, or one of the source's names (`namespace`, `unit`, `path`, …). Of a list, any. */
  when: z
    .record(
      z.string(),
      z.union([patternSchema, z.array(patternSchema).min(1, 'a list without a text fits nothing')]),
    )
    .superRefine((when, issues) => {
      for (const name of Object.keys(when))
        if (!NAME.test(name)) issues.addIssue({ code: 'custom', path: [name], message: NAME_ADVICE })
    })
    .default({}),
  /** Formats in order; a list in the list means: the first that takes the message. */
  parse: z
    .array(z.union([z.string(), z.array(z.string()).min(1).max(ALTERNATIVES_MAX)]))
    .min(1)
    .max(4),
  dataset: z.string().regex(/^[a-z][a-z0-9_]*\.[a-z0-9_]+$/, 'a dataset looks like system.auth'),
})

const budgetSchema = z.strictObject({
  shipperMiB: z.number().int().min(1).max(1024).default(16),
  processMiB: z.number().int().min(1).max(1024).default(32),
})

const pipelineSchema = z.strictObject({
  class: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'a class is lower-case letters, digits and -'),
  /** Share of the workers when all classes have work. */
  weight: z.number().int().min(1).max(100).default(1),
  budget: budgetSchema.prefault({}),
  match: z.array(matchSchema).min(1),
  enrich: z.array(z.string()).default([]),
  redact: z.array(z.string()).default([]),
  /** Folders below `pipelines/`, e.g. `rules/ssh`. */
  rules: z.array(z.string()).default([]),
  facts: z.array(z.string()).default([]),
})

export type Pipeline = z.infer<typeof pipelineSchema>
export type PipelineMatch = z.infer<typeof matchSchema>

export interface Pipelines {
  readonly directory: string
  /** Hash over all files: which pipelines a document was made by. */
  readonly version: string
  readonly classes: readonly Pipeline[]
  readonly retention: readonly RetentionRule[]
  /** How long the archive keeps a class, and its lock; undefined: for ever. */
  readonly archive: readonly {
    readonly class: string
    readonly archiveMs: number | undefined
    readonly lock: string
  }[]
}

const DURATION = /^(\d+)(s|m|h|d|w|y)$/
const SIZE = /^(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$/
const DURATION_MS = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5, y: 31_536e6 } as const
const SIZE_BYTES = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
} as const

export const durationSchema = z
  .string('a duration looks like 90d, 12h or 2y')
  .regex(DURATION, 'a duration looks like 90d, 12h or 2y')
  .transform(durationMs)
export const sizeSchema = z
  .string('a size looks like 200GB or 512MiB')
  .regex(SIZE, 'a size looks like 200GB or 512MiB')
  .transform(sizeBytes)

const retentionSchema = z.record(
  z.string(),
  z.strictObject({
    hot: durationSchema.optional(),
    archive: durationSchema.optional(),
    lock: z.enum(['none', 'governance', 'compliance']).default('none'),
    maxBytes: sizeSchema.optional(),
    whenFull: z.enum(['refuse', 'expire-oldest']).default('refuse'),
  }),
)

/** @throws {DecklogError} `config-invalid` with file, line and what to write instead */
export function loadPipelines(directory: string): Pipelines {
  const hash = createHash('sha256')
  const files = readdirSync(directory)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
  const redact = join(directory, 'redact')
  for (const name of existsSync(redact) ? readdirSync(redact).sort() : [])
    hash.update(name).update(readFileSync(join(redact, name)))
  const classes: Pipeline[] = []
  let retention: z.infer<typeof retentionSchema> = {}
  for (const name of files) {
    const path = join(directory, name)
    hash.update(name).update(readFileSync(path))
    const file = parseYamlFile(path)
    if (name === 'retention.yaml') retention = validate(retentionSchema, file)
    else if (name !== 'sigma-mapping.yaml') classes.push(validate(pipelineSchema, file))
  }
  return {
    directory,
    version: hash.digest('hex').slice(0, 12),
    classes,
    retention: Object.entries(retention).map(([name, rule]) => ({
      class: name,
      ...(rule.hot === undefined ? {} : { hotMs: rule.hot }),
      ...(rule.maxBytes === undefined ? {} : { maxBytes: rule.maxBytes }),
      whenFull: rule.whenFull,
    })),
    archive: Object.entries(retention).map(([name, rule]) => ({
      class: name,
      archiveMs: rule.archive,
      lock: rule.lock,
    })),
  }
}

function durationMs(text: string): number {
  const [, amount, unit] = DURATION.exec(text)!
  return Number(amount) * DURATION_MS[unit as keyof typeof DURATION_MS]
}

function sizeBytes(text: string): number {
  const [, amount, unit] = SIZE.exec(text)!
  return Math.round(Number(amount) * SIZE_BYTES[unit as keyof typeof SIZE_BYTES])
}
