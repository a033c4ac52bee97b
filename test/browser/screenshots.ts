/** Pictures of the page for documentation and review: `node test/browser/screenshots.ts [directory]`. */
import { mkdirSync } from 'node:fs'
import { launch, openPage } from './browser.ts'
import { believableHour } from './corpus.ts'

const directory = process.argv[2] ?? 'docs/images'
mkdirSync(directory, { recursive: true })
const browser = await launch()
for (const dark of [false, true]) {
  for (const width of [1440, 390]) {
    await using open = await openPage(browser, {
      batches: believableHour(),
      width,
      height: width === 390 ? 844 : 900,
      dark,
      touch: width === 390,
      serve: { status: () => ({ demo: true, cluster: 'prod-eu-1' }) },
    })
    const { page } = open
    const shot = (name: string): Promise<Buffer> =>
      page.screenshot({ path: `${directory}/${name}-${width}-${dark ? 'dark' : 'light'}.png` })
    await open.goto({ query: 'not message: "GET /healthz"' })
    await page.waitForTimeout(400)
    await shot('search')
    await open.goto({ query: 'root' })
    await page.locator('.rail > .row', { hasText: 'Accepted password' }).click()
    await page.waitForTimeout(400)
    await shot('event')
    await page.keyboard.press(']')
    await page.waitForTimeout(300)
    await shot('context')
    await open.goto({ query: 'user.name: (root or ' })
    await shot('error')
    await open.goto({ from: '2020-01-01T00:00:00Z', to: '2020-01-02T00:00:00Z' })
    await page.waitForTimeout(300)
    await shot('empty')
    for (const trouble of open.trouble) process.stderr.write(`${trouble}\n`)
  }
}
await browser.close()
