import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launch, noBrowser, openPage } from './browser.ts'
import { believableHour, stampAt, streamOf } from './corpus.ts'

describe.skipIf(noBrowser !== undefined)('layout', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  test('ten thousand rows are scrolled with a bounded number of elements', async () => {
    const documents = Array.from({ length: 10_000 }, (_, index) => ({
      '@timestamp': stampAt(index * 300),
      message: `line ${index}`,
    }))
    await using opened = await openPage(browser, {
      batches: [streamOf(documents, { number: 1, class: 'pod', node: 'worker-1' })],
    })
    const { page } = opened
    await opened.goto()
    let most = 0
    const loaded = async (): Promise<number> => {
      most = Math.max(most, await page.locator('*').count())
      await page.locator('.grid').evaluate((grid) => {
        grid.scrollTop = grid.scrollHeight
      })
      return Number(await page.locator('.grid').getAttribute('aria-rowcount'))
    }
    await expect.poll(loaded, { timeout: 28_000, interval: 30 }).toBe(10_001)
    await page.locator('.rail .message', { hasText: /^line 0$/ }).waitFor()
    expect(most).toBeLessThan(1500)
    expect(await page.locator('.rail > .row').count()).toBeLessThan(80)
    expect(await page.locator('.counts').textContent()).toContain('all loaded')
  })

  test('a line of a megabyte and an event of 5,000 fields show their beginning, and the rest on demand', async () => {
    const wide = Object.fromEntries(
      Array.from({ length: 5000 }, (_, index) => [`key${index}`, `value ${index}`]),
    )
    const batch = streamOf(
      [
        { '@timestamp': stampAt(1000), message: `${'long line '.repeat(100_000)}the end` },
        { '@timestamp': stampAt(2000), message: 'many fields', labels: wide },
      ],
      { number: 1, class: 'pod', node: 'worker-1' },
    )
    await using opened = await openPage(browser, { batches: [batch] })
    const { page } = opened
    await opened.goto({ query: 'long or fields' })
    expect(await page.locator('.chip.cut').textContent()).toContain('1.0 MB')
    const textLength = (): Promise<number> => page.locator('body').evaluate((body) => body.textContent.length)
    expect(await textLength()).toBeLessThan(40_000)
    await page.locator('.rail > .row', { hasText: 'long line' }).click()
    const expand = page.getByRole('button', { name: /^expand: \d+ kB more/ })
    await expand.waitFor()
    expect(await textLength()).toBeLessThan(60_000)
    while ((await expand.count()) > 0) await expand.click()
    expect(await page.locator('.event-field', { hasText: 'the end' }).count()).toBe(1)
    await page.locator('.rail > .row', { hasText: 'many fields' }).click()
    await page.getByRole('button', { name: /4,?\d{3} more fields|4\d{3} more fields/ }).waitFor()
    expect(await page.locator('.event-field').count()).toBe(200)
    await page.getByLabel('Find in the fields of this event').fill('key4321')
    await expect.poll(() => page.locator('.event-field').count()).toBe(1)
    expect(opened.trouble).toEqual([])
  })

  test('at 390 pixels nothing makes the page scroll sideways, and search, event, context and fields are all there', async () => {
    await using opened = await openPage(browser, {
      batches: believableHour(),
      width: 390,
      height: 844,
      touch: true,
      serve: { status: () => ({ demo: true, cluster: 'prod-eu-1' }) },
    })
    const { page } = opened
    await opened.goto({ query: 'root', columns: 'origin,user.name,source.ip' })
    await sidewaysFree(page)
    await page.locator('.rail > .row').first().tap()
    await page.locator('.event-field').first().waitFor()
    expect(await page.locator('#detail').boundingBox()).toMatchObject({ x: 0, y: 0, width: 390 })
    await sidewaysFree(page)
    await page.getByRole('tab', { name: 'Context' }).tap()
    await page.locator('.context .current').waitFor()
    await sidewaysFree(page)
    await page.getByRole('button', { name: 'Close the event' }).tap()
    await page.locator('#fields-button').tap()
    await page.locator('.field-list .name').first().tap()
    await sidewaysFree(page)
    await page.getByRole('button', { name: 'Close the fields' }).tap()
    await page.getByRole('button', { name: 'Time range' }).tap()
    await sidewaysFree(page)
    expect(opened.trouble).toEqual([])
  })

  test('text has a contrast of 4.5 to 1 in light and in dark, in every state of the page', async () => {
    for (const dark of [false, true]) {
      await using opened = await openPage(browser, {
        batches: believableHour(),
        dark,
        serve: { status: () => ({ demo: true, cluster: 'c' }) },
      })
      const { page } = opened
      await opened.goto({ query: 'root or failed' })
      await page.locator('.rail > .row').nth(2).click()
      await page.locator('.event-field').first().hover()
      expect(await faint(page), `event, dark ${dark}`).toEqual([])
      await page.getByRole('tab', { name: 'Context' }).click()
      await page.locator('.context .current').waitFor()
      expect(await faint(page), `context, dark ${dark}`).toEqual([])
      await page.keyboard.press('Escape')
      await page.locator('.field-list .name').first().click()
      await page.locator('.top-values li').first().waitFor()
      await page.getByRole('button', { name: 'Time range' }).click()
      expect(await faint(page), `fields and time, dark ${dark}`).toEqual([])
      await opened.goto({ query: '(' })
      expect(await faint(page), `error, dark ${dark}`).toEqual([])
    }
  })

  test('the colours follow the system until they are switched, and stay switched', async () => {
    await using opened = await openPage(browser, { dark: true })
    const { page } = opened
    await opened.goto()
    const ground = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    const dark = await ground()
    await page.locator('#theme').click()
    const light = await ground()
    expect(light).not.toBe(dark)
    await page.reload()
    await expect.poll(ground).toBe(light)
  })

  test('everything that can be pressed has a name, and every input a label', async () => {
    await using opened = await openPage(browser, { batches: believableHour() })
    const { page } = opened
    await opened.goto()
    await page.locator('.rail > .row').first().click()
    await page.locator('.event-field').first().waitFor()
    await page.getByRole('button', { name: 'Time range' }).click()
    const nameless = await page.evaluate(() =>
      [
        ...document.querySelectorAll<HTMLElement>(
          'button, a, input, select, textarea, [role=slider], [role=grid]',
        ),
      ]
        .filter((element) => {
          const labelled = element.getAttribute('aria-label') ?? element.textContent.trim()
          const labels = (element as HTMLInputElement).labels?.length ?? 0
          return element.checkVisibility() && labelled === '' && labels === 0
        })
        .map((element) => element.outerHTML.slice(0, 120)),
    )
    expect(nameless).toEqual([])
  })
})

async function sidewaysFree(page: Page): Promise<void> {
  const { scroll, client } = await page.evaluate(() => ({
    scroll: Math.max(document.documentElement.scrollWidth, document.body.scrollWidth),
    client: document.documentElement.clientWidth,
  }))
  expect(scroll).toBeLessThanOrEqual(client)
}

/** Visible texts whose contrast with what lies behind them is under 4.5 to 1. */
function faint(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!
    const rgba = (colour: string): [number, number, number, number] => {
      canvas.clearRect(0, 0, 1, 1)
      canvas.fillStyle = colour
      canvas.fillRect(0, 0, 1, 1)
      const [r = 0, g = 0, b = 0, a = 0] = canvas.getImageData(0, 0, 1, 1).data
      return [r, g, b, a / 255]
    }
    const over = (top: readonly number[], below: readonly number[]): [number, number, number, number] => {
      const mix = (index: number): number => top[index]! * top[3]! + below[index]! * (1 - top[3]!)
      return [mix(0), mix(1), mix(2), 1]
    }
    const behind = (element: Element | null): [number, number, number, number] => {
      if (element === null) return [255, 255, 255, 1]
      const own = rgba(getComputedStyle(element).backgroundColor)
      return own[3] >= 1 ? own : over(own, behind(element.parentElement))
    }
    const light = (colour: readonly number[]): number => {
      const part = (value: number): number =>
        value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4
      return 0.2126 * part(colour[0]!) + 0.7152 * part(colour[1]!) + 0.0722 * part(colour[2]!)
    }
    const found = new Set<string>()
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const element = node.parentElement!
      if (
        node.textContent!.trim() === '' ||
        !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })
      )
        continue
      if (element.closest('.skip, .visually-hidden, option') !== null) continue
      const ground = behind(element)
      const ink = over(rgba(getComputedStyle(element).color), ground)
      const [high, low] = [light(ink), light(ground)].sort((a, b) => b - a) as [number, number]
      const ratio = (high + 0.05) / (low + 0.05)
      if (ratio < 4.5)
        found.add(
          `${element.tagName.toLowerCase()}.${element.className} ${ratio.toFixed(2)} "${node.textContent!.trim().slice(0, 20)}"`,
        )
    }
    return [...found]
  })
}
