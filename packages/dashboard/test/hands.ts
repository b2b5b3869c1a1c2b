// Hands on a keyboard: Tab, Enter and keys alone, with the focus seen wherever it is.
import type { Locator, Page } from 'playwright-core'
import { expect } from 'vitest'

/** Stops of the Tab key on one page. */
const MOST_STOPS = 120

export type Hands = ReturnType<typeof handsOn>

export function handsOn(page: Page) {
  const button = (name: string | RegExp) => page.getByRole('button', { name, exact: typeof name === 'string' }).first()
  const press = async (...keys: readonly string[]) => {
    for (const key of keys) await page.keyboard.press(key)
  }
  /** To a page by its letter, which counts for a moment after the `g` alone. */
  const go = async (letter: string) => {
    await Promise.all([page.keyboard.press('g'), page.keyboard.press(letter)])
  }
  /** Goes on with Tab until it is there; each stop on the way is one that can be seen. */
  const tabTo = async (target: Locator) => {
    for (let stop = 0; stop < MOST_STOPS; stop++) {
      const said = await target.evaluate(seen)
      if (said === 'there') return
      expect(said, 'has the focus and does not show it').toBe('')
      await page.keyboard.press('Tab')
    }
    throw new Error(`Tab does not come to ${target}`)
  }
  const hit = async (target: Locator, key = 'Enter') => {
    await tabTo(target)
    await page.keyboard.press(key)
  }
  const isOn = (target: Locator) =>
    expect.poll(() => target.evaluate((element) => element.matches(':focus'))).toBe(true)
  /** What had the focus may be gone: the focus is not. */
  const isSomewhere = () => expect.poll(() => page.evaluate('document.activeElement !== document.body')).toBe(true)
  return { button, press, go, tabTo, hit, isOn, isSomewhere }
}

/**
 * `there` where it has the focus; else what has it and does not show it. A heading takes it only from the page itself,
 * for who is read to.
 */
const seen: Parameters<Locator['evaluate']>[0] = (target) => {
  if (target.matches(':focus')) return 'there'
  const document = target.ownerDocument
  const on = document.activeElement
  if (on === null || on === document.body || on.tabIndex === -1) return ''
  const isSeen = [on, on.closest('label')].some(
    (each) => each !== null && document.defaultView.getComputedStyle(each).outlineStyle !== 'none',
  )
  return isSeen ? '' : on.outerHTML.slice(0, 120)
}
