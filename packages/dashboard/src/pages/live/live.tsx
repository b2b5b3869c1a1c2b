// Live: individual reads, writes and invalidations as they happen, a fair sample with its gaps marked.
import type { ReactNode } from 'react'
import { useCacheName, useSummaries } from '../../api/queries.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { causeName } from '../../format/causes.ts'
import { KeyLink, useKeyName } from '../../parts/key-name.tsx'
import { NamespaceField } from '../../parts/namespace-field.tsx'
import { Notice, PageTitle, Section, State } from '../../parts/section.tsx'
import { sourceName } from '../../parts/source.tsx'
import { Table } from '../../parts/table.tsx'
import { Name, Unit, Word } from '../../parts/words.tsx'
import { Link, placeOf, usePlace } from '../../place/place.tsx'
import { useLive } from '../../shell/live.tsx'
import { NotInstalled } from '../../shell/missing.tsx'
import type { Line, Tail } from './lines.ts'
import { useTail } from './tail.ts'

const SHOWN = 60

/** The filters, and their events. */
const KINDS = [
  { name: 'hits', label: 'Hits', of: ['hit', 'stale'] },
  { name: 'misses', label: 'Misses', of: ['miss'] },
  { name: 'loads', label: 'Loads', of: ['load', 'load_error'] },
  { name: 'writes', label: 'Writes', of: ['set', 'delete'] },
  { name: 'invalidations', label: 'Invalidations', of: ['invalidate'] },
] as const

export function Live() {
  const { offers, may } = useAccess()
  if (!offers('GET', 'stream/'))
    return (
      <NotInstalled title="This server does not stream individual hits and misses" route="GET stream/?topics=events">
        <p>Events as they happen, within a budget, with every gap shown.</p>
      </NotInstalled>
    )
  if (!may('keys:read'))
    return (
      <State label="Not yours to see" title="Your role cannot see keys" level="h1">
        <p>The tail names keys as they are read and written.</p>
      </State>
    )
  return <LiveTail />
}

function LiveTail() {
  const { query, go } = usePlace()
  const live = useLive()
  const cache = useCacheName()
  const summaries = useSummaries()
  const tail = useTail(cache, !live.isPaused)
  const namespaces = summaries.data?.caches.find(({ cache_name }) => cache_name === cache)?.namespaces ?? []
  const ns = query.get('ns') ?? ''
  const contains = query.get('contains') ?? ''
  const kinds = query.get('kinds')?.split(',') ?? KINDS.map(({ name }) => name)
  const set = (change: Record<string, string>) =>
    go(placeOf('live', { ...Object.fromEntries(query), ns, contains, ...change }), { replace: true })
  const wanted = new Set<string>(KINDS.filter(({ name }) => kinds.includes(name)).flatMap(({ of }) => of))
  const lines = tail.lines.filter(
    (line) =>
      wanted.has(line.kind) &&
      (ns === '' || line.namespace === ns) &&
      (contains === '' || textOf(line).includes(contains)),
  )
  return (
    <>
      <PageTitle
        title="Live"
        say="Individual reads, writes and invalidations of every process as they happen. Nothing is collected while this page is closed."
        actions={
          <button
            type="button"
            className="btn"
            aria-pressed={live.isPaused}
            onClick={() => live.setPaused(!live.isPaused)}
          >
            {live.isPaused ? 'Go on' : 'Pause'}
          </button>
        }
      />
      <div className="stack-wide">
        <form className="filters" onSubmit={(event) => event.preventDefault()}>
          <fieldset className="field wide-field">
            <legend>Show</legend>
            <div className="choice">
              {KINDS.map(({ name, label }) => (
                <label key={name}>
                  <input
                    type="checkbox"
                    checked={kinds.includes(name)}
                    onChange={() =>
                      set({
                        kinds:
                          (kinds.includes(name) ? kinds.filter((kind) => kind !== name) : [...kinds, name]).join(',') ||
                          'none',
                      })
                    }
                  />
                  {label}
                </label>
              ))}
            </div>
          </fieldset>
          <NamespaceField
            label="Namespace"
            none="all"
            value={ns}
            known={namespaces}
            onChoose={(chosen) => set({ ns: chosen })}
          />
          <label className="field">
            <span>Key, cause, tier or node contains</span>
            <input
              className="input mono"
              value={contains}
              onChange={(event) => set({ contains: event.target.value })}
              spellCheck={false}
            />
          </label>
        </form>
        <Section title="Events" note={<Budget tail={tail} isPaused={live.isPaused} />}>
          <Missing tail={tail} />
          {lines.length === 0 ? (
            <p>{nothing(tail, live.isPaused)}</p>
          ) : (
            <Lines lines={lines.slice(0, SHOWN)} cache={cache} />
          )}
        </Section>
      </div>
    </>
  )
}

function nothing({ lines, state }: Tail, isPaused: boolean): string {
  if (lines.length > 0) return 'No event matches these filters.'
  if (isPaused) return 'Paused before the first event.'
  if (state === 'refused') return 'The server gives no stream now; it is tried again automatically.'
  return state === 'on' ? 'Nothing has happened since this page was opened.' : 'Connecting…'
}

function textOf({ key = '', cause = '', tier = '', node, targets = [] }: Line): string {
  return [key, cause, tier, node, ...targets.map(({ name }) => name)].join(' ')
}

/** The number of events, and the share that is shown. */
function Budget({ tail, isPaused }: { readonly tail: Tail; readonly isPaused: boolean }) {
  const { numbers } = useDashboard()
  if (isPaused) return <>paused</>
  if (tail.state !== 'on') return <>not connected</>
  const { seenPerSecond: seen, shownPerSecond: shown } = tail
  if (seen === null || seen === 0) return <>{numbers.short(shown)} a second</>
  if (shown >= seen * 0.98) return <>{numbers.short(seen)} a second, all of them</>
  return (
    <>
      {numbers.short(seen)} a second, 1 in {numbers.short(seen / Math.max(shown, 0.1))} shown
    </>
  )
}

function Missing({ tail }: { readonly tail: Tail }) {
  const { numbers } = useDashboard()
  return (
    <>
      {tail.silent.length > 0 && (
        <Notice tone="warning" glyph="late">
          <b>{tail.silent.join(', ')}</b> did not answer: their events are missing.
        </Notice>
      )}
      {tail.gaps > 0 && (
        <Notice tone="warning">
          <b>{tail.gaps === 1 ? 'One gap' : `${numbers.count(tail.gaps)} gaps`}.</b>{' '}
          {tail.dropped > 0
            ? `${numbers.count(tail.dropped)} rounds of half a second were left out.`
            : 'The number of omitted events is unknown.'}
        </Notice>
      )}
    </>
  )
}

function Lines({ lines, cache }: { readonly lines: readonly Line[]; readonly cache: string | undefined }) {
  const { times } = useDashboard()
  return (
    <Table
      isDense
      caption="Events, newest first"
      rows={lines}
      keyOf={({ id }) => String(id)}
      toneOf={({ kind }) => (kind === 'load_error' ? 'wrong' : kind === 'hit' || kind === 'set' ? 'quiet' : undefined)}
      columns={[
        {
          name: 'Time',
          cell: ({ at }) => (
            <span className="mono nw">{`${times.clock(at)}.${String(at % 1000).padStart(3, '0')}`}</span>
          ),
        },
        { name: 'Event', folded: 'right', cell: ({ kind }) => <Kind kind={kind} /> },
        { name: 'Key', folded: 'wide', cell: (line) => <Subject line={line} cache={cache} /> },
        { name: 'Namespace', cell: ({ namespace }) => <span dir="auto">{namespace}</span> },
        {
          name: 'How',
          cell: (line) => (
            <span className="nw">
              <How line={line} cache={cache} />
            </span>
          ),
        },
        { name: 'Node', cell: ({ node }) => <span className="nw">{node}</span> },
      ]}
    />
  )
}

const SAYS: Readonly<Record<string, string>> = {
  hit: 'hit',
  stale: 'stale',
  load: 'loaded',
  set: 'set',
  delete: 'deleted',
}

function Kind({ kind }: { readonly kind: string }): ReactNode {
  if (kind === 'miss') return <b className="strong">miss</b>
  if (kind === 'load_error') return <Word tone="critical">load failed</Word>
  if (kind === 'invalidate') return <Word tone="warning">invalidated</Word>
  return SAYS[kind] ?? kind
}

function Subject({ line, cache }: { readonly line: Line; readonly cache: string | undefined }) {
  const keyName = useKeyName()
  const { key, targets = [], more = 0, namespace } = line
  if (key === undefined)
    return (
      <>
        {targets.map(({ kind, name }) => (
          <span key={`${kind} ${name}`} className="block">
            {kind === 'all' ? 'everything' : `${kind} `}
            {name !== '' && <Name>{kind === 'key' ? keyName(name) : name}</Name>}
          </span>
        ))}
        {more > 0 && `and ${more} more`}
      </>
    )
  if (line.is_cut === true) return <Name>{`${keyName(key)}…`}</Name>
  return <KeyLink name={key} namespace={namespace} cache={cache} />
}

function How({ line, cache }: { readonly line: Line; readonly cache: string | undefined }) {
  const { numbers } = useDashboard()
  const { tier, cause, ms, detail, mode, receipt, key, namespace } = line
  if (cause !== undefined)
    return (
      <>
        {key === undefined ? (
          causeName(cause)
        ) : (
          <Link to={placeOf('why', { cache, ns: namespace, key })}>{causeName(cause)}</Link>
        )}
        {detail !== undefined && `: ${detail}`}
      </>
    )
  if (tier !== undefined) return <>{sourceName(tier)}</>
  if (ms !== undefined) return <Unit figure={numbers.ms(ms)} />
  return (
    <span title={receipt === undefined ? undefined : `receipt ${receipt}`}>
      {[mode, detail].filter(Boolean).join(', ')}
    </span>
  )
}
