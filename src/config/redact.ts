import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import type { RedactRuleSpec } from '../core/redact-rule.ts'
import { invalid, parseYamlFile, validate } from './yaml.ts'

const ruleSchema = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9-]{1,40}$/, 'an id is lower-case letters, digits and -'),
  title: z.string().min(1),
  literals: z.array(z.string().min(3).max(64)).min(1).optional(),
  pattern: z.string().max(2048).optional(),
  ignoreCase: z.boolean().optional(),
  check: z.string().optional(),
  keys: z
    .array(z.string().regex(/^[A-Za-z0-9_.-]{3,64}$/, 'a name has 3 to 64 letters, digits, _ . -'))
    .optional(),
  value: z.enum(['any', 'mixed']).optional(),
  notAfter: z.array(z.string().min(1)).optional(),
  builtIn: z.string().optional(),
  samples: z
    .strictObject({ match: z.array(z.string()).default([]), none: z.array(z.string()).default([]) })
    .optional(),
})

export type RedactRuleFile = z.output<typeof ruleSchema>

/** The rules of `pipelines/redact/<set>.yaml`, by set. @throws {DecklogError} `config-invalid` */
export function loadRedactSets(directory: string): Map<string, RedactRuleFile[]> {
  const folder = join(directory, 'redact')
  const sets = new Map<string, RedactRuleFile[]>()
  if (!existsSync(folder)) return sets
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith('.yaml')) continue
    sets.set(
      basename(name, '.yaml'),
      validate(z.array(ruleSchema).max(1000), parseYamlFile(join(folder, name))),
    )
  }
  return sets
}

/** The rules of all sets that a pipeline names, in order; samples stay behind. @throws {DecklogError} `config-invalid` */
export function rulesOfSets(
  sets: ReadonlyMap<string, readonly RedactRuleFile[]>,
  names: readonly string[],
  file: string,
): RedactRuleSpec[] {
  return names.flatMap((name) => {
    const rules = sets.get(name)
    if (rules === undefined) {
      const known = [...sets.keys()].join(', ') || 'none'
      throw invalid(file, 1, `redact names "${name}", which is no file of redact/; sets: ${known}`)
    }
    return rules.map(({ samples: _samples, ...rule }) => withoutUndefined(rule))
  })
}

function withoutUndefined(rule: Omit<RedactRuleFile, 'samples'>): RedactRuleSpec {
  return Object.fromEntries(
    Object.entries(rule).filter(([, value]) => value !== undefined),
  ) as unknown as RedactRuleSpec
}

const KEY_BYTES = 32

/** The key of the keyed hash, made at first sight: readable by its owner only. */
export function keyFile(path: string): Uint8Array {
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true })
    try {
      writeFileSync(path, `${randomBytes(KEY_BYTES).toString('hex')}\n`, { mode: 0o600, flag: 'wx' })
    } catch (error) {
      if (!existsSync(path)) throw error
    }
  }
  return keyOf(readFileSync(path, 'utf8'))
}

/** Any text is a key; what is written in it is not needed. */
export function keyOf(text: string): Uint8Array {
  return Buffer.from(text.trim(), 'utf8')
}
