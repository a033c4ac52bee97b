import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { WEB_DIRECTORY } from './browser.ts'

const FORBIDDEN = [
  /\binnerHTML\b/,
  /\bouterHTML\b/,
  /insertAdjacentHTML/,
  /document\.write/,
  /DOMParser|createContextualFragment|setHTML/,
  /\beval\b|new Function/,
  /\.style\.cssText|setAttribute\('style'/,
  /https?:\/\/(?!www\.w3\.org\/2000\/svg)/,
]

function offences(source: string): string[] {
  return FORBIDDEN.filter((pattern) => pattern.test(source)).map(String)
}

test('the search for forbidden ways finds a planted one', () => {
  expect(offences('element.innerHTML = message')).toHaveLength(1)
  expect(offences("import x from 'https://cdn.example/x.js'")).toHaveLength(1)
})

test('no file of the page hands text to the HTML parser, runs text, or names another host', () => {
  const files = readdirSync(WEB_DIRECTORY).filter((name) => /\.(ts|css|html|svg)$/.test(name))
  expect(files.length).toBeGreaterThan(20)
  for (const file of files) {
    const source = readFileSync(`${WEB_DIRECTORY}${file}`, 'utf8').replaceAll(
      'http://www.w3.org/2000/svg',
      '',
    )
    expect(offences(source), file).toEqual([])
  }
})

test('index.html has no inline script or style, and loads only its own files', () => {
  const html = readFileSync(`${WEB_DIRECTORY}index.html`, 'utf8')
  expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=/)
  for (const [, address] of html.matchAll(/(?:src|href)="([^"]+)"/g))
    expect(address).toMatch(/^[#\w][\w.-]*$/)
})
