import { execFileSync } from 'node:child_process'
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Emits `dist/`: JavaScript for Node 24 and the page's files. Worker threads and the page are found beside the emitted code. */
const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')

rmSync(dist, { recursive: true, force: true })
execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
for (const name of readdirSync(join(root, 'src/web'))) {
  if (!name.endsWith('.ts')) cpSync(join(root, 'src/web', name), join(dist, 'web', name), { recursive: true })
}
