// The shared context: the client, the signed-in user, and how numbers and times are formatted.
import { createContext, useContext } from 'react'
import type { CacheClient } from './api/client.ts'
import type { Session } from './api/types.ts'
import type { Numbers } from './format/numbers.ts'
import type { Times } from './format/times.ts'

export interface Dashboard {
  readonly client: CacheClient
  readonly numbers: Numbers
  readonly times: Times
  readonly environment: { readonly label: string; readonly color?: string | undefined } | undefined
  readonly readOnly: boolean
  /** Key names are shown as a hash. */
  readonly redact: 'none' | 'names'
  readonly refreshHz: number
  readonly initialRange: string
  /** Pages that are shown; undefined: all. */
  readonly pages: readonly string[] | undefined
  /** The dashboard is the whole window and sets the document's title. */
  readonly isPage: boolean
  readonly root: () => HTMLElement
}

export const DashboardContext = createContext<Dashboard | undefined>(undefined)

export function useDashboard(): Dashboard {
  const dashboard = useContext(DashboardContext)
  if (dashboard === undefined) throw new Error('this part of the dashboard needs <CachingDashboard> around it')
  return dashboard
}

/** The signed-in user, and the server's routes. */
export interface Access {
  readonly session: Session
  /** Whether the server has the route: `offers('POST', 'invalidations/plan/')`. */
  readonly offers: (method: string, path: string) => boolean
  /** Whether the caller may take an action: actions that would be refused are not shown. */
  readonly may: (scope: string) => boolean
  readonly signOut: () => void
  /** Milliseconds by which the server's clock is ahead of this browser's; 0 if they agree within a few seconds. */
  readonly skewMs: number
}

export const AccessContext = createContext<Access | undefined>(undefined)

export function useAccess(): Access {
  const access = useContext(AccessContext)
  if (access === undefined) throw new Error('this part of the dashboard requires a signed-in user')
  return access
}
