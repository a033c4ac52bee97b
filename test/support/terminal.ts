import { Writable } from 'node:stream'
import type { Terminal } from '../../src/cli/search/output.ts'

/** A terminal or a pipe that keeps what is written to it. */
export function terminal(
  options: { isTTY?: boolean; columns?: number; colours?: boolean } = {},
): Terminal & { readonly text: string } {
  const chunks: string[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString())
      done()
    },
  })
  return Object.defineProperties(stream, {
    isTTY: { value: options.isTTY ?? false },
    columns: { value: options.columns ?? 120 },
    hasColors: { value: () => options.colours ?? false },
    text: { get: () => chunks.join('') },
  }) as Terminal & { readonly text: string }
}
