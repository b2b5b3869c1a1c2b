// Whether the page is visible: expensive work waits until it is.
import { useSyncExternalStore } from 'react'

const follow = (listener: () => void): (() => void) => {
  document.addEventListener('visibilitychange', listener)
  return () => document.removeEventListener('visibilitychange', listener)
}

export const useSeen = (): boolean =>
  useSyncExternalStore(
    follow,
    () => !document.hidden,
    () => true,
  )
