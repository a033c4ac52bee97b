import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launch, noBrowser, type OpenPage, openPage } from './browser.ts'
import { stampAt, streamOf } from './corpus.ts'

/** Writes `count` events of a stream of its own, so that each call brings new ones. */
async function arrive(opened: OpenPage, number: number, count: number): Promise<void> {
  const documents = Array.from({ length: count }, (_, index) => ({
    '@timestamp': stampAt(3_500_000 + index),
    message: `arrival ${number}-${index}`,
  }))
  await opened.server.store.write([
    streamOf(documents, { number: 1000 + number, class: 'pod', node: 'worker-1' }),
  ])
}

describe.skipIf(noBrowser !== undefined)('the live view', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  async function follow(opened: OpenPage): Promise<void> {
    await opened.goto()
    await opened.page.keyboard.press('l')
    await opened.page.locator('.notice h2', { hasText: 'Listening' }).waitFor()
  }

  test('puts what arrives on top, newest first', async () => {
    await using opened = await openPage(browser)
    const { page } = opened
    await follow(opened)
    await arrive(opened, 1, 2)
    await page.locator('.rail .message', { hasText: 'arrival 1-1' }).waitFor()
    await arrive(opened, 2, 1)
    await expect
      .poll(() => page.locator('.rail .message').allTextContents())
      .toEqual(['arrival 2-0', 'arrival 1-1', 'arrival 1-0'])
    expect(await page.locator('.counts').textContent()).toBe('Live 3 received · nothing dropped · following')
    expect(opened.trouble).toEqual([])
  })

  test('stands still while it is scrolled, counts what waits, and goes on', async () => {
    await using opened = await openPage(browser)
    const { page } = opened
    await follow(opened)
    await arrive(opened, 1, 100)
    await page.locator('.rail .message', { hasText: 'arrival 1-99' }).waitFor()
    await page.locator('.grid').evaluate((grid) => {
      grid.scrollTop = 400
    })
    await page.locator('#resume').waitFor()
    // The rows of the new place are drawn with the next frame.
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
    const before = await page.locator('.rail .message').allTextContents()
    await arrive(opened, 2, 7)
    await page.locator('#resume', { hasText: '7 new' }).waitFor()
    expect(await page.locator('.rail .message').allTextContents()).toEqual(before)
    expect(await page.locator('.grid').evaluate((grid) => grid.scrollTop)).toBe(400)
    await page.locator('#resume').click()
    await page.locator('.rail .message', { hasText: 'arrival 2-6' }).waitFor()
    await page.locator('#resume').waitFor({ state: 'hidden' })
  })

  test('stands still while an event is open, and when p holds it', async () => {
    await using opened = await openPage(browser)
    const { page } = opened
    await follow(opened)
    await arrive(opened, 1, 3)
    await page.locator('.rail > .row').first().click()
    await page.locator('.event-field').first().waitFor()
    await arrive(opened, 2, 2)
    await page.locator('#resume', { hasText: '2 new' }).waitFor()
    expect(await page.locator('.rail > .row').count()).toBe(3)
    await page.keyboard.press('Escape')
    await expect.poll(() => page.locator('.rail > .row').count()).toBe(5)
    await page.keyboard.press('p')
    await arrive(opened, 3, 4)
    await page.locator('#resume', { hasText: '4 new' }).waitFor()
    await page.keyboard.press('p')
    await expect.poll(() => page.locator('.rail > .row').count()).toBe(9)
  })

  test('says how many were dropped, by the server and here', async () => {
    await using opened = await openPage(browser)
    const { page } = opened
    await page.route('**/api/tail**', (route) =>
      route.fulfill({
        contentType: 'text/event-stream',
        body: 'event: hit\ndata: {"id":"s:1","message":"one","decklog":{"stream":"s","seq":1}}\n\nevent: dropped\ndata: {"count":12,"totalDropped":40}\n\n',
      }),
    )
    await opened.goto()
    await page.keyboard.press('l')
    await expect.poll(() => page.locator('.counts').textContent()).toMatch(/1 received · 40 dropped/)
  })

  test('keeps a bounded list while thousands arrive', async () => {
    await using opened = await openPage(browser)
    const { page } = opened
    await follow(opened)
    await arrive(opened, 1, 3000)
    await expect
      .poll(() => page.locator('.counts').textContent(), { timeout: 15_000 })
      .toMatch(/[23],\d{3} received/)
    expect(Number(await page.locator('.grid').getAttribute('aria-rowcount'))).toBeLessThanOrEqual(2001)
    expect(await page.locator('.rail > .row').count()).toBeLessThan(120)
  })

  test('ends with the reason when the server ends it', async () => {
    await using opened = await openPage(browser)
    const { page } = opened
    await page.route('**/api/tail**', (route) =>
      route.fulfill({
        contentType: 'text/event-stream',
        body: 'event: failed\ndata: {"title":"x","status":503,"detail":"the store cannot be reached"}\n\n',
      }),
    )
    await opened.goto()
    await page.keyboard.press('l')
    await page.locator('.toast.shown', { hasText: 'the store cannot be reached' }).waitFor()
    await expect.poll(() => page.locator('#live').getAttribute('aria-pressed')).toBe('false')
  })
})
