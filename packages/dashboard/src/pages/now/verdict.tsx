// Is it us, where, since when: one sentence for an incident call, then the split that proves it. Measured values only.

import type { ReactNode } from 'react'
import type { HealthPart, Summary } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { aim, type CauseShare, causeShares } from '../../format/causes.ts'
import { capitalised } from '../../format/text.ts'
import { useKeyName } from '../../parts/key-name.tsx'
import { sourceName } from '../../parts/source.tsx'
import { Name, Unit, vars } from '../../parts/words.tsx'
import { Link, placeOf } from '../../place/place.tsx'
import type { Change } from './changes.ts'

const FRESH_MS = 10 * 60_000

export function Verdict({ summary, changes }: { readonly summary: Summary; readonly changes: readonly Change[] }) {
  const { numbers } = useDashboard()
  const minute = summary.last_minute
  const counts = summary.last_minute_miss_causes ?? {}
  const shares = causeShares(counts)
  const seconds = Math.max(1, minute?.seconds ?? 1)
  const misses = Object.values(counts).reduce((sum, count) => sum + count, 0) / seconds
  return (
    <section className="now-verdict" aria-labelledby="verdict">
      <h1 className="lede" id="verdict" tabIndex={-1}>
        <Sentence summary={summary} changes={changes} shares={shares} />
      </h1>
      <p className="say now-say">
        <Say summary={summary} />
      </p>
      <div className="causes">
        <p className="label">
          Misses by cause, <b>{numbers.short(misses)}/s</b> in the last {seconds >= 60 ? 'minute' : `${seconds} s`}
        </p>
        {shares.length === 0 ? (
          <p className="note">No read has missed.</p>
        ) : (
          <>
            <div className="whole" aria-hidden="true">
              {shares.map(({ cause, count }, at) => (
                <i key={cause} className={`cause-${at + 1}`} style={vars({ '--v': count })} />
              ))}
            </div>
            <ul>
              {shares.map(({ cause, name, share }, at) => (
                <li key={cause}>
                  <i className={`cause-${at + 1}`} aria-hidden="true" />
                  <b>
                    <Unit figure={numbers.percent(share)} />
                  </b>
                  <Link to={placeOf('why', { cache: summary.cache_name, cause })}>{name}</Link>
                </li>
              ))}
            </ul>
          </>
        )}
      </div>
    </section>
  )
}

interface SentenceProps {
  readonly summary: Summary
  readonly changes: readonly Change[]
  readonly shares: readonly CauseShare[]
}

function Sentence({ summary, changes, shares }: SentenceProps): ReactNode {
  const { numbers } = useDashboard()
  const { health, last_minute: minute, nodes } = summary
  if (nodes.total === 0) return 'No process of this cache is reporting'
  if (minute === null || minute.hits + minute.misses === 0) return 'Quiet: no read in the last minute'
  const worst = [...health.parts].sort((a, b) => b.deduction - a.deduction)[0]
  const ratio = minute.hit_ratio === null ? undefined : numbers.percent(minute.hit_ratio)
  if (worst === undefined || worst.deduction < 1)
    return <>All is well: {ratio?.value ?? 'no data'}&nbsp;% of reads are hits</>
  if (worst.name === 'hit_ratio')
    return (
      <>
        Hit ratio is {ratio?.value}&nbsp;%, {worst.detail === null ? 'target' : 'usually'}{' '}
        {numbers.percent(worst.target ?? 0).value}&nbsp;%
        <Because changes={changes} shares={shares} />
      </>
    )
  return <Troubled part={worst} />
}

/** Named only if the largest cause is an invalidation, and one of that kind was made here recently. */
function Because({ changes, shares }: Pick<SentenceProps, 'changes' | 'shares'>): ReactNode {
  const { times } = useDashboard()
  const { skewMs } = useAccess()
  const keyName = useKeyName()
  const [first] = shares
  if (first === undefined) return null
  const kind = /^invalidated_(key|tag|pattern|all)$/.exec(first.cause)?.[1]
  const made = changes.find(({ at, of }) => {
    if (of.is !== 'invalidation' || Date.now() + skewMs - at > FRESH_MS) return false
    const aimed = aim(of.operation.request?.criteria).kind
    return kind === aimed || (kind === 'all' && aimed === 'everything')
  })
  if (made === undefined || made.of.is !== 'invalidation') return <>, most misses: {first.name}</>
  const { kind: what, text } = aim(made.of.operation.request?.criteria, keyName)
  return (
    <>
      {' '}
      after {what} {text !== '' && <Name>{text}</Name>} was invalidated at {times.minutes(made.at)}
    </>
  )
}

function Troubled({ part }: { readonly part: HealthPart }): ReactNode {
  const { numbers } = useDashboard()
  const value = part.value ?? 0
  if (part.name === 'tier_latency') {
    const [now, goal] = [numbers.ms(value), numbers.ms(part.target ?? 0)]
    return (
      <>
        {sourceName(part.detail ?? 'a tier')} is slow: p99 {now.value}&nbsp;{now.unit}, objective {goal.value}&nbsp;
        {goal.unit}
      </>
    )
  }
  if (part.name === 'refill')
    return (
      <>
        The source is loaded {numbers.times(value)} a second, {part.detail}
      </>
    )
  if (part.name === 'young_evictions') return 'Entries are evicted before half of their TTL: memory is too small'
  if (part.detail !== null) return capitalised(part.detail)
  if (part.name === 'errors') return <>{numbers.percent(value).value}&nbsp;% of calls to tiers and loaders fail</>
  return 'The score has deductions: see its parts'
}

function Say({ summary }: { readonly summary: Summary }): ReactNode {
  const { numbers } = useDashboard()
  const { last_minute: minute, nodes, total, memory } = summary
  if (minute === null || minute.hits + minute.misses === 0)
    return (
      <>
        {nodes.total === 1 ? 'One process reports' : `${nodes.total} processes report`};{' '}
        {numbers.counted(memory.entries, 'entry', 'entries')} in memory,{' '}
        {numbers.counted(total.hits + total.misses, 'read')} since {nodes.total === 1 ? 'it' : 'they'} started.
      </>
    )
  return (
    <>
      The source answers <b className="nw">{numbers.short(minute.loads / Math.max(1, minute.seconds))} loads/s</b>
      {minute.load_avg_ms !== null && (
        <>
          , <Unit figure={numbers.ms(minute.load_avg_ms)} /> each
        </>
      )}
      .{' '}
      {minute.load_joins > 0 && (
        <>
          <b>{numbers.count(minute.load_joins)}</b> reads joined a load in progress.{' '}
        </>
      )}
      {nodes.late.length > 0 ? (
        <>
          Late: <b>{nodes.late.join(', ')}</b>; the numbers are of the others.
        </>
      ) : nodes.total === 1 ? (
        'One process reports.'
      ) : (
        `All ${nodes.total} processes report.`
      )}
    </>
  )
}
