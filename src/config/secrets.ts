import { readFileSync } from 'node:fs'
import { environment } from './environment.ts'
import { type YamlFile, invalid } from './yaml.ts'

/** A secret is written as `${env:NAME}` or `${file:/path}`, never as itself. */
const REFERENCE = /\$\{(env|file):([^}]+)\}/g

/** The file's value with its references filled in. @throws {DecklogError} `config-invalid`; it never shows a secret */
export function fillSecrets(file: YamlFile): unknown {
  return fill(file.value, file.path)
}

function fill(value: unknown, path: string): unknown {
  if (typeof value === 'string')
    return value.replace(REFERENCE, (_, kind: string, name: string) => lookUp(kind, name, path))
  if (Array.isArray(value)) return value.map((one) => fill(one, path))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, fill(one, path)]))
}

function lookUp(kind: string, name: string, path: string): string {
  if (kind === 'env') {
    const found = environment(name)
    if (found === undefined)
      throw invalid(path, 1, `\${env:${name}} is not set; set the variable ${name} or write \${file:/path}`)
    return found
  }
  try {
    return readFileSync(name, 'utf8').replace(/\r?\n$/, '')
  } catch {
    throw invalid(
      path,
      1,
      `\${file:${name}} cannot be read; put the secret into that file and let this user read it`,
    )
  }
}
