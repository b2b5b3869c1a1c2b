// What a person set for this browser: theme and time zone. A prop of the component wins.
import { useCallback, useMemo, useState } from 'react'

export type Theme = 'light' | 'dark' | 'system'

export interface Preferences {
  readonly theme: Theme
  /** undefined: the browser's. */
  readonly timeZone: string | undefined
  readonly set: (change: { readonly theme?: Theme; readonly timeZone?: string | undefined }) => void
  /** Set by the host application: not to be chosen here. */
  readonly fixed: { readonly theme: boolean; readonly timeZone: boolean }
}

const KEY = 'millpond preferences'

interface Kept {
  readonly theme?: Theme
  readonly timeZone?: string | undefined
}

export function usePreferences(given: { readonly theme?: Theme | undefined; readonly timeZone?: string | undefined }): Preferences {
  const [kept, setKept] = useState(readKept)
  const set = useCallback<Preferences['set']>((change) => {
    setKept((before) => {
      const after = { ...before, ...change }
      try {
        localStorage.setItem(KEY, JSON.stringify(after))
      } catch {
        // Storage is forbidden here: the choice lasts as long as the page.
      }
      return after
    })
  }, [])
  const { theme, timeZone } = given
  return useMemo(
    () => ({
      theme: theme ?? kept.theme ?? 'system',
      timeZone: timeZone ?? kept.timeZone,
      set,
      fixed: { theme: theme !== undefined, timeZone: timeZone !== undefined },
    }),
    [theme, timeZone, kept, set],
  )
}

function readKept(): Kept {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}')
    if (typeof kept !== 'object' || kept === null) return {}
    const { theme, timeZone } = kept as { theme?: unknown; timeZone?: unknown }
    return {
      ...(theme === 'light' || theme === 'dark' || theme === 'system' ? { theme } : {}),
      ...(timeZone === 'UTC' ? { timeZone } : {}),
    }
  } catch {
    return {}
  }
}
