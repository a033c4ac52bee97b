import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launch, noBrowser, openPage } from './browser.ts'
import { believableHour } from './corpus.ts'

describe.skipIf(noBrowser !== undefined)('by keyboard alone', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  test('from a search to an event, through its context, and back', async () => {
    await using opened = await openPage(browser, { batches: believableHour() })
    const { page } = opened
    await opened.goto()
    await page.keyboard.press('/')
    await page.keyboard.type('tag')
    await page.locator('#suggestions [role=option]:first-child', { hasText: 'tags' }).waitFor()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    expect(await page.locator('#query').inputValue()).toBe('tags: ')
    await page.keyboard.type('decklog.level.c')
    await page
      .locator('#suggestions [role=option]:only-child', { hasText: 'decklog.level.critical' })
      .waitFor()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('.counts strong').textContent()).toBe('1')
    await page.keyboard.press('Escape')
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.locator('.detail-title', { hasText: '09:29:50' }).waitFor()
    await page.keyboard.press(']')
    await page.locator('.context .current', { hasText: 'session opened for user root' }).waitFor()
    await page.keyboard.press(']')
    await page.locator('.context .current', { hasText: '/etc/kubernetes/admin.conf' }).waitFor()
    await page.keyboard.press('[')
    await page.keyboard.press('[')
    await page.keyboard.press('[')
    await page.locator('.context .current', { hasText: 'Failed password' }).waitFor()
    expect(new URL(page.url()).searchParams.get('open')).toMatch(/:139$/)
    await page.keyboard.press('Escape')
    await page.locator('#detail').waitFor({ state: 'hidden' })
    expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('grid')
    expect(opened.trouble).toEqual([])
  })

  test('j and k walk the table and say so to a screen reader; an open event follows', async () => {
    await using opened = await openPage(browser, { batches: believableHour() })
    const { page } = opened
    await opened.goto()
    const active = (): Promise<string | null> =>
      page.locator('[role=grid]').getAttribute('aria-activedescendant')
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    expect(await active()).toBe('row-2')
    await page.keyboard.press('k')
    expect(await active()).toBe('row-1')
    await page.keyboard.press('Enter')
    const title = await page.locator('.detail-title h2').textContent()
    await page.keyboard.press('j')
    await expect.poll(() => page.locator('.detail-title h2').textContent()).not.toBe(title)
    for (let press = 0; press < 60; press++) await page.keyboard.press('j')
    await page.locator('.row.selected').waitFor()
    expect(await page.locator('.row.selected').isVisible()).toBe(true)
    expect(await active()).toBe('row-62')
  })

  test('arrows over the histogram select, Enter zooms', async () => {
    await using opened = await openPage(browser, { batches: believableHour() })
    const { page } = opened
    await opened.goto()
    await page.locator('.chart .bar').first().waitFor()
    await page.locator('.chart').focus()
    await page.keyboard.press('Home')
    for (let press = 0; press < 9; press++) await page.keyboard.press('Shift+ArrowRight')
    expect(await page.locator('.chart').getAttribute('aria-valuetext')).toMatch(
      /^2026-11-24 09:00:00 – 09:0\d:\d\d.*: \d+ events/,
    )
    await page.keyboard.press('Enter')
    await expect.poll(() => new URL(page.url()).searchParams.get('from')).toBe('2026-11-24T09:00:00.000Z')
    expect(Date.parse(new URL(page.url()).searchParams.get('to')!)).toBeLessThan(
      Date.parse('2026-11-24T09:10:00Z'),
    )
  })

  test('the help sheet lists every key and closes with Esc; keys do nothing while somebody types', async () => {
    await using opened = await openPage(browser, { batches: believableHour() })
    const { page } = opened
    await opened.goto()
    await page.keyboard.press('?')
    await page.locator('#help[open]').waitFor()
    for (const key of ['/', 'j', 'k', 'Enter', '[', ']', 'Esc', '?', 'l', 'p', 's', 'f']) {
      expect(await page.locator('#help kbd', { hasText: key }).count(), key).toBeGreaterThan(0)
    }
    await page.keyboard.press('Escape')
    await page.locator('#help').waitFor({ state: 'hidden' })
    await page.keyboard.press('/')
    await page.keyboard.type('jkls?')
    expect(await page.locator('#query').inputValue()).toBe('jkls?')
    expect(new URL(page.url()).searchParams.get('live')).toBeNull()
  })
})
