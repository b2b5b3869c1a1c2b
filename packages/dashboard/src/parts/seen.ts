// Whether somebody can see the page at all: what is costly waits while nobody can.
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
