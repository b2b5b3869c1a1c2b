// The edges and their state, as their vendors report it and as probes have found it.
import { useQuery } from '@tanstack/react-query'
import type { CdnByEdge, CdnEdge, CdnHealth, CdnPlace } from '../../api/cdn.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { Answer } from '../../parts/answer.tsx'
import { Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Time, Word } from '../../parts/words.tsx'
import { useLive } from '../../shell/live.tsx'
import { withoutMarks } from './marks.ts'

/** For a vendor whose edge is a single site. */
const NO_SITE: Readonly<Record<string, string>> = { millpond: 'itself' }

/** The state of edges changes slowly, and each look calls their vendors. */
const LOOK_MS = 30_000

function useByEdge<T>(path: string) {
  const { client } = useDashboard()
  const { offers } = useAccess()
  const live = useLive()
  return useQuery({
    queryKey: ['cdn', path],
    queryFn: ({ signal }) => client.get<CdnByEdge<T>>(path, {}, signal),
    refetchInterval: live.every(LOOK_MS),
    staleTime: LOOK_MS,
    enabled: offers('GET', path),
  })
}

export function Edges({ edges }: { readonly edges: readonly CdnEdge[] }) {
  const health = useByEdge<CdnHealth>('cdn/health/')
  const stateOf = (edge: string) => {
    const one = health.data?.edges.find((row) => row.edge === edge)
    if (one === undefined) return health.error === null ? 'is asked' : 'unknown'
    if (one.error !== null) return <Badly word="refuses" why={withoutMarks(one.error.message)} />
    return one.found?.is_ready === true ? 'ready' : <Badly word="not ready" why={one.found?.notes.join('; ') ?? ''} />
  }
  return (
    <Section title="Edges" note="as reported by their vendors">
      {edges.length === 0 ? (
        <p>
          No edge is connected: <code>{'createControl({ cdn: createCdn({ edges: [cloudflare()] }) })'}</code>
        </p>
      ) : (
        <Table
          caption="Edges"
          rows={edges}
          keyOf={({ edge }) => edge}
          columns={[
            { name: 'Edge', cell: (row) => row.edge },
            { name: 'State', folded: 'wide', cell: (row) => stateOf(row.edge) },
            {
              name: 'Site',
              cell: (row) =>
                row.site === null ? (NO_SITE[row.vendor] ?? 'named by each purge') : <code>{row.site}</code>,
            },
            { name: 'Purges by', folded: 'wide', cell: (row) => row.purges_by.join(', ') },
            { name: 'Tells when done', cell: (row) => (row.tells_when_done ? 'yes' : 'no') },
          ]}
        />
      )}
    </Section>
  )
}

function Badly({ word, why }: { readonly word: string; readonly why: string }) {
  return (
    <>
      <Word tone="warning">{word}</Word> {why}
    </>
  )
}

const TONES = { degraded: 'warning', down: 'critical' } as const
/** Unhealthy ones first; a vendor has hundreds. */
const ORDER = ['down', 'degraded', 'ok', 'unknown']
const SHOWN_PLACES = 50

export function Places({ edges }: { readonly edges: readonly CdnEdge[] }) {
  const { numbers } = useDashboard()
  const places = useByEdge<readonly CdnPlace[]>('cdn/locations/')
  if (edges.length === 0) return null
  return (
    <Section title="Locations" note="where the edges are, as reported by their vendors and seen by probes">
      <Answer query={places} what="The list of locations">
        {(answer) => {
          const rows = answer.edges.flatMap(({ edge, found }) => (found ?? []).map((place) => ({ edge, ...place })))
          const shown = rows.toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state)).slice(0, SHOWN_PLACES)
          return (
            <>
              {answer.edges.map(
                ({ edge, error }) =>
                  error !== null && (
                    <p key={edge}>
                      <Badly word={edge} why={withoutMarks(error.message)} />
                    </p>
                  ),
              )}
              {rows.length === 0 ? (
                <p>No location is known yet: if a vendor lists none, locations seen by probes are shown.</p>
              ) : (
                <Table
                  caption="Locations of the edges"
                  rows={shown}
                  isDense
                  keyOf={({ edge, code }) => `${edge} ${code}`}
                  toneOf={({ state }) => (state === 'down' ? 'wrong' : undefined)}
                  columns={[
                    { name: 'Location', cell: (row) => `${row.name}${row.name === row.code ? '' : ` (${row.code})`}` },
                    {
                      name: 'State',
                      folded: 'right',
                      cell: (row) =>
                        row.state === 'unknown' || row.state === 'ok' ? (
                          row.state
                        ) : (
                          <Word tone={TONES[row.state]}>{row.state}</Word>
                        ),
                    },
                    { name: 'Edge', cell: (row) => row.edge },
                    { name: 'Region', folded: 'skip', cell: (row) => row.region ?? '' },
                    {
                      name: 'Seen by a probe',
                      folded: 'wide',
                      cell: (row) =>
                        row.met === null ? (
                          'no'
                        ) : (
                          <>
                            <Time at={row.met.at} />
                            {`, ${Math.round(row.met.ms)} ms`}
                          </>
                        ),
                    },
                  ]}
                  footer={rows.length > shown.length && `${numbers.count(rows.length - shown.length)} more`}
                />
              )}
            </>
          )
        }}
      </Answer>
    </Section>
  )
}
