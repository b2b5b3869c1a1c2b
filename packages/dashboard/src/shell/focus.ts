// Keeps the focus where somebody works by keyboard: a button that is switched off while its work is done gets it back,
// and what is left of the place gets it where the focused element is gone. Left alone, browsers let it fall to the
// document.
import { type RefObject, useEffect } from 'react'

/** Stands within the root, which in a shadow root is there later than what renders it. */
export function FocusKept({ root }: { readonly root: RefObject<HTMLElement | null> }) {
  useEffect(() => {
    const held = root.current
    return held === null ? undefined : keepFocus(held)
  }, [root])
  return null
}

function keepFocus(root: HTMLElement): () => void {
  /** What lies around the focused element: once it is gone it does not know any more. */
  let around: readonly HTMLElement[] = []
  let waitsFor: HTMLElement | undefined
  const watcher = new MutationObserver(() => {
    if (waitsFor !== undefined) settle(waitsFor)
  })
  const rest = () => {
    waitsFor = undefined
    watcher.disconnect()
  }
  const settle = (lost: HTMLElement) => {
    if (hasFocus(root)) return rest()
    if (!lost.isConnected) {
      rest()
      focusOn(around.find((each) => each.isConnected && each.matches(PLACES)))
    } else if (!lost.matches(':disabled')) {
      rest()
      lost.focus({ preventScroll: true })
    }
  }
  const onFocusIn = ({ target }: FocusEvent) => {
    rest()
    around = target instanceof HTMLElement ? ancestors(target, root) : []
  }
  const onFocusOut = ({ target, relatedTarget }: FocusEvent) => {
    if (relatedTarget !== null || !(target instanceof HTMLElement)) return
    queueMicrotask(() => {
      if (hasFocus(root) || (target.isConnected && !target.matches(':disabled'))) return // left for elsewhere, or by a click beside it
      waitsFor = target
      watcher.observe(root, { subtree: true, childList: true, attributeFilter: ['disabled'] })
      settle(target)
    })
  }
  root.addEventListener('focusin', onFocusIn)
  root.addEventListener('focusout', onFocusOut)
  return () => {
    rest()
    root.removeEventListener('focusin', onFocusIn)
    root.removeEventListener('focusout', onFocusOut)
  }
}

/** Parts of a page that are worth being in. */
const PLACES = 'dialog, section, main'

/**
 * Also elsewhere on the page: what a host application's own field has is not taken from it. Within a shadow root it is
 * the root's host that the document names.
 */
function hasFocus({ ownerDocument }: HTMLElement): boolean {
  const { activeElement, body } = ownerDocument
  return activeElement !== null && activeElement !== body
}

function focusOn(place: HTMLElement | undefined): void {
  if (place === undefined) return
  if (!place.hasAttribute('tabindex')) place.tabIndex = -1
  place.focus({ preventScroll: true })
}

function ancestors(element: HTMLElement, root: HTMLElement): readonly HTMLElement[] {
  const found: HTMLElement[] = []
  for (let at = element.parentElement; at !== null && at !== root; at = at.parentElement) found.push(at)
  return found
}
