// The frame around every page: bar, navigation, and the page with an error boundary.
import { Component, type ReactNode, useCallback, useEffect, useRef, useState } from 'react'
import { useAlerts, useCacheName } from '../api/queries.ts'
import { useAccess, useDashboard } from '../context.tsx'
import { PAGE_COMPONENTS } from '../pages/index.ts'
import { Failure } from '../parts/answer.tsx'
import { Icon } from '../parts/icon.tsx'
import { useKeyName } from '../parts/key-name.tsx'
import { useServerNow } from '../parts/words.tsx'
import { Link, placeOf, usePlace } from '../place/place.tsx'
import { Bar } from './bar.tsx'
import { Help } from './help.tsx'
import { useLive } from './live.tsx'
import { Missing } from './missing.tsx'
import { isOpen, PAGE_GROUPS, PAGES } from './pages.ts'
import { Palette } from './palette.tsx'
import { useShortcuts } from './shortcuts.tsx'

export function Shell() {
  const { isPage, pages: shown, environment } = useDashboard()
  const { page, query } = usePlace()
  const key = query.get('key')
  const keyName = useKeyName()
  const live = useLive()
  // Counted, so that a dialog that the browser has closed without an event can be reopened.
  const [open, setOpen] = useState<{ readonly what: 'palette' | 'help'; readonly nth: number } | undefined>()
  const close = useCallback(() => setOpen(undefined), [])
  const openPalette = useCallback(() => setOpen((before) => ({ what: 'palette', nth: (before?.nth ?? 0) + 1 })), [])
  const openHelp = useCallback(() => setOpen((before) => ({ what: 'help', nth: (before?.nth ?? 0) + 1 })), [])
  const togglePause = useCallback(() => live.setPaused(!live.isPaused), [live])
  useShortcuts({ openPalette, openHelp, togglePause })
  const main = useRef<HTMLElement>(null)
  const entry = PAGES.find((each) => each.page === page)

  // A new page starts at its top, with a screen reader at its heading.
  const before = useRef(page)
  useEffect(() => {
    if (isPage)
      document.title = [entry?.name ?? 'Not found', key === null ? environment?.label : keyName(key), 'Millpond']
        .filter(Boolean)
        .join(' · ')
    if (before.current === page) return
    before.current = page
    if (isPage) window.scrollTo(0, 0)
    main.current?.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true })
  }, [page, key, keyName, entry, environment, isPage])

  const Page = PAGE_COMPONENTS[page]
  const isShown = shown === undefined || page === '' || shown.includes(page)
  return (
    <>
      <button type="button" className="skip" onClick={() => main.current?.focus()}>
        Skip to content
      </button>
      <Bar openPalette={openPalette} />
      <Announced />
      <div className="frame">
        <Navigation />
        <main className="main" id="millpond-main" ref={main} tabIndex={-1}>
          <div className="sheet">
            <PaperHead />
            <Boundary key={page} name={entry?.name ?? 'This page'}>
              {Page === undefined || !isShown ? <Missing /> : <Page />}
            </Boundary>
          </div>
        </main>
      </div>
      {open?.what === 'palette' && <Palette key={open.nth} onClose={close} />}
      {open?.what === 'help' && <Help key={open.nth} onClose={close} />}
    </>
  )
}

/** Context for a printed page: cache, time, user and URL. */
function PaperHead() {
  const { environment, redact, times } = useDashboard()
  const { session } = useAccess()
  const cache = useCacheName()
  const now = useServerNow(60_000)
  return (
    <p className="paper-head" aria-hidden="true">
      <span>{['Millpond', environment?.label, cache].filter(Boolean).join(' · ')}</span>
      <span>
        {times.whole(now)}, {session.name}
      </span>
      {redact === 'none' && <span>{globalThis.location.href}</span>}
    </p>
  )
}

function Navigation() {
  const { pages: shown } = useDashboard()
  const { page, query } = usePlace()
  const access = useAccess()
  const ref = useRef<HTMLElement>(null)
  // The time span and the cache are kept from page to page.
  const [range, cache] = [query.get('range') ?? undefined, query.get('cache') ?? undefined]
  return (
    <nav className="side" id="millpond-side" ref={ref} popover="auto" aria-label="Main">
      {PAGE_GROUPS.map((group) => (
        <div key={group.name ?? group.pages[0]?.page}>
          {group.name !== undefined && <h2>{group.name}</h2>}
          <ul>
            {group.pages
              .filter((each) => isOpen(each.page, access, shown))
              .map((each) => (
                <li key={each.page}>
                  <Link
                    to={placeOf(each.page, { range, cache })}
                    current={each.page === page ? 'page' : undefined}
                    onFollow={() => ref.current?.matches(':popover-open') && ref.current.hidePopover()}
                  >
                    {each.name}
                    {each.page === 'alerts' && <Firing />}
                    {each.shortcut !== undefined && <Shortcut keys={each.shortcut} />}
                  </Link>
                </li>
              ))}
          </ul>
        </div>
      ))}
    </nav>
  )
}

function Firing() {
  const { data } = useAlerts('firing')
  const count = data?.data.length ?? 0
  if (count === 0) return null
  return (
    <span className="n">
      <Icon name="critical" />
      {count}
      <span className="sr"> firing</span>
    </span>
  )
}

/** Announces to screen readers what starts or ends elsewhere. */
function Announced() {
  const { data } = useAlerts('firing')
  const count = data?.data.length ?? 0
  return (
    <p className="sr" role="status">
      {count === 0 ? '' : count === 1 ? 'One alert is firing' : `${count} alerts are firing`}
    </p>
  )
}

/** Shown on hover; the shortcut list has it for others. */
const Shortcut = ({ keys }: { readonly keys: string }) => (
  <span className="shortcut" aria-hidden="true">
    <kbd>{keys}</kbd>
  </span>
)

/** An error in a page leaves the frame intact. */
class Boundary extends Component<{ readonly name: string; readonly children: ReactNode }, { readonly error: unknown }> {
  override state: { readonly error: unknown } = { error: undefined }
  static getDerivedStateFromError(error: unknown) {
    return { error }
  }
  override render() {
    if (this.state.error === undefined) return this.props.children
    return <Failure error={this.state.error} what={this.props.name} retry={() => this.setState({ error: undefined })} />
  }
}
