import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')

/**
 * decklog and these benchmarks as JavaScript, as the installed package has it: what Node needs to run TypeScript, some 20 MB a
 * thread, is then not in a figure of memory. Returns the directory that stands for the checkout.
 */
export function buildInto(directory: string): string {
  const out = join(directory, 'built')
  mkdirSync(out, { recursive: true })
  writeFileSync(
    join(directory, 'tsconfig.json'),
    JSON.stringify({
      extends: join(ROOT, 'tsconfig.build.json'),
      compilerOptions: {
        rootDir: ROOT,
        outDir: out,
        noCheck: true,
        typeRoots: [join(ROOT, 'node_modules/@types')],
      },
      include: [join(ROOT, 'src'), join(ROOT, 'benchmarks')],
    }),
  )
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', join(directory, 'tsconfig.json')], {
    stdio: ['ignore', 2, 2],
  })
  copyFileSync(join(ROOT, 'package.json'), join(out, 'package.json'))
  for (const name of ['schemas', 'pipelines', 'node_modules']) symlinkSync(join(ROOT, name), join(out, name))
  return out
}
