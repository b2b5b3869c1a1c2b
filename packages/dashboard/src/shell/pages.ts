// Every page: its name, its place in the navigation, its shortcut.
import type { Access } from '../context.tsx'

export interface PageEntry {
  readonly page: string
  readonly name: string
  readonly shortcut?: string
  /** Further search terms for the command palette. */
  readonly also?: string
}

export interface PageGroup {
  readonly name: string | undefined
  readonly pages: readonly PageEntry[]
}

export const PAGE_GROUPS: readonly PageGroup[] = [
  { name: undefined, pages: [{ page: '', name: 'Now', shortcut: 'g o', also: 'overview incident health' }] },
  {
    name: 'Explore',
    pages: [
      { page: 'keys', name: 'Keys', shortcut: 'g k', also: 'inspect namespace tag hot big' },
      { page: 'why', name: 'Why', shortcut: 'g w', also: 'explain miss cause' },
      { page: 'live', name: 'Live', shortcut: 'g l', also: 'events tail' },
    ],
  },
  {
    name: 'Act',
    pages: [
      { page: 'invalidate', name: 'Invalidate', shortcut: 'i', also: 'purge clear drop tag' },
      { page: 'warm', name: 'Warm', also: 'preload' },
      { page: 'cdn', name: 'CDN', also: 'edge assets images' },
      { page: 'proposals', name: 'Proposals', also: 'assistant approve reject mcp' },
    ],
  },
  {
    name: 'Decide',
    pages: [
      { page: 'sizing', name: 'Sizing', also: 'memory what-if curve' },
      { page: 'experiments', name: 'Experiments', also: 'a/b test' },
      { page: 'advice', name: 'Advice', also: 'analyze optimise benchmark health check' },
    ],
  },
  {
    name: 'Govern',
    pages: [
      { page: 'configurations', name: 'Configurations', shortcut: 'g c', also: 'settings ttl version rollback' },
      { page: 'alerts', name: 'Alerts', shortcut: 'g a', also: 'rules firing silence' },
      { page: 'audit', name: 'Audit', also: 'log history who' },
      { page: 'access', name: 'Access', also: 'users tokens roles' },
    ],
  },
  { name: undefined, pages: [{ page: 'settings', name: 'Settings', also: 'theme dark light time zone' }] },
]

/** Whether the application shows a page to this caller. */
export function isOpen(page: string, access: Pick<Access, 'may'>, shown: readonly string[] | undefined): boolean {
  return (shown === undefined || page === '' || shown.includes(page)) && (page !== 'audit' || access.may('audit:read'))
}

export const PAGES: readonly PageEntry[] = PAGE_GROUPS.flatMap(({ pages }) => pages)
