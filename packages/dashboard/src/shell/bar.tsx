// The top bar: the current location, search, the age of the data, the time span.
import { useCacheName } from '../api/queries.ts'
import { useAccess, useDashboard } from '../context.tsx'
import { Brand, Icon } from '../parts/icon.tsx'
import { useNow } from '../parts/words.tsx'
import { Link, placeOf, usePlace } from '../place/place.tsx'
import { useFreshness, useLive } from './live.tsx'
import { RANGES, useRange } from './range.ts'

export function Bar({ openPalette }: { readonly openPalette: () => void }) {
  const { environment } = useDashboard()
  const { session, signOut } = useAccess()
  const { page, query, go } = usePlace()
  const range = useRange()
  return (
    <header className="bar">
      <button type="button" className="btn btn-quiet menu-btn" popoverTarget="millpond-side" aria-label="Menu">
        <Icon name="menu" />
      </button>
      <Link to="" className="brand">
        <Brand />
        Millpond
      </Link>
      {environment !== undefined && (
        <span
          className={`env ${environment.label.toLowerCase() === 'production' ? 'env-production' : ''}`}
          style={environment.color === undefined ? undefined : { color: environment.color }}
        >
          {environment.label}
        </span>
      )}
      <Caches />
      <button type="button" className="search" onClick={openPalette}>
        <Icon name="search" />
        <span>Key, tag, namespace or page</span>
        <kbd>Ctrl K</kbd>
      </button>
      <Fresh />
      <label className="range">
        <span className="sr">Span of time</span>
        <select
          className="input"
          value={range.name}
          onChange={(event) => go(placeOf(page, { ...Object.fromEntries(query), range: event.target.value }))}
        >
          {RANGES.map(({ name, label }) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <button type="button" className="btn btn-quiet who" onClick={signOut} title={`${session.name}, ${session.role}`}>
        Sign out<span className="sr"> {session.name}</span>
      </button>
    </header>
  )
}

/** The cache of the page, if there are several. */
function Caches() {
  const { session } = useAccess()
  const { page, query, go } = usePlace()
  const cache = useCacheName()
  const { caches = [] } = session
  if (caches.length < 2) return null
  return (
    <label className="cache">
      <span className="sr">Cache</span>
      <select
        className="input"
        value={cache ?? ''}
        onChange={(event) => go(placeOf(page, { range: query.get('range') ?? undefined, cache: event.target.value }))}
      >
        {caches.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}

function Fresh() {
  const live = useLive()
  const { times } = useDashboard()
  const { state, at } = useFreshness()
  const now = useNow()
  const age = at === undefined ? undefined : Math.max(0, Math.round((now - at) / 1000))
  const isLost = state === 'lost'
  const isWell = live.isStreaming && !live.isPaused && !isLost
  const said = live.isPaused
    ? 'Paused'
    : isLost
      ? 'No answer'
      : isWell
        ? 'Live'
        : state === 'asking'
          ? 'Asking'
          : 'Polling'
  const more = [
    at === undefined ? '' : `newest answer ${age} s ago`,
    live.gap === undefined ? '' : `the stream had a gap at ${times.clock(live.gap.at)}, and everything was reloaded`,
  ].filter(Boolean)
  return (
    <>
      <p className={`live ${isWell ? '' : 'is-polling'}`} title={more.join('; ') || undefined}>
        <i aria-hidden="true" />
        <span role="status">{said}</span> {age !== undefined && age > 0 && <b>{age} s ago</b>}
      </p>
      <button
        type="button"
        className="btn btn-quiet pause"
        aria-label={live.isPaused ? 'Go on' : 'Pause'}
        title={live.isPaused ? 'Go on (p)' : 'Pause (p)'}
        aria-pressed={live.isPaused}
        onClick={() => live.setPaused(!live.isPaused)}
      >
        <Icon name={live.isPaused ? 'play' : 'pause'} />
      </button>
    </>
  )
}
