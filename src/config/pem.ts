import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { systemCode } from '../core/errors.ts'

/** A certificate or a key: the path of a PEM file, or its text (`${file:…}`, `${env:…}`). The value is the text. */
export const pem = z.string().transform((given, context) => {
  if (given.includes('-----BEGIN ')) return given
  try {
    const text = readFileSync(given, 'utf8')
    if (text.includes('-----BEGIN ')) return text
    context.addIssue(`${given} is no PEM file; it begins with -----BEGIN`)
  } catch (error) {
    context.addIssue(`${given} cannot be read (${systemCode(error) ?? 'unknown error'}); name a PEM file`)
  }
  return z.NEVER
})
