// What every part of the dashboard needs: the client, who is signed in, how numbers and times are written.
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
  /** Key names are shown as their hash. */
  readonly redact: 'none' | 'names'
  readonly refreshHz: number
  readonly initialRange: string
  /** Pages that are shown; undefined: all. */
  readonly pages: readonly string[] | undefined
  /** The page is the whole window: its title is the document's. */
  readonly isPage: boolean
  readonly root: () => HTMLElement
}

export const DashboardContext = createContext<Dashboard | undefined>(undefined)

export function useDashboard(): Dashboard {
  const dashboard = useContext(DashboardContext)
  if (dashboard === undefined) throw new Error('this part of the dashboard needs <CachingDashboard> around it')
  return dashboard
}

/** Who is signed in, and which routes the server has. */
export interface Access {
  readonly session: Session
  /** Whether the server has the route: `offers('POST', 'invalidations/plan/')`. */
  readonly offers: (method: string, path: string) => boolean
  /** Whether an action is open to the caller: never shown where it would be refused. */
  readonly may: (scope: string) => boolean
  readonly signOut: () => void
  /** Milliseconds that the server's clock is ahead of this browser's; 0 where they agree to within some seconds. */
  readonly skewMs: number
}

export const AccessContext = createContext<Access | undefined>(undefined)

export function useAccess(): Access {
  const access = useContext(AccessContext)
  if (access === undefined) throw new Error('this part of the dashboard requires a signed-in user')
  return access
}
