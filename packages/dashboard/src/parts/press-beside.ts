// What closes a dialog by a press beside it.
import { type MouseEvent, type PointerEvent, useRef } from 'react'

/**
 * For a `<dialog>`. A press counts that has begun and ended beside it: a selection drawn out of a field ends there,
 * too, and must not take what was typed with it.
 */
export function usePressBeside(onPress: () => void) {
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
