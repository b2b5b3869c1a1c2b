// The location in the dashboard. The URL holds the whole state of a page, so that a link shows the same to others.
import {
  createContext,
  type MouseEvent,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useSyncExternalStore,
} from 'react'
import type { Addresses } from './addresses.ts'

export interface Place {
  /** The page: `''` is Now, `keys`, `configurations`. */
  readonly page: string
  readonly query: URLSearchParams
}

interface Navigation extends Place {
  readonly addresses: Addresses
  readonly go: (place: string, options?: { readonly replace?: boolean }) => void
}

const PlaceContext = createContext<Navigation | undefined>(undefined)

/** A location as text: `keys/?key=a`. Undefined and empty values are omitted. */
export function placeOf(page: string, query: Readonly<Record<string, string | number | undefined>> = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  )
  return (page === '' ? '' : `${page}/`) + (given.length === 0 ? '' : `?${new URLSearchParams(given)}`)
}

export function PlaceProvider({
  addresses,
  onNavigate,
  children,
}: {
  readonly addresses: Addresses
  readonly onNavigate?: ((place: string) => void) | undefined
  readonly children: ReactNode
}) {
  const store = useMemo(() => {
    const listeners = new Set<() => void>()
    return {
      listeners,
      subscribe: (listener: () => void) => {
        listeners.add(listener)
        const stop = addresses.onChange(listener)
        return () => {
          listeners.delete(listener)
          stop()
        }
      },
    }
  }, [addresses])
  const at = useSyncExternalStore(store.subscribe, addresses.read, () => '')
  useEffect(() => onNavigate?.(at), [at, onNavigate])
  const go = useCallback<Navigation['go']>(
    (place, options) => {
      addresses.write(place, options)
      for (const listener of store.listeners) listener()
    },
    [addresses, store],
  )
  const value = useMemo(() => {
    const [path = '', search = ''] = at.split('?', 2)
    return { page: path.replace(/\/$/, ''), query: new URLSearchParams(search), addresses, go }
  }, [at, addresses, go])
  return <PlaceContext.Provider value={value}>{children}</PlaceContext.Provider>
}

export function usePlace(): Navigation {
  const place = useContext(PlaceContext)
  if (place === undefined) throw new Error('this part of the dashboard needs <CachingDashboard> around it')
  return place
}

export interface LinkProps {
  readonly to: string
  readonly children: ReactNode
  readonly className?: string | undefined
  readonly title?: string | undefined
  readonly current?: 'page' | 'true' | undefined
  readonly onFollow?: (() => void) | undefined
}

/** A real link: it can be opened in another tab, copied and read aloud; a plain click stays in this page. */
export function Link({ to, children, className, title, current, onFollow }: LinkProps) {
  const { addresses, go } = usePlace()
  const follow = (event: MouseEvent) => {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return
    event.preventDefault()
    go(to)
    onFollow?.()
  }
  return (
    <a href={addresses.href(to)} onClick={follow} className={className} title={title} aria-current={current}>
      {children}
    </a>
  )
}
