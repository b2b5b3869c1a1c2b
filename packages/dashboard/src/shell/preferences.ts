// The user's preferences in this browser: theme, time zone, whether key names are shown. A prop of the component takes
// precedence.
import { useCallback, useMemo, useState } from 'react'

export type Theme = 'light' | 'dark' | 'system'
/** `names`: keys are shown as hashes. */
export type Redaction = 'none' | 'names'

export interface Preferences {
  readonly theme: Theme
  /** undefined: the browser's. */
  readonly timeZone: string | undefined
  readonly redact: Redaction
  readonly set: (change: Kept) => void
  /** Set by the host application: not selectable here. */
  readonly fixed: { readonly theme: boolean; readonly timeZone: boolean; readonly redact: boolean }
}

const KEY = 'millpond preferences'

interface Kept {
  readonly theme?: Theme | undefined
  readonly timeZone?: string | undefined
  readonly redact?: Redaction | undefined
}

export function usePreferences(given: Kept): Preferences {
  const [kept, setKept] = useState(readKept)
  const set = useCallback<Preferences['set']>((change) => {
    setKept((before) => {
      const after = { ...before, ...change }
      try {
        localStorage.setItem(KEY, JSON.stringify(after))
      } catch {
        // Storage is blocked: the choice lasts as long as the page.
      }
      return after
    })
  }, [])
  const { theme, timeZone, redact } = given
  return useMemo(
    () => ({
      theme: theme ?? kept.theme ?? 'system',
      timeZone: timeZone ?? kept.timeZone,
      redact: redact ?? kept.redact ?? 'none',
      set,
      fixed: { theme: theme !== undefined, timeZone: timeZone !== undefined, redact: redact !== undefined },
    }),
    [theme, timeZone, redact, kept, set],
  )
}

function readKept(): Kept {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}')
    if (typeof kept !== 'object' || kept === null) return {}
    const { theme, timeZone, redact } = kept as { theme?: unknown; timeZone?: unknown; redact?: unknown }
    return {
      ...(theme === 'light' || theme === 'dark' || theme === 'system' ? { theme } : {}),
      ...(timeZone === 'UTC' ? { timeZone } : {}),
      ...(redact === 'names' ? { redact } : {}),
    }
  } catch {
    return {}
  }
}
