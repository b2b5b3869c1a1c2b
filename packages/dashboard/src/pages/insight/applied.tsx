// Applied recommendations: when, by whom, where they are in force, what they were to bring and brought, and their undo.
import { useState } from 'react'
import { type Applied, type Effect, useApplied, useOutcomes } from '../../api/insight.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { spelled } from '../../format/text.ts'
import { Answer } from '../../parts/answer.tsx'
import { Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Time, Word } from '../../parts/words.tsx'
import { Apply, type Tried } from './apply.tsx'
import { settingsOf } from './figures.ts'
import { Change } from './interval.tsx'
import { undoOf } from './undo.ts'

export function AppliedChanges({ cache }: { readonly cache: string }) {
  const { numbers } = useDashboard()
  const { may, offers } = useAccess()
  const applied = useApplied(cache)
  const { data: outcomes } = useOutcomes(cache)
  const outcomeOf = (row: Applied) => outcomes?.find(({ id }) => id === row.id)
  const [undone, setUndone] = useState<Tried | undefined>()
  const mayRollBack = may('config:write') && offers('POST', 'optimizations/{id}/roll_back/')
  return (
    <Section title="Applied from here" note="the last 20, newest first; each stays in force until the processes end">
      <Answer query={applied} what="The list of changes">
        {(rows) =>
          rows.length === 0 ? (
            <p>Nothing has been applied yet.</p>
          ) : (
            <Table
              caption="Changes to memory, newest first"
              rows={rows}
              keyOf={({ id }) => id}
              toneOf={({ state }) => (state === 'failed' || state === 'partial' ? 'wrong' : undefined)}
              columns={[
                {
                  name: 'What',
                  cell: ({ request }) =>
                    settingsOf(numbers, request?.change ?? {})
                      .map(({ name, text }) => `${name}: ${text}`)
                      .join(', '),
                },
                { name: 'Where', folded: 'wide', cell: (row) => <Where applied={row} /> },
                { name: 'Predicted', cell: (row) => <Brings effect={outcomeOf(row)?.predicted} /> },
                {
                  name: 'Measured since',
                  cell: (row) => <Brings effect={outcomeOf(row)?.realised} stopped={outcomeOf(row)?.stopped} />,
                },
                { name: 'When', cell: (row) => <Time at={row.created_at} relative /> },
                { name: 'By', cell: (row) => row.actor },
                { name: 'Why', folded: 'wide', cell: (row) => row.reason ?? '' },
                {
                  name: 'Undo',
                  isSilent: true,
                  isNumber: true,
                  cell: (row) => {
                    const undo = undoOf(row.result?.nodes ?? [])
                    return (
                      mayRollBack &&
                      row === rows[0] &&
                      undo !== undefined && (
                        <button
                          type="button"
                          className="btn btn-small"
                          onClick={() =>
                            setUndone({
                              title: 'Roll back the change',
                              verb: 'Roll back',
                              change: undo,
                              undo: row.request?.change ?? null,
                              reason: `rolls back ${row.id}`,
                              rollsBack: row.id,
                            })
                          }
                        >
                          Roll back…
                        </button>
                      )
                    )
                  },
                },
              ]}
            />
          )
        }
      </Answer>
      {undone !== undefined && <Apply cache={cache} tried={undone} onClose={() => setUndone(undefined)} />}
    </Section>
  )
}

/** More hits of a hundred reads, on which evidence; or why that is not known. */
function Brings({
  effect,
  stopped,
}: {
  readonly effect: Effect | null | undefined
  readonly stopped?: string | null | undefined
}) {
  const { numbers } = useDashboard()
  if (effect === null || effect === undefined) return <span className="note">not recorded</span>
  if (effect.hit_ratio_change === null) return <span className="note">{spelled(numbers, effect.why ?? '')}</span>
  return (
    <>
      <Change change={effect.hit_ratio_change} />{' '}
      <span className="note">
        hits of a hundred, over {numbers.counted(effect.reads, 'read', 'reads')}
        {effect.nodes < effect.of_nodes && ` in ${effect.nodes} of ${effect.of_nodes} processes`}
        {stopped !== undefined && stopped !== null && `; then ${spelled(numbers, stopped)}`}
      </span>
    </>
  )
}

function Where({ applied: { state, result } }: { readonly applied: Applied }) {
  const nodes = result?.nodes ?? []
  const failed = nodes.filter(({ error }) => error !== null)
  if (state === 'running') return <>running</>
  if (result?.error !== undefined) return <Word tone="critical">{result.error}</Word>
  if (failed.length > 0)
    return (
      <Word tone="critical">
        {nodes.length - failed.length} of {nodes.length};{' '}
        {failed.map(({ node, error }) => `${node}: ${error}`).join(', ')}
      </Word>
    )
  return nodes.map(({ node }, at) => (
    <span key={node}>
      {at > 0 && ', '}
      <span className="nw">{node}</span>
    </span>
  ))
}
