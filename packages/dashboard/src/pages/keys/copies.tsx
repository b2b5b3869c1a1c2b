// Every copy of a key, one row for each tier and node, the deviating one first, with its effect on users.

import type { Copy, Explanation, Known } from '../../api/types.ts'
import { useDashboard } from '../../context.tsx'
import { causeName } from '../../format/causes.ts'
import { stopwatch, timeLeft } from '../../format/times.ts'
import { Icon } from '../../parts/icon.tsx'
import { Notice, Section } from '../../parts/section.tsx'
import { Source, sourceName } from '../../parts/source.tsx'
import { Table } from '../../parts/table.tsx'
import { Time, Unit, vars, Word } from '../../parts/words.tsx'
import { hitsOf } from './groups.tsx'

export interface Placed {
  /** Undefined: the tier is shared, and is shown once. */
  readonly node: string | undefined
  readonly copy: Copy
  readonly hitsLimit: Known | undefined
  readonly isOdd: boolean
}

const isHeld = ({ state }: Copy): boolean => state === 'fresh' || state === 'stale'

/** A shared tier is the same for all nodes. Odd: it serves an older value than another copy. */
export function copiesOf({ nodes }: Explanation): readonly Placed[] {
  const shared = new Set<string>()
  const placed = nodes.flatMap(({ node, tiers, hits_limit: hitsLimit }) =>
    tiers.flatMap((copy) => {
      if (copy.scope === 'process') return [{ node, copy, hitsLimit }]
      const name = copy.scope === 'host' ? `${node} ${copy.tier}` : copy.tier
      if (shared.has(name)) return []
      shared.add(name)
      return [{ node: copy.scope === 'host' && nodes.length > 1 ? node : undefined, copy, hitsLimit }]
    }),
  )
  const newest = Math.max(0, ...placed.filter(({ copy }) => isHeld(copy)).map(({ copy }) => copy.version?.seq ?? 0))
  return placed
    .map((one) => ({
      ...one,
      isOdd: isHeld(one.copy) && one.copy.version !== undefined && one.copy.version.seq < newest,
    }))
    .sort((a, b) => Number(b.isOdd) - Number(a.isOdd) || Number(isHeld(b.copy)) - Number(isHeld(a.copy)))
}

export function Copies({
  explanation,
  copies,
}: {
  readonly explanation: Explanation
  readonly copies: readonly Placed[]
}) {
  const { numbers } = useDashboard()
  const silent = explanation.nodes.filter(({ status }) => status !== 'answered')
  const odd = copies.find(({ isOdd }) => isOdd)
  return (
    <>
      {odd !== undefined && (
        <Notice
          tone="critical"
          more={
            odd.copy.ttl_seconds === undefined ? undefined : (
              <>It may answer so for {stopwatch(odd.copy.ttl_seconds * 1000)} at most.</>
            )
          }
        >
          <b>
            {sourceName(odd.copy.tier)}
            {odd.node !== undefined && ` of ${odd.node}`} holds an older copy than the rest.
          </b>
        </Notice>
      )}
      {silent.length > 0 && (
        <Notice tone="warning" glyph="late">
          <b>{silent.map(({ node }) => node).join(', ')}</b> did not answer within 300 ms: their copies are unknown.
        </Notice>
      )}
      <Section
        title="Copies"
        note={`asked ${explanation.nodes.length === 1 ? 'one process' : `${explanation.nodes.length} processes`}, ${explanation.nodes.length - silent.length} answered`}
      >
        <Table
          caption="Every copy of this key, one row for each tier and node"
          rows={copies}
          keyOf={({ node, copy }) => `${copy.tier} ${node}`}
          toneOf={({ isOdd, copy }) => (isOdd ? 'wrong' : isHeld(copy) ? undefined : 'quiet')}
          columns={[
            {
              name: 'Where',
              cell: ({ copy, node }) => <Source tier={copy.tier} {...(node === undefined ? {} : { node })} />,
            },
            { name: 'State', folded: 'right', cell: ({ copy, isOdd }) => <CopyState copy={copy} isOdd={isOdd} /> },
            { name: 'TTL left', cell: ({ copy }) => <TimeLeft copy={copy} /> },
            {
              name: 'Age',
              isNumber: true,
              cell: ({ copy }) => (copy.age_seconds === undefined ? '' : timeLeft(copy.age_seconds * 1000)),
            },
            {
              name: 'Version',
              isNumber: true,
              cell: ({ copy, isOdd }) =>
                copy.version === undefined ? (
                  ''
                ) : isOdd ? (
                  <b className="is-critical">{numbers.count(copy.version.seq)}</b>
                ) : (
                  numbers.count(copy.version.seq)
                ),
            },
            {
              name: 'Size',
              isNumber: true,
              cell: ({ copy }) => (copy.bytes === undefined ? '' : <Unit figure={numbers.bytes(copy.bytes)} />),
            },
            {
              name: 'Hits',
              isNumber: true,
              cell: ({ copy, hitsLimit }) => (copy.hits === undefined ? '' : hitsOf(numbers, copy.hits, hitsLimit)),
            },
            {
              name: 'Compared',
              cell: ({ copy, isOdd }) => (
                <Compared copy={copy} isOdd={isOdd} count={copies.filter((one) => isHeld(one.copy)).length} />
              ),
            },
          ]}
        />
      </Section>
    </>
  )
}

function CopyState({ copy, isOdd }: { readonly copy: Copy; readonly isOdd: boolean }) {
  if (isOdd)
    return (
      <Word tone="critical" glyph="late">
        behind
      </Word>
    )
  if (copy.state === 'unavailable') return <Word tone="unknown">unknown</Word>
  if (copy.state === 'stale') return <Word tone="warning">stale</Word>
  return <>{copy.state === 'invalid' ? 'forgotten' : copy.state}</>
}

function TimeLeft({ copy }: { readonly copy: Copy }) {
  if (!isHeld(copy))
    return (
      <>
        {copy.cause === undefined ? '' : causeName(copy.cause)}
        {copy.detail !== undefined && `: ${copy.detail}`}
        {copy.at !== undefined && (
          <>
            , <Time at={copy.at} />
          </>
        )}
      </>
    )
  if (copy.ttl_seconds === undefined) return <>for ever</>
  const whole = copy.ttl_seconds + (copy.age_seconds ?? 0)
  return (
    <span className="ttl">
      <span>
        {timeLeft(copy.ttl_seconds * 1000)} <span className="note">of {timeLeft(whole * 1000)}</span>
      </span>
      <span
        className="meter"
        style={vars({ '--v': whole === 0 ? 0 : (100 * copy.ttl_seconds) / whole })}
        aria-hidden="true"
      >
        <i />
      </span>
    </span>
  )
}

function Compared({ copy, isOdd, count }: { readonly copy: Copy; readonly isOdd: boolean; readonly count: number }) {
  if (!isHeld(copy)) return null
  if (isOdd)
    return (
      <Word tone="critical" glyph="no">
        older
      </Word>
    )
  if (count < 2) return <span className="note">the only one</span>
  return (
    <span className="tag-word plain">
      <Icon name="ok" />
      newest
    </span>
  )
}
