/**
 * Pictures of the analysts' page over a made-up hour, light and dark, wide and narrow, to look at while changing it:
 * `node scripts/page-pictures.ts DIRECTORY`. `docs/images/page.png` is one of them.
 */
import { mkdirSync } from 'node:fs'
import type { Browser, Page } from 'playwright-core'
import { launch, type OpenPage, openPage } from '../test/browser/browser.ts'
import { believableHour, stampAt, streamOf } from '../test/browser/corpus.ts'
import { hostileEvents } from '../test/browser/hostile-corpus.ts'

const SETTLE_MS = 400

const scenes: Readonly<Record<string, (opened: OpenPage, page: Page) => Promise<void>>> = {
  async page(opened, page) {
    const query = 'user.name: * or log.level: (error or warning)'
    await opened.goto({ query, from: '2026-11-24T09:20:00Z', to: '2026-11-24T09:31:00Z' })
    await page.locator('.rail > .row', { hasText: 'Accepted password' }).click()
  },
  async search(opened, page) {
    await opened.goto({ query: 'not message: "GET /healthz"' })
    await page.waitForTimeout(SETTLE_MS)
  },
  async event(opened, page) {
    await opened.goto({ query: 'rule.name: * or root' })
    await page.locator('.rail > .row', { hasText: 'Accepted password' }).click()
  },
  async context(_opened, page) {
    await page.keyboard.press(']')
  },
  async error(opened) {
    await opened.goto({ query: 'user.name: (root or ' })
  },
  async empty(opened, page) {
    await opened.goto({ from: '2020-01-01T00:00:00Z', to: '2020-01-02T00:00:00Z' })
    await page.waitForTimeout(SETTLE_MS)
  },
  async top(opened, page) {
    await opened.goto()
    if (!(await page.locator('.field-list').isVisible())) await page.locator('#fields-button').click()
    await page.locator('.field-list .name', { hasText: /^kubernetes\.namespace$/ }).click()
    await page.locator('.top-values li').first().hover()
  },
  async time(opened, page) {
    await opened.goto()
    await page.getByRole('button', { name: 'Time range' }).click()
  },
  async help(opened, page) {
    await opened.goto()
    await page.keyboard.press('?')
  },
  async hostile(opened, page) {
    await opened.goto({ query: 'match', columns: 'origin,user.name' })
    await page.locator('.rail > .row').nth(7).click()
  },
  async suggestions(opened, page) {
    await opened.goto()
    await page.keyboard.press('/')
    await page.keyboard.type('event.action: ')
    await page.locator('#suggestions [role=option]').first().waitFor()
  },
  async live(opened, page) {
    await opened.goto()
    await page.keyboard.press('l')
    await page.waitForTimeout(SETTLE_MS)
    const documents = Array.from({ length: 90 }, (_, index) => ({
      '@timestamp': stampAt(3_400_000 + index * 900),
      message: `GET /api/cart?item=${index} 200 12ms`,
    }))
    await opened.server.store.write([streamOf(documents, { number: 500, class: 'pod', node: 'worker-1' })])
    await page.locator('.rail > .row').first().waitFor()
    await page.locator('.rail > .row').nth(3).click()
    await opened.server.store.write([
      streamOf(documents.slice(0, 12), { number: 501, class: 'pod', node: 'worker-1' }),
    ])
  },
}

async function pictures(
  browser: Browser,
  directory: string,
  look: { width: number; dark: boolean },
): Promise<void> {
  const narrow = look.width < 760
  await using opened = await openPage(browser, {
    batches: [...believableHour(), hostileEvents()],
    height: narrow ? 844 : 900,
    touch: narrow,
    serve: { status: () => ({ demo: true, cluster: 'prod-eu-1' }) },
    ...look,
  })
  for (const [name, scene] of Object.entries(scenes)) {
    await scene(opened, opened.page)
    await opened.page.waitForTimeout(SETTLE_MS)
    await opened.page.screenshot({
      path: `${directory}/${name}-${look.width}-${look.dark ? 'dark' : 'light'}.png`,
    })
  }
  for (const trouble of opened.trouble) process.stderr.write(`${trouble}\n`)
}

const directory = process.argv[2] ?? 'page-pictures'
mkdirSync(directory, { recursive: true })
const browser = await launch()
for (const width of [1440, 390])
  for (const dark of [false, true]) await pictures(browser, directory, { width, dark })
await browser.close()
