// Experiments: two settings side by side on live traffic, their results, their significance, and the next action.
import { useState } from 'react'
import { type Experiment, useExperiments } from '../../api/experiments.ts'
import { useCacheName } from '../../api/queries.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { spelled } from '../../format/text.ts'
import { Answer } from '../../parts/answer.tsx'
import { PageTitle, Section, State } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Name, Time, Unit } from '../../parts/words.tsx'
import { Link, placeOf, usePlace } from '../../place/place.tsx'
import { NotInstalled } from '../../shell/missing.tsx'
import { Acts } from './acts.tsx'
import { Arms } from './arms.tsx'
import { Begin } from './begin.tsx'
import { Course } from './course.tsx'
import { standingOf } from './standing.ts'
import { coversOf, phaseOf, reasonOf, settingOf, verdictOf } from './words.ts'

export function Experiments() {
  const { offers } = useAccess()
  const cache = useCacheName()
  if (!offers('GET', 'experiments/'))
    return (
      <NotInstalled title="No experiment can be run here" route="GET experiments/">
        <p>
          Two settings side by side, split by the hash of the key: hit ratio, loads and staleness of each, and a verdict
          that says when it is sound.
        </p>
      </NotInstalled>
    )
  if (cache === undefined)
    return (
      <State label="First run" title="Waiting for the first cache" level="h1">
        <p>No cache is attached to this control plane yet, so there is nothing to try.</p>
      </State>
    )
  return <OfCache cache={cache} key={cache} />
}

function OfCache({ cache }: { readonly cache: string }) {
  const { query } = usePlace()
  const experiments = useExperiments(cache)
  return (
    <Answer query={experiments} what="The list of experiments">
      {(all) => {
        const shown = all.find(({ id }) => id === query.get('id')) ?? all[0]
        return shown === undefined ? <None cache={cache} /> : <Shown shown={shown} all={all} cache={cache} />
      }}
    </Answer>
  )
}

function None({ cache }: { readonly cache: string }) {
  return (
    <>
      <PageTitle
        title="Nothing has been tried yet"
        say={
          <>
            Try a time to live on a share of the keys of <Name>{cache}</Name>, or another memory setting in a shadow
            cache, and see when the difference is significant.
          </>
        }
        actions={<BeginButton cache={cache} isPrimary />}
      />
      <Section title="How it is evaluated">
        <p className="prose">
          Each key belongs to one arm by its hash, the same in every process. Arms are compared by groups of keys, since
          reads of one key are alike; the interval holds however often you look, so you may stop whenever it is
          significant. An arm that does harm ends the experiment automatically.
        </p>
      </Section>
    </>
  )
}

function BeginButton({ cache, isPrimary = false }: { readonly cache: string; readonly isPrimary?: boolean }) {
  const { may, offers } = useAccess()
  const [isOpen, setOpen] = useState(false)
  if (!may('experiments:write') || !offers('POST', 'experiments/')) return null
  return (
    <>
      <button type="button" className={`btn ${isPrimary ? 'btn-primary' : ''}`} onClick={() => setOpen(true)}>
        Try something…
      </button>
      {isOpen && <Begin cache={cache} onClose={() => setOpen(false)} />}
    </>
  )
}

function Shown({
  shown,
  all,
  cache,
}: {
  readonly shown: Experiment
  readonly all: readonly Experiment[]
  readonly cache: string
}) {
  const { numbers } = useDashboard()
  const covers = coversOf(numbers, shown.plan)
  const { covered = null } = shown.judgement
  const isRunning = all.some(({ state }) => state === 'running')
  const silent = shown.nodes.filter(({ error }) => error !== null)
  return (
    <>
      <PageTitle
        title={verdictOf(shown)}
        say={
          <>
            <Name>{shown.plan.name}</Name> on <Name>{shown.plan.namespace ?? cache}</Name>: {phaseOf(shown)}.
            {covers !== undefined && <> It covers {covers}.</>}
            {covered !== null && (
              <>
                {' '}
                That is <Unit figure={numbers.percent(covered)} /> of the reads.
              </>
            )}
          </>
        }
        actions={
          <>
            <Acts experiment={shown} />
            {!isRunning && <BeginButton cache={cache} />}
          </>
        }
      />
      <div className="stack-wide">
        <Section
          title="What was found"
          note={
            <>
              {reasonOf(numbers, shown)}
              {shown.decided !== null && standingOf(shown) === shown.decided && (
                <>
                  , sure since <Time at={shown.decided.at} />
                </>
              )}
            </>
          }
        >
          <Arms experiment={shown} />
        </Section>
        <Course experiment={shown} />
        {silent.length > 0 && shown.state === 'running' && (
          <Section title="Processes that take no part">
            <ul>
              {silent.map(({ node, error }) => (
                <li key={node}>
                  <Name>{node}</Name> {error}
                </li>
              ))}
            </ul>
          </Section>
        )}
        <Section title="All experiments" note="newest first">
          <Table
            caption="Experiments, newest first"
            rows={all}
            keyOf={({ id }) => id}
            columns={[
              {
                name: 'Name',
                cell: ({ id, plan }) => (
                  <Link to={placeOf('experiments', { cache, id })} current={id === shown.id ? 'true' : undefined}>
                    {plan.name}
                  </Link>
                ),
              },
              {
                name: 'Arms',
                folded: 'wide',
                cell: ({ plan }) =>
                  plan.arms
                    .map((arm) => ({ name: arm.name, setting: settingOf(numbers, arm) }))
                    .map(({ name, setting }) => (setting === name ? name : `${name} (${setting})`))
                    .join(', '),
              },
              { name: 'Began', cell: ({ created_at }) => <Time at={created_at} relative /> },
              { name: 'By', cell: ({ actor }) => actor },
              { name: 'Verdict', folded: 'wide', cell: (one) => spelled(numbers, one.judgement.text) },
            ]}
          />
        </Section>
      </div>
    </>
  )
}
