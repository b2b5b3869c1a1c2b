// Recommendations: their benefit, certainty, cost and undo; the causes of misses; the hottest keys.

import { type ReactNode, useState } from 'react'
import {
  type Analyzed,
  type AnalyzedCache,
  type NodeAnswer,
  type Recommendation,
  useAnalysis,
} from '../../api/insight.ts'
import type { MemoryChange } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { capitalised, spelled } from '../../format/text.ts'
import { Answer } from '../../parts/answer.tsx'
import { PageTitle, Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Name, Time, Unit, vars } from '../../parts/words.tsx'
import { Link, placeOf } from '../../place/place.tsx'
import { AppliedChanges } from './applied.tsx'
import { Apply, type Tried } from './apply.tsx'
import { AutomaticChanges } from './automatic-changes.tsx'
import { Evidence } from './evidence.tsx'
import { amountOf, settingsOf, speakerOf } from './figures.ts'
import { StaleReads } from './freshness.tsx'
import { HotKeys } from './hot-keys.tsx'
import { Change, mostOf, Whisker } from './interval.tsx'
import { NotEnoughData } from './not-enough-data.tsx'
import { Watched } from './off.tsx'
import { LoadingAhead } from './prediction.tsx'

const ABOUT =
  'What costs most, what would improve it and by how much, how certain that is, and how to undo it, based on recent traffic.'

export function Advice() {
  return (
    <Watched title="Advice" route={['POST', 'optimizations/analyze/']} about={ABOUT}>
      {(cache) => <Analysis cache={cache} />}
    </Watched>
  )
}

function Analysis({ cache }: { readonly cache: string }) {
  const analysis = useAnalysis(cache, true)
  return (
    <Answer query={analysis} what="The advice">
      {(found) => (found === null ? <p>There is no data about {cache}.</p> : <Found found={found} />)}
    </Answer>
  )
}

function Found({ found }: { readonly found: AnalyzedCache }) {
  const { numbers } = useDashboard()
  const { cache_name: cache, recommendations, nodes } = found
  const [tried, setTried] = useState<Tried | undefined>()
  const said = speakerOf(nodes, null)?.said ?? undefined
  const most = mostOf(recommendations.map(({ hit_ratio_change }) => hit_ratio_change))
  return (
    <>
      <PageTitle
        title={titleOf(found, numbers.count)}
        say={sayOf(found, (why) => capitalised(spelled(numbers, why)))}
      />
      <div className="stack-wide">
        {recommendations.length > 0 && (
          <ol className="advice">
            {recommendations.map((one) => (
              <Recommended key={one.id} one={one} most={most} nodes={nodes} onTry={setTried} />
            ))}
          </ol>
        )}
        {said !== undefined && said.bottlenecks.length > 0 && <Bottlenecks said={said} cache={cache} />}
        {said !== undefined && <HotKeys tiers={said.hot_keys} cache={cache} />}
        <StaleReads cache={cache} />
        <LoadingAhead cache={cache} />
        <AppliedChanges cache={cache} />
        <AutomaticChanges cache={cache} />
        <Evidence nodes={nodes} page="advice" cache={cache} />
      </div>
      {tried !== undefined && <Apply cache={cache} tried={tried} onClose={() => setTried(undefined)} />}
    </>
  )
}

const isEnough = ({ said }: NodeAnswer<Analyzed>): boolean => said?.evidence.is_enough === true

function titleOf({ recommendations, nodes }: AnalyzedCache, count: (value: number) => string): string {
  if (!nodes.some(isEnough)) return 'Not enough data for advice'
  if (recommendations.length === 0) return 'Nothing to change'
  const many = FEW[recommendations.length] ?? count(recommendations.length)
  return recommendations.length === 1 ? 'One thing would help' : `${many} things would help`
}

const FEW: readonly (string | undefined)[] = ['No', 'One', 'Two', 'Three', 'Four', 'Five', 'Six']

function sayOf({ recommendations, nodes, cache_name }: AnalyzedCache, sentence: (why: string) => string): ReactNode {
  if (!nodes.some(isEnough)) {
    const said = speakerOf(nodes, null)?.said ?? null
    if (said !== null) return <NotEnoughData said={said} />
    const why = nodes.map(({ error }) => error).find((one) => one !== null)
    return why === undefined ? 'No process has seen a read yet.' : `${sentence(why ?? '')}.`
  }
  if (recommendations.length === 0 && nodes.every(({ said }) => said === null || said.is_full === false))
    return 'Memory has not been full yet, so no other size or policy can be better, and no other time to live is significantly better on recent traffic.'
  if (recommendations.length === 0)
    return 'No other size, policy or time to live is significantly better on recent traffic. Uncertain changes are not recommended.'
  return (
    <>
      For <Name>{cache_name}</Name>, based on recent traffic, most important first. Nothing changes unless you apply it,
      or let it be applied automatically.
    </>
  )
}

function Recommended({
  one,
  most,
  nodes,
  onTry,
}: {
  readonly one: Recommendation
  readonly most: number
  readonly nodes: readonly NodeAnswer<Analyzed>[]
  readonly onTry: (tried: Tried) => void
}) {
  const { numbers } = useDashboard()
  const { may, offers } = useAccess()
  const { change, undo, cost } = one
  const windows = nodes.flatMap(({ said }) => (said?.evidence.is_enough === true ? [said.evidence] : []))
  const from = Math.min(...windows.map((evidence) => Date.parse(evidence.from)))
  const reads = windows.reduce((sum, evidence) => sum + evidence.reads, 0)
  const spent = cost === null ? undefined : amountOf(numbers, { ...cost, amount: Math.abs(cost.amount) })
  const mayApply = change !== null && may('config:write') && offers('POST', 'optimizations/apply/')
  return (
    <li>
      <div className="impact">
        <span className="sr">Impact </span>
        <b>{numbers.count(one.impact)}</b>
        <span className="note">of 100</span>
        <span className="meter" style={vars({ '--v': one.impact })} aria-hidden="true">
          <i />
        </span>
      </div>
      <div className="what">
        <h2>{capitalised(one.text)}</h2>
        <dl className="weighed">
          <div>
            <dt>Hits of a hundred{one.kind === 'ttl' ? ' of its' : ''} reads</dt>
            <dd className="row">
              <Change change={one.hit_ratio_change} /> <Whisker change={one.hit_ratio_change} most={most} />
            </dd>
          </div>
          {change !== null && (
            <div>
              <dt>Change</dt>
              <dd>
                <Settings change={change} />
              </dd>
            </div>
          )}
          <div>
            <dt>Costs</dt>
            <dd>
              {spent === undefined || cost === null
                ? 'no memory'
                : `${spent.value} ${spent.unit} ${cost.amount < 0 ? 'less' : 'more'}`}
            </dd>
          </div>
          <div>
            <dt>Risk</dt>
            <dd>{one.risk}</dd>
          </div>
          <div>
            <dt>Rests on</dt>
            <dd>
              {numbers.count(reads)} reads since {Number.isFinite(from) ? <Time at={from} /> : 'no time that is known'};{' '}
              {one.nodes} of {one.of_nodes} {one.of_nodes === 1 ? 'process says' : 'processes say'} so
            </dd>
          </div>
          <div>
            <dt>Taken back by</dt>
            <dd>{undo === null ? 'the old time to live, where it is set' : <Settings change={undo} />}</dd>
          </div>
        </dl>
      </div>
      <p className="row">
        {mayApply ? (
          <button
            type="button"
            className="btn"
            onClick={() =>
              onTry({
                title: 'Apply the recommendation',
                verb: 'Change it',
                change,
                undo,
                reason: `recommendation ${one.id}`,
              })
            }
          >
            Apply…<span className="sr"> {one.id}</span>
          </button>
        ) : (
          <span className="note">
            {change === null ? 'Only your code or a configuration can do this.' : 'Your role cannot change it.'}
          </span>
        )}
      </p>
    </li>
  )
}

function Settings({ change }: { readonly change: MemoryChange }) {
  const { numbers } = useDashboard()
  return (
    <>
      {settingsOf(numbers, change)
        .map(({ name, text }) => `${name}: ${text}`)
        .join(', ')}
    </>
  )
}

function Bottlenecks({ said, cache }: { readonly said: Analyzed; readonly cache: string }) {
  const { numbers } = useDashboard()
  return (
    <Section title="Where misses come from" note={<Link to={placeOf('why', { cache })}>Every cause</Link>}>
      <Table
        caption="What misses come from, most first"
        rows={said.bottlenecks}
        keyOf={({ kind }) => kind}
        columns={[
          { name: 'From', cell: ({ kind }) => <b className="nw">{kind}</b> },
          {
            name: 'Of misses',
            isNumber: true,
            cell: ({ share }) => (
              <span className="bar-cell share-cell">
                <i style={vars({ '--v': share * 100 })} />
                <Unit figure={numbers.percent(share)} />
              </span>
            ),
          },
          { name: 'Of reads', isNumber: true, cell: ({ of_reads }) => <Unit figure={numbers.percent(of_reads)} /> },
          { name: 'What it means', folded: 'wide', cell: ({ text }) => text },
        ]}
      />
    </Section>
  )
}
