// The user's preferences and their setters.
import { createContext, useContext } from 'react'
import type { Preferences } from './preferences.ts'

export const PreferencesContext = createContext<Preferences | undefined>(undefined)

export function useKeptPreferences(): Preferences {
  const preferences = useContext(PreferencesContext)
  if (preferences === undefined) throw new Error('this part of the dashboard needs <CachingDashboard> around it')
  return preferences
}
