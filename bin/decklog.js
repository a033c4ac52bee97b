#!/usr/bin/env node
// The entry of the installed package, and of `npx decklog` in a checkout, where the sources run as they are. decklog needs
// Node 24; where the system's Node is older, the Node that npm brought along as an optional dependency runs it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'

const source = new URL('../src/cli/main.ts', import.meta.url)
const entry = existsSync(source) ? source : new URL('../dist/cli/main.js', import.meta.url)

if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import(entry.href)
} else {
  const node = bundledNode()
  if (node === undefined) {
    console.error(`decklog needs Node 24 or later, this is ${process.version}; install it, or reinstall decklog without --omit=optional`)
    process.exit(3)
  }
  const child = spawn(node, [entry.pathname, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))
}

function bundledNode() {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  try {
    const path = createRequire(import.meta.url).resolve(`${name}/package.json`).replace(/package\.json$/, 'bin/node')
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}
