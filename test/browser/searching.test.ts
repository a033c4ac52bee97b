import { readFileSync } from 'node:fs'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launch, noBrowser, openPage } from './browser.ts'
import { believableHour, streamOf } from './corpus.ts'

describe.skipIf(noBrowser !== undefined)('searching', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  test('a drag over the histogram narrows the range, and back undoes it', async () => {
    await using opened = await openPage(browser, { batches: believableHour() })
    const { page } = opened
    await opened.goto()
    await page.locator('.chart .bar').first().waitFor()
    const before = Number((await page.locator('.counts strong').textContent())!.replace(',', ''))
    const box = (await page.locator('.chart').boundingBox())!
    await page.mouse.move(box.x + box.width * 0.25, box.y + 30)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * 0.5, box.y + 30, { steps: 5 })
    await page.mouse.up()
    const params = (): URLSearchParams => new URL(page.url()).searchParams
    await expect.poll(() => params().get('from')).toMatch(/^2026-11-24T09:1[45]/)
    expect(params().get('to')).toMatch(/^2026-11-24T09:(30|29)/)
    await expect
      .poll(async () => Number((await page.locator('.counts strong').textContent())!.replace(',', '')))
      .toBeLessThan(before)
    await page.goBack()
    await expect.poll(() => params().get('to')).toBe('2026-11-24T10:00:00.000Z')
    await expect.poll(() => page.locator('.counts strong').textContent()).toBe(before.toLocaleString('en-US'))
  })

  test('only and not write into the query, the second takes the first out', async () => {
    await using opened = await openPage(browser, { batches: believableHour() })
    const { page } = opened
    await opened.goto({ query: 'failed or accepted' })
    await page.locator('.rail > .row').first().click()
    const field = page.locator('.event-field', { has: page.locator('dt', { hasText: /^event\.outcome$/ }) })
    await field.hover()
    await field.getByRole('button', { name: 'Only this value of event.outcome' }).click()
    await expect
      .poll(() => page.locator('#query').inputValue())
      .toBe('(failed or accepted) and event.outcome: "success"')
    await expect.poll(() => page.locator('.counts strong').textContent()).toBe('2')
    await field.hover()
    await field.getByRole('button', { name: 'Not this value of event.outcome' }).click()
    await expect
      .poll(() => page.locator('#query').inputValue())
      .toBe('(failed or accepted) and not event.outcome: "success"')
    await expect.poll(() => page.locator('.counts strong').textContent()).toBe('140')
  })

  test('top values show count and share, and filter', async () => {
    await using opened = await openPage(browser, { batches: believableHour() })
    const { page } = opened
    await opened.goto({ query: 'rule.name: *' })
    await page.locator('.field-list .name', { hasText: /^rule\.name$/ }).click()
    const first = page.locator('.top-values li').first()
    await first.waitFor()
    expect(await first.textContent()).toMatch(/SSH login failed.*140.*98 %/)
    await first.hover()
    await first.getByRole('button', { name: /^Not rule\.name/ }).click()
    await expect.poll(() => page.locator('.counts strong').textContent()).toBe('3')
    expect(await page.locator('#query').inputValue()).toBe(
      'rule.name: * and not rule.name: "SSH login failed"',
    )
  })

  test('a signal is marked with level, rule and technique in words; the quick filter shows only signals', async () => {
    await using opened = await openPage(browser, { batches: believableHour() })
    const { page } = opened
    await opened.goto()
    await page.keyboard.press('s')
    await expect.poll(() => page.locator('.counts strong').textContent()).toBe('143')
    const critical = page.locator('.row.level-critical .chip.rule')
    expect(await critical.textContent()).toBe('critical SSH login as root by passwordT1078')
    expect(await page.getByRole('button', { name: 'Signals' }).getAttribute('aria-pressed')).toBe('true')
    await page.keyboard.press('s')
    await expect.poll(() => page.locator('#query').inputValue()).toBe('')
  })

  test('a wrong query says what is expected, with a caret under the character', async () => {
    await using opened = await openPage(browser, { batches: believableHour() })
    const { page } = opened
    await opened.goto({ query: 'a and user.name: )' })
    expect(await page.locator('.query-message [role=alert]').textContent()).toMatch(/cannot be read/)
    const [line, caret] = (await page.locator('.caret').textContent())!.split('\n')
    expect(line![caret!.indexOf('^')]).toBe(')')
    expect(await page.locator('#query').getAttribute('aria-invalid')).toBe('true')
    await page.locator('#query').fill('failed')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('.query-message').textContent()).toBe('')
    await expect.poll(() => page.locator('.rail > .row').count()).toBeGreaterThan(0)
  })

  test('a shared link has absolute time and shows the same to somebody else', async () => {
    await using opened = await openPage(browser, { batches: believableHour() })
    const { page, server } = opened
    await page.goto(
      `${server.url}/?query=root&from=now-1h&to=now&tz=Europe%2FBerlin&columns=origin%2Cuser.name`,
    )
    await page.locator('.rail > .row', { hasText: 'session opened' }).click()
    await page.locator('.event-field').first().waitFor()
    await page.getByRole('button', { name: 'Share' }).click()
    await page.locator('.toast.shown').waitFor()
    const link = await page.evaluate(() => navigator.clipboard.readText())
    expect(new URL(link).searchParams.get('from')).toBe('2026-11-24T09:00:00.000Z')
    expect(new URL(link).searchParams.get('to')).toBe('2026-11-24T10:00:00.000Z')
    const other = await opened.context.newPage()
    await other.goto(link)
    await other.locator('.event-field').first().waitFor()
    for (const part of ['#query', '.counts', '.row.head', '.detail-title', '.row.selected']) {
      const read = (where: typeof page): Promise<string> =>
        where
          .locator(part)
          .first()
          .evaluate((element) =>
            (element instanceof HTMLTextAreaElement ? element.value : element.textContent).replace(
              /· \d+ \w+$/,
              '',
            ),
          )
      expect(await read(other), part).toBe(await read(page))
    }
    expect(await other.locator('.row.selected .time').textContent()).toMatch(/^10:29:51/)
  })

  test('an empty range says when the last event was and widens to it', async () => {
    await using opened = await openPage(browser, { batches: believableHour() })
    const { page } = opened
    await opened.goto({ from: '2026-11-20T00:00:00Z', to: '2026-11-21T00:00:00Z', query: 'dana' })
    await expect.poll(() => page.locator('.notice').textContent()).toContain('2026-11-24 09:45:00 UTC')
    await page.getByRole('button', { name: 'Widen the range to it' }).click()
    await expect.poll(() => page.locator('.counts strong').textContent()).toBe('1')
  })

  test('a query that never matches, and a store without events, say different things', async () => {
    await using opened = await openPage(browser, { batches: believableHour() })
    await opened.goto({ query: 'user.name: nobody' })
    await expect
      .poll(() => opened.page.locator('.notice').textContent())
      .toContain('No stored event fits this query')
    await using empty = await openPage(browser)
    await empty.goto()
    await expect.poll(() => empty.page.locator('.notice').textContent()).toContain('No events yet')
  })

  test('a server that fails says so and is asked again', async () => {
    await using opened = await openPage(browser, { batches: believableHour() })
    const { page, server } = opened
    server.store.onRead = () => Promise.reject(new Error('secret detail of the store'))
    await opened.goto()
    await page.locator('.notice h2', { hasText: 'No answer' }).waitFor()
    server.store.onRead = undefined
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.locator('.rail > .row').first().waitFor()
  })

  test('a count that stopped is shown as at least, and counted exactly on demand', async () => {
    await using opened = await openPage(browser, { batches: believableHour() })
    const { page } = opened
    await page.route('**/api/search?**', async (route) => {
      const response = await route.fetch()
      const body = (await response.json()) as { total: { value: number; relation: string } }
      if (!route.request().url().includes('total=exact')) body.total = { value: 1000, relation: 'gte' }
      await route.fulfill({ response, json: body })
    })
    await opened.goto()
    expect(await page.locator('.counts').textContent()).toMatch(/^at least 1,000 events/)
    await page.getByRole('button', { name: 'count exactly' }).click()
    await expect.poll(() => page.locator('.counts').textContent()).toMatch(/^2,3\d\d events/)
  })

  test('the header says up to when all is there, who is slowest and what is missing', async () => {
    await using opened = await openPage(browser, { batches: believableHour() })
    const { page } = opened
    await page.route('**/api/search?**', async (route) => {
      const response = await route.fetch()
      const body = (await response.json()) as { completeness?: { classes: Record<string, unknown>[] } }
      Object.assign(body.completeness?.classes[0] ?? {}, {
        declaredLost: 6,
        undeclaredGaps: 2,
        newestIngestByNode: { 'worker-9': Date.parse('2026-11-24T09:50:00Z') },
      })
      await route.fulfill({ response, json: body })
    })
    await opened.goto()
    const trust = page.locator('.trust')
    await expect
      .poll(() => trust.textContent())
      .toMatch(/complete to 09:50:00.*slowest node worker-9, 10 min ago.*6 declared lost.*2 undeclared gaps/)
    expect(await trust.getAttribute('class')).toContain('bad')
    await trust.click()
    expect(await page.locator('.trust-panel tbody tr').count()).toBeGreaterThan(2)
    await page.keyboard.press('Escape')
    await page.locator('.trust-panel').waitFor({ state: 'hidden' })
  })

  test('columns are chosen from the fields, and export takes the same question', async () => {
    await using opened = await openPage(browser, { batches: believableHour() })
    const { page } = opened
    await opened.goto({ query: 'failed' })
    await page.getByRole('button', { name: 'Add column source.ip' }).click()
    await page.locator('.rail .cell.value', { hasText: '203.0.113.77' }).first().waitFor()
    await page.getByRole('button', { name: 'Export' }).click()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: /columns shown/ }).click(),
    ])
    expect(download.suggestedFilename()).toMatch(/\.csv$/)
    const lines = readFileSync(await download.path(), 'utf8')
      .trim()
      .split(/\r?\n/)
    expect(lines[0]).toBe('@timestamp,source.ip,message,id')
    expect(lines).toHaveLength(141)
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Remove column source.ip' }).first().click()
    await expect.poll(() => page.locator('.rail .cell.value').count()).toBe(0)
  })

  test('context shows where seq has no event of its own', async () => {
    const documents = [{ message: 'first' }, { message: 'fourth', decklog: {} }]
    const batch = streamOf(documents.slice(0, 1), { number: 9, class: 'pod', node: 'n' })
    await using opened = await openPage(browser, { batches: [batch] })
    const { page } = opened
    await page.route('**/api/context?**', (route) =>
      route.fulfill({
        json: {
          hits: [3, 9].map((seq) => ({
            id: `s:${seq}`,
            '@timestamp': '2026-11-24T09:00:00Z',
            message: `line ${seq}`,
            decklog: { stream: 's', seq, ranges: seq === 3 ? [[3, 5]] : [[9, 9]] },
          })),
        },
      }),
    )
    await opened.goto()
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.getByRole('tab', { name: 'Context' }).click()
    expect(await page.locator('.context .gap').textContent()).toBe(
      'seq 6–8: 3 records without an event of their own',
    )
  })
})
