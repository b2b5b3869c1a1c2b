// Past and running warming.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Operation, Page } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { Answer, Failure } from '../../parts/answer.tsx'
import { Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Time, vars, Word } from '../../parts/words.tsx'
import { useLive } from '../../shell/live.tsx'

export function Runs() {
  const { client, numbers } = useDashboard()
  const { may, offers } = useAccess()
  const queries = useQueryClient()
  const live = useLive()
  const runs = useQuery({
    queryKey: ['operations', 'warm'],
    queryFn: ({ signal }) => client.get<Page<Operation>>('operations/', { kind: 'warm', limit: 20 }, signal),
    refetchInterval: live.every(2000),
  })
  const cancel = useMutation({
    mutationFn: (id: string) => client.send('DELETE', `operations/${id}/`),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['operations'] }),
  })
  return (
    <Section title="Runs" note="newest first">
      {cancel.error !== null && <Failure error={cancel.error} what="The cancellation" />}
      <Answer query={runs} what="The list of runs">
        {({ data }) =>
          data.length === 0 ? (
            <p>Nothing has been warmed from here yet.</p>
          ) : (
            <Table
              caption="Warming runs, newest first"
              rows={data}
              keyOf={({ id }) => id}
              toneOf={({ state }) => (state === 'failed' || state === 'interrupted' ? 'wrong' : undefined)}
              columns={[
                { name: 'What', cell: (row) => whatOf(row) },
                {
                  name: 'State',
                  folded: 'right',
                  cell: (row) =>
                    row.state === 'completed' ? (
                      'completed'
                    ) : row.state === 'running' ? (
                      <Progress operation={row} />
                    ) : (
                      <Word tone="warning">{row.state}</Word>
                    ),
                },
                {
                  name: 'Loaded',
                  isNumber: true,
                  cell: (row) => (row.result?.loaded === undefined ? 'no data' : numbers.count(row.result.loaded)),
                },
                {
                  name: 'Fresh',
                  isNumber: true,
                  cell: (row) => (row.result?.fresh === undefined ? 'no data' : numbers.count(row.result.fresh)),
                },
                {
                  name: 'Failed',
                  isNumber: true,
                  cell: (row) => numbers.count((row.result?.failed ?? 0) + (row.result?.without_source ?? 0)),
                },
                { name: 'By', cell: (row) => row.actor },
                { name: 'When', cell: (row) => <Time at={row.created_at} relative /> },
                {
                  name: 'Cancel',
                  isSilent: true,
                  isNumber: true,
                  cell: (row) =>
                    row.state === 'running' &&
                    may('invalidate') &&
                    offers('DELETE', 'operations/{id}/') && (
                      <button
                        type="button"
                        className="btn btn-small"
                        onClick={() => cancel.mutate(row.id)}
                        disabled={cancel.isPending}
                      >
                        Cancel
                      </button>
                    ),
                },
              ]}
            />
          )
        }
      </Answer>
    </Section>
  )
}

function Progress({ operation: { result } }: { readonly operation: Operation }) {
  const { numbers } = useDashboard()
  const [done, all] = [result?.done ?? 0, result?.keys ?? 0]
  return (
    <span className="ttl">
      {all === 0 ? 'running' : `${numbers.count(done)} of ${numbers.count(all)}`}
      <span className="meter" style={vars({ '--v': all === 0 ? 0 : (100 * done) / all })} aria-hidden="true">
        <i />
      </span>
    </span>
  )
}

/** The registered name that was requested, or keys. */
function whatOf({ request }: Operation): string {
  if (request?.name !== undefined) return request.name
  const { cache_type: type, organization, model, view, api, critical } = request ?? {}
  if (critical === true) return 'critical paths'
  const named = [type, model && `model ${model}`, view && `view ${view}`, api && `endpoint ${api}`].filter(Boolean)
  const parts = [...named, organization && `organization ${organization}`].filter(Boolean)
  return parts.length === 0 ? 'keys' : parts.join(', ')
}
