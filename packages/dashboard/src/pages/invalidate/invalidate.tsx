// Invalidate: choose a target, see the plan, confirm, watch the acknowledgements, read the probe, undo. Below, the
// history.
import { useQuery } from '@tanstack/react-query'
import { useInvalidations } from '../../api/queries.ts'
import type { Operation } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { Answer } from '../../parts/answer.tsx'
import { PageTitle, Section, State } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Time, Word } from '../../parts/words.tsx'
import { Link, placeOf, usePlace } from '../../place/place.tsx'
import { useLive } from '../../shell/live.tsx'
import { NotInstalled } from '../../shell/missing.tsx'
import { Aimed } from '../now/parts.tsx'
import { Acknowledged, Probed } from './answers.tsx'
import { Composer } from './composer.tsx'

export function Invalidate() {
  const access = useAccess()
  const { query } = usePlace()
  const id = query.get('id')
  if (!access.offers('POST', 'invalidations/plan/'))
    return (
      <NotInstalled title="Nothing can be invalidated from here" route="POST invalidations/plan/">
        <p>
          First a plan that shows what would be removed and the load on the source, then the run, the answer of each
          node, and a probe.
        </p>
      </NotInstalled>
    )
  if (id !== null) return <Ran id={id} />
  return (
    <div className="stack-wide">
      {access.may('invalidate') ? <Composer key={query.toString()} /> : <NotYours />}
      <Earlier />
    </div>
  )
}

function NotYours() {
  const { session } = useAccess()
  return (
    <State label="Not yours to do" title="Your role cannot invalidate" level="h1">
      <p>
        You are signed in as {session.name}, {session.role}. An operator can; send them the link to this page.
      </p>
    </State>
  )
}

const isOver = ({ state }: Operation): boolean => !['running', 'cancelling', 'partial'].includes(state)

function Ran({ id }: { readonly id: string }) {
  const { client, numbers } = useDashboard()
  const live = useLive()
  const operation = useQuery({
    queryKey: ['operations', id],
    queryFn: ({ signal }) => client.get<Operation>(`operations/${encodeURIComponent(id)}/`, {}, signal),
    refetchInterval: ({ state }) => (state.data !== undefined && isOver(state.data) ? false : live.pushed(1000, 3000)),
  })
  return (
    <Answer query={operation} what="The invalidation">
      {(view) => (
        <>
          <PageTitle
            crumbs={[
              <Link key="all" to="invalidate/">
                Invalidate
              </Link>,
              view.id,
            ]}
            title={
              <>
                <Aimed operation={view} /> invalidated
              </>
            }
            say={
              <>
                {view.request?.mode === 'soft' ? 'Soft' : 'Hard'},{' '}
                {view.plan?.keys === undefined
                  ? 'keys not counted'
                  : `${numbers.counted(view.plan.keys, 'key')} planned`}
                , by <b>{view.actor}</b> at <Time at={view.created_at} />
                {view.reason !== null && (
                  <>
                    , reason “<bdi>{view.reason}</bdi>”
                  </>
                )}
                . <OperationState state={view.state} />
              </>
            }
          />
          <ol className="path">
            <Acknowledged operation={view} />
            <Probed operation={view} />
          </ol>
        </>
      )}
    </Answer>
  )
}

function OperationState({ state }: { readonly state: string }) {
  if (state === 'completed') return <Word tone="proven">completed</Word>
  if (state === 'partial')
    return (
      <Word tone="critical" glyph="late">
        partial: a node is late
      </Word>
    )
  if (state === 'running' || state === 'cancelling') return <>{state}…</>
  return <Word tone="critical">{state}</Word>
}

function Earlier() {
  const { numbers } = useDashboard()
  const earlier = useInvalidations(50)
  return (
    <Section title="What was invalidated" note="newest first">
      <Answer query={earlier} what="The history">
        {({ data }) =>
          data.length === 0 ? (
            <p>Nothing has been invalidated from here yet. Invalidations made by code are not in this list.</p>
          ) : (
            <Table
              caption="Invalidations, newest first"
              rows={data}
              keyOf={({ id }) => id}
              toneOf={({ state }) =>
                state === 'failed' || state === 'partial' || state === 'interrupted' ? 'wrong' : undefined
              }
              columns={[
                {
                  name: 'What',
                  cell: (row) => (
                    <Link to={placeOf('invalidate', { id: row.id })}>
                      <Aimed operation={row} />
                    </Link>
                  ),
                },
                { name: 'State', folded: 'right', cell: (row) => <OperationState state={row.state} /> },
                { name: 'How', cell: (row) => row.request?.mode ?? 'hard' },
                {
                  name: 'Keys planned',
                  isNumber: true,
                  cell: (row) => (row.plan?.keys === undefined ? 'no data' : numbers.count(row.plan.keys)),
                },
                { name: 'By', cell: (row) => row.actor },
                { name: 'Reason', cell: (row) => row.reason ?? '' },
                { name: 'When', cell: (row) => <Time at={row.created_at} relative /> },
              ]}
            />
          )
        }
      </Answer>
    </Section>
  )
}
