// Keeps the keyboard focus in place: a button that is disabled while its action runs gets it back, and if the focused
// element is removed, its surroundings get it. By default browsers reset it to the document.
import { type RefObject, useEffect } from 'react'

/** Must be within the root, which in a shadow root is mounted later than its renderer. */
export function FocusKept({ root }: { readonly root: RefObject<HTMLElement | null> }) {
  useEffect(() => {
    const held = root.current
    return held === null ? undefined : keepFocus(held)
  }, [root])
  return null
}

function keepFocus(root: HTMLElement): () => void {
  /** The surroundings of the focused element: once it is removed, they can no longer be determined. */
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
      // Moved elsewhere, or by a click beside it.
      if (hasFocus(root) || (target.isConnected && !target.matches(':disabled'))) return
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

/** Parts of a page that can take the focus. */
const PLACES = 'dialog, section, main'

/**
 * Also elsewhere on the page: focus in a host application's field is not taken from it. Within a shadow root,
 * `document.activeElement` is the root's host.
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
