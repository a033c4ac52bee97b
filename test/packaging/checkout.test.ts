import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')

test('in a checkout npx decklog runs the sources, built or not', () => {
  const room = mkdtempSync(join(tmpdir(), 'decklog-checkout-'))
  try {
    cpSync(join(ROOT, 'bin'), join(room, 'bin'), { recursive: true })
    writeFileSync(join(room, 'package.json'), '{ "type": "module" }')
    const put = (path: string, text: string): void => {
      mkdirSync(join(room, path, '..'), { recursive: true })
      writeFileSync(join(room, path), text)
    }
    put('src/cli/main.ts', "const from: string = 'sources'\nconsole.log(from)\n")
    const run = (): string =>
      execFileSync(process.execPath, [join(room, 'bin/decklog.js')], { encoding: 'utf8', stdio: 'pipe' })
    expect(run()).toBe('sources\n')
    put('dist/cli/main.js', "console.log('built')\n")
    expect(run()).toBe('sources\n')
    rmSync(join(room, 'src'), { recursive: true })
    expect(run()).toBe('built\n')
  } finally {
    rmSync(room, { recursive: true, force: true })
  }
})
