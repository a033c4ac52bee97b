import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import type { EventBatch } from '../../src/core/event-batch.ts'
import type { ServeOptions } from '../../src/roles/serve.ts'
import { startTestServer, type TestServer } from '../support/test-server.ts'
import { FROM, TO } from './corpus.ts'

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
export const WEB_DIRECTORY = fileURLToPath(new URL('../../src/web/', import.meta.url))

/** Why browser tests cannot run here, or undefined. */
export const noBrowser = existsSync(CHROMIUM)
  ? undefined
  : `browser tests need chromium at ${CHROMIUM}: apt-get install chromium, or set CHROMIUM`
// oxlint-disable-next-line no-console
if (noBrowser !== undefined) console.warn(`skipped: ${noBrowser}`)

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

export interface OpenPage extends AsyncDisposable {
  readonly page: Page
  readonly server: TestServer
  readonly context: BrowserContext
  /** Script errors, blocked loads, requests that left for elsewhere: must stay empty. */
  readonly trouble: string[]
  /** Opens the page at its hour, with these parameters besides. */
  goto(params?: Readonly<Record<string, string>>): Promise<void>
}

export interface OpenOptions {
  readonly batches?: readonly EventBatch[]
  readonly width?: number
  readonly height?: number
  readonly dark?: boolean
  readonly touch?: boolean
  readonly serve?: Partial<ServeOptions>
}

/** decklog's own server over a store in memory, and a browser page on it whose clock says ten o'clock. */
export async function openPage(browser: Browser, options: OpenOptions = {}): Promise<OpenPage> {
  const server = await startTestServer({ webDirectory: WEB_DIRECTORY, ...options.serve })
  await server.store.write(options.batches ?? [])
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1440, height: options.height ?? 900 },
    colorScheme: options.dark === true ? 'dark' : 'light',
    hasTouch: options.touch === true,
    permissions: ['clipboard-read', 'clipboard-write'],
    timezoneId: 'Europe/Berlin',
    locale: 'en-GB',
  })
  const page = await context.newPage()
  await page.clock.setFixedTime(TO)
  const trouble = watch(page, server.url)
  const close = async (): Promise<void> => {
    await context.close()
    await server.close()
  }
  const goto = async (params: Readonly<Record<string, string>> = {}): Promise<void> => {
    await page.goto(`${server.url}/?${new URLSearchParams({ from: FROM, to: TO, ...params }).toString()}`)
    await page.locator('#summary strong, .notice h2, .query-message.error p').first().waitFor()
  }
  return { page, server, context, trouble, goto, [Symbol.asyncDispose]: close }
}

function watch(page: Page, url: string): string[] {
  const trouble: string[] = []
  page.on('pageerror', (error) => trouble.push(`script error: ${error.message}`))
  page.on('dialog', (dialog) => {
    trouble.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('console', (message) => {
    const text = message.text()
    // A refused query is answered with 400, which the browser reports as a failed load.
    if (message.type() === 'error' && !text.includes('status of 400')) trouble.push(`console: ${text}`)
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(`${url}/`)) trouble.push(`request to ${request.url()}`)
  })
  return trouble
}
