// The keyboard: `g` and a letter go to a page, single letters act. Never while one writes.
import { useEffect } from 'react'
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
  useEffect(() => {
    let begunAt = 0
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        openPalette()
        return
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event)) return
      const isSecond = event.timeStamp - begunAt < WITHIN_MS && begunAt > 0
      begunAt = !isSecond && event.key === 'g' ? event.timeStamp : 0
      if (begunAt > 0) return
      const entry = PAGES.find(({ shortcut }) => shortcut === (isSecond ? `g ${event.key}` : event.key))
      if (entry !== undefined) go(placeOf(entry.page))
      else if (event.key === '/') openPalette()
      else if (event.key === 'p') togglePause()
      else if (event.key === '?') openHelp()
      else return
      event.preventDefault()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [go, openPalette, togglePause, openHelp])
}

function isWriting(event: KeyboardEvent): boolean {
  const [target] = event.composedPath()
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.closest('dialog') !== null
}
