// Closes a dialog by a click beside it.
import { type MouseEvent, type PointerEvent, useRef } from 'react'

/**
 * For a `<dialog>`. A click counts only if it began and ended beside it: a selection dragged out of a field also ends
 * there, and must not discard what was typed.
 */
export function useCloseOnOutsideClick(onPress: () => void) {
  const hasBegun = useRef(false)
  return {
    onPointerDown: (event: PointerEvent) => {
      hasBegun.current = event.target === event.currentTarget
    },
    onClick: (event: MouseEvent) => {
      if (hasBegun.current && event.target === event.currentTarget) onPress()
    },
  }
}
