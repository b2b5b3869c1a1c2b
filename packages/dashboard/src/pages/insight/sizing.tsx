// Sizing: what another memory size, policy and other TTLs would have brought, on recent traffic.

import {
  type Amount,
  type NodeAnswer,
  type PatternPoint,
  type PolicyPoint,
  type Sized,
  type TtlPoint,
  useAnalysis,
} from '../../api/insight.ts'
import { useSummaries } from '../../api/queries.ts'
import { useDashboard } from '../../context.tsx'
import { Answer } from '../../parts/answer.tsx'
import { PageTitle, Section, State } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Name, Time, Unit } from '../../parts/words.tsx'
import { Link, placeOf, usePlace } from '../../place/place.tsx'
import { Evidence } from './evidence.tsx'
import { amountOf, missAt, points, policyName, speakerOf } from './figures.ts'
import { Change, mostOf, Whisker } from './interval.tsx'
import { NotEnoughData } from './not-enough-data.tsx'
import { Watched } from './off.tsx'
import { Trends } from './trends.tsx'
import { WhatIf } from './what-if.tsx'

const ABOUT =
  'How many misses another size of memory, another policy or other times to live would have caused on recent traffic, and how certain that is.'

export function Sizing() {
  return (
    <Watched title="Sizing" route={['GET', 'sizing/']} about={ABOUT}>
      {(cache, nodes) => <SizingReport cache={cache} nodes={nodes} />}
    </Watched>
  )
}

function SizingReport({ cache, nodes }: { readonly cache: string; readonly nodes: readonly NodeAnswer<Sized>[] }) {
  const { query } = usePlace()
  const summaries = useSummaries()
  const speaker = speakerOf(nodes, query.get('node'))
  const said = speaker?.said ?? null
  if (speaker === undefined || said === null)
    return (
      <div className="stack-wide">
        <State label="Sizing" title="No process is reporting" level="h1">
          <p>The processes of {cache} that are watched do not answer now. This page asks again automatically.</p>
        </State>
        <Evidence nodes={nodes} page="sizing" cache={cache} />
      </div>
    )
  const totals = summaries.data?.caches.find(({ cache_name }) => cache_name === cache)?.total
  return (
    <>
      {said.evidence.is_enough ? (
        <Headline said={said} node={speaker.node} isOne={nodes.length === 1} />
      ) : (
        <PageTitle title="Not enough data yet" say={<NotEnoughData said={said} />} />
      )}
      <div className="stack-wide">
        {said.evidence.is_enough && (
          <>
            <WhatIf key={speaker.node} said={said} totals={totals} />
            <div className="cols">
              <Policies said={said} />
              <Ttls ttls={said.ttls} />
            </div>
            <Namespaces cache={cache} node={speaker.node} />
          </>
        )}
        <Trends cache={cache} />
        <Evidence nodes={nodes} page="sizing" cache={cache} shown={speaker.node} />
      </div>
    </>
  )
}

function Headline({ said, node, isOne }: { readonly said: Sized; readonly node: string; readonly isOne: boolean }) {
  const { numbers } = useDashboard()
  const { evidence, capacity, policy, hit_ratio } = said
  const size = capacity === null ? undefined : amountOf(numbers, capacity)
  const held = heldOf(said)
  return (
    <PageTitle
      title={verdictOf(said, (change) => points(numbers, change))}
      say={
        <>
          Memory answered{' '}
          <b>
            <Unit figure={numbers.percent(hit_ratio)} />
          </b>{' '}
          of {numbers.count(evidence.reads)} reads since <Time at={evidence.from} />
          {size !== undefined && (
            <>
              {' '}
              in{' '}
              <b>
                <Unit figure={size} />
              </b>
            </>
          )}
          {policy !== null && <>, by {policyName(policy)}</>}
          {!isOne && (
            <>
              , in <Name>{node}</Name>
            </>
          )}
          .{' '}
          {held !== undefined && (
            <>
              It holds <Unit figure={amountOf(numbers, held)} /> now and has evicted nothing: until it has been full, no
              size or policy can be recommended.{' '}
            </>
          )}
          The following figures are estimated from a sample of its keys.
        </>
      }
    />
  )
}

/** By what the current policy does at twice and at half the size; without such a shadow, by the curve. */
function verdictOf(said: Sized, shown: (change: number) => string): string {
  const { policies, policy, sizes, capacity } = said
  if (capacity === null) return 'There is no size to judge'
  if (heldOf(said) !== undefined) return 'Memory has not been full yet'
  const own = (factor: number): { readonly value: number; readonly low: number } | undefined => {
    const shadow = policies.find((point) => point.policy === policy && point.factor === factor)?.change
    const [now, then] = [missAt(sizes, 1), missAt(sizes, factor)]
    if (shadow !== undefined || now === undefined || then === undefined) return shadow
    return { value: now.value - then.value, low: now.value - then.high }
  }
  const [twice, half] = [own(2), own(0.5)]
  if (twice !== undefined && twice.low > 0 && twice.value >= LEAST)
    return `Twice the memory would answer ${shown(twice.value).replace('+', '')} more of a hundred reads`
  if (half !== undefined && half.low >= -MOST_LOSS) return 'Half of the memory would be enough'
  return 'The memory has the right size'
}

/** What memory holds, as long as nothing had to leave it. */
function heldOf({ capacity, used, is_full: isFull }: Sized): Amount | undefined {
  return capacity === null || typeof used !== 'number' || isFull !== false ? undefined : { ...capacity, amount: used }
}

/** As in the recommendation. */
const LEAST = 0.005
const MOST_LOSS = 0.01

function Policies({ said }: { readonly said: Sized }) {
  const { policies, policy } = said
  const { numbers } = useDashboard()
  const most = mostOf(policies.map(({ change }) => change))
  const rows = [...policies].sort((a, b) => b.change.value - a.change.value)
  return (
    <Section title="Policies" note="change in hits per hundred reads" className="span-7">
      {rows.length === 0 ? (
        <p>
          {said.is_full === false
            ? 'Policies differ in what they evict, and nothing had to be evicted yet.'
            : 'Nothing is known yet: shadow caches are compared once they are full, or after 16 reads for each of their entries.'}
        </p>
      ) : (
        <Table
          caption="Other policies and sizes, best first"
          rows={rows}
          isDense
          keyOf={(row: PolicyPoint) => `${row.policy} ${row.factor}`}
          columns={[
            { name: 'Policy', cell: (row) => `${policyName(row.policy)}${row.policy === policy ? ', as now' : ''}` },
            { name: 'Size', cell: ({ factor }) => (factor === 1 ? 'as now' : `${numbers.short(factor)} ×`) },
            { name: 'Interval', folded: 'skip', cell: ({ change }) => <Whisker change={change} most={most} /> },
            { name: 'Change', isNumber: true, cell: ({ change }) => <Change change={change} /> },
          ]}
        />
      )}
    </Section>
  )
}

function Ttls({ ttls }: { readonly ttls: readonly TtlPoint[] }) {
  const { numbers } = useDashboard()
  return (
    <Section
      title="Times to live"
      note="change in hits per hundred reads"
      className="span-5"
      footer="How old values would become is not shown here: that is for their owner to weigh up."
    >
      {ttls.length === 0 ? (
        <p>There is no data about times to live yet.</p>
      ) : (
        <Table
          caption="Other times to live"
          rows={ttls}
          isDense
          keyOf={({ factor }) => String(factor)}
          columns={[
            { name: 'Time to live', cell: ({ factor }) => ttlName(numbers.short, factor) },
            { name: 'Change', isNumber: true, cell: ({ change }) => <Change change={change} /> },
          ]}
        />
      )}
    </Section>
  )
}

const ttlName = (short: (value: number) => string, factor: number | null): string =>
  factor === null ? 'no end' : `${TIMES[factor] ?? `${short(factor)} ×`} as long`

const TIMES: Readonly<Record<number, string>> = { 0.25: 'a quarter', 0.5: 'half', 2: 'twice', 4: 'four times' }

function Namespaces({ cache, node }: { readonly cache: string; readonly node: string }) {
  const { numbers } = useDashboard()
  const analysis = useAnalysis(cache, true)
  return (
    <Section
      title="By namespace and key pattern"
      note="most read first"
      footer="Reads: of all reads since the pattern is watched. If there are more patterns than can be watched (24, or 4 beside prediction), these are the ones that are read most."
    >
      <Answer query={analysis} what="The patterns of keys">
        {(found) => {
          const rows = found?.nodes.find((one) => one.node === node)?.said?.patterns ?? []
          if (rows.length === 0) return <p>No pattern has been seen often enough yet.</p>
          return (
            <Table
              caption="Key patterns, most read first"
              rows={rows}
              isDense
              keyOf={(row: PatternPoint) => `${row.namespace} ${row.pattern}`}
              columns={[
                {
                  name: 'Pattern',
                  cell: (row) => (
                    <>
                      <Link to={placeOf('keys', { cache, ns: row.namespace })}>{row.namespace}</Link>{' '}
                      <Name>{row.pattern}</Name>
                    </>
                  ),
                },
                {
                  name: 'Reads',
                  isNumber: true,
                  cell: ({ share }) =>
                    typeof share === 'number' ? (
                      <Unit figure={numbers.percent(share)} />
                    ) : (
                      <span className="is-unknown">not known yet</span>
                    ),
                },
                { name: 'Keys', isNumber: true, cell: ({ keys }) => numbers.count(keys) },
                { name: 'Loads', isNumber: true, cell: ({ loads }) => numbers.count(loads) },
                {
                  name: 'Reloads that found a changed value',
                  isNumber: true,
                  cell: ({ reloads, changed }) =>
                    reloads === 0 ? (
                      <span className="is-unknown">none seen</span>
                    ) : (
                      `${numbers.count(Math.round(changed * reloads))} of ${numbers.count(reloads)}`
                    ),
                },
                {
                  name: 'Twice the TTL',
                  isNumber: true,
                  cell: ({ ttl }) => {
                    const twice = ttl.find(({ factor }) => factor === 2)
                    return twice === undefined ? (
                      <span className="is-unknown">not known</span>
                    ) : (
                      <Change change={twice.change} />
                    )
                  },
                },
              ]}
            />
          )
        }}
      </Answer>
    </Section>
  )
}
