// Keyboard shortcuts: `g` and a letter open a page, single letters act. Inactive while typing.
import { useLayoutEffect, useRef } from 'react'
import { placeOf, usePlace } from '../place/place.tsx'
import { PAGES } from './pages.ts'

const WITHIN_MS = 1500

export interface ShortcutActions {
  readonly openPalette: () => void
  readonly togglePause: () => void
  readonly openHelp: () => void
}

export function useShortcuts({ openPalette, togglePause, openHelp }: ShortcutActions): void {
  const { go } = usePlace()
  /** When `g` was pressed; kept across page changes. */
  const begun = useRef(0)
  // Registered with the page, so that a key pressed right after rendering works.
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && letterOf(event).toLowerCase() === 'k') {
        event.preventDefault()
        if (!event.repeat) openPalette()
        return
      }
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing || isWriting(event))
        return
      const key = letterOf(event)
      const isSecond = event.timeStamp - begun.current < WITHIN_MS && begun.current > 0
      begun.current = !isSecond && key === 'g' ? event.timeStamp : 0
      if (begun.current > 0) return
      const entry = PAGES.find(({ shortcut }) => shortcut === (isSecond ? `g ${key}` : key))
      if (entry !== undefined) go(placeOf(entry.page))
      else if (key === '/') openPalette()
      else if (key === 'p') togglePause()
      else if (key === '?') openHelp()
      else return
      event.preventDefault()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [go, openPalette, togglePause, openHelp])
}

/** For keyboard layouts without Latin letters: the physical key's letter. */
function letterOf({ key, code }: KeyboardEvent): string {
  const isForeign = key.length === 1 && key > '~' && code.startsWith('Key')
  return isForeign ? code.slice('Key'.length).toLowerCase() : key
}

/** Letters are text in these. */
const WITHOUT_TEXT: ReadonlySet<string> = new Set(['radio', 'checkbox', 'range', 'button', 'submit'])

function isWriting(event: KeyboardEvent): boolean {
  const [target] = event.composedPath()
  if (!(target instanceof HTMLElement)) return false
  const isText =
    target instanceof HTMLInputElement ? !WITHOUT_TEXT.has(target.type) : /^(TEXTAREA|SELECT)$/.test(target.tagName)
  return target.isContentEditable || isText || target.closest('dialog') !== null
}
