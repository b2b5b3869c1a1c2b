// Proposals: what assistants and others would have done, each with what it would do now, to approve or reject.
import { useQuery } from '@tanstack/react-query'
import type { Page, Proposal } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { seen } from '../../format/seen.ts'
import { Answer } from '../../parts/answer.tsx'
import { PageTitle, Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/words.tsx'
import { Link, placeOf, usePlace } from '../../place/place.tsx'
import { useLive } from '../../shell/live.tsx'
import { NotInstalled } from '../../shell/missing.tsx'
import { One } from './one.tsx'
import { By, StateWord } from './words.tsx'

export function Proposals() {
  const { offers } = useAccess()
  const { query } = usePlace()
  const id = query.get('id')
  if (!offers('GET', 'proposals/'))
    return (
      <NotInstalled title="Nothing can be proposed here" route="GET proposals/">
        <p>Assistants propose what changes something; a person looks at it and approves or rejects it.</p>
      </NotInstalled>
    )
  return id === null ? <All /> : <One id={id} key={id} />
}

function All() {
  const { client } = useDashboard()
  const live = useLive()
  // Those that wait are asked for by themselves: many that were decided since may be newer.
  const proposals = useQuery({
    queryKey: ['proposals'],
    queryFn: async ({ signal }) => {
      const [open, all] = await Promise.all([
        client.get<Page<Proposal>>('proposals/', { limit: 200, state: 'waiting' }, signal),
        client.get<Page<Proposal>>('proposals/', { limit: 200 }, signal),
      ])
      return { ...all, waiting: open.data }
    },
    refetchInterval: live.every(5000),
  })
  return (
    <Answer query={proposals} what="The list of proposals">
      {({ data, has_more, waiting }) => {
        const decided = data.filter(({ state }) => state !== 'waiting')
        return (
          <>
            <PageTitle
              title={
                waiting.length === 0
                  ? 'Nothing is waiting for you'
                  : `${waiting.length} ${waiting.length === 1 ? 'proposal is' : 'proposals are'} waiting`
              }
              say="Assistants ask by themselves and only propose what changes something. Nothing is done until a person who may do it has looked at it and approved it."
            />
            <div className="stack-wide">
              <Section title="Waiting" note="for a day">
                {waiting.length === 0 ? (
                  <p className="prose">
                    <code>millpond mcp</code> gives an assistant its tools; what it proposes appears here, and under{' '}
                    <code>millpond proposals list</code>.
                  </p>
                ) : (
                  <Rows caption="Proposals that are waiting, newest first" rows={waiting} />
                )}
              </Section>
              {decided.length > 0 && (
                <Section title="Decided" note={has_more ? 'the newest 200 of all' : 'newest first'}>
                  <Rows caption="Decided proposals, newest first" rows={decided} />
                </Section>
              )}
            </div>
          </>
        )
      }}
    </Answer>
  )
}

function Rows({ caption, rows }: { readonly caption: string; readonly rows: readonly Proposal[] }) {
  return (
    <Table
      caption={caption}
      rows={rows}
      keyOf={({ id }) => id}
      toneOf={({ state }) => (state === 'failed' || state === 'interrupted' ? 'wrong' : undefined)}
      columns={[
        {
          name: 'What',
          cell: ({ id, summary, method, path }) => (
            <>
              <Link to={placeOf('proposals', { id })}>{summary}</Link>
              <span className="note block">
                <code>
                  {method} {seen(path)}
                </code>
              </span>
            </>
          ),
        },
        { name: 'State', folded: 'right', cell: ({ state }) => <StateWord state={state} /> },
        {
          name: 'Reason, in its words',
          folded: 'wide',
          cell: ({ reason }) => <bdi>{seen(reason.length > 80 ? `${reason.slice(0, 80)}…` : reason)}</bdi>,
        },
        { name: 'By', cell: (row) => <By proposal={row} /> },
        { name: 'When', cell: ({ created_at }) => <Time at={created_at} relative /> },
      ]}
    />
  )
}
