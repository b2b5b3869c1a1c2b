// The CDN: what is on its way to the edge, a purge by hand, and what became of the last ones.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { CdnByEdge, CdnEdge, CdnFolder, CdnHealth, CdnOutletState, CdnPlace, CdnPurge, CdnStatus, CdnWork } from '../api/cdn.ts'
import type { Operation, Page } from '../api/types.ts'
import { useAccess, useDashboard } from '../context.tsx'
import { linesOf } from '../format/lines.ts'
import { Answer, Failure } from '../parts/answer.tsx'
import { Lines } from '../parts/lines.tsx'
import { PageTitle, Section } from '../parts/section.tsx'
import { Table } from '../parts/table.tsx'
import { Time, Word } from '../parts/words.tsx'
import { useLive } from '../shell/live.tsx'
import { NotInstalled } from '../shell/missing.tsx'

const ABOUT = 'Purges and what is on its way to the edge, static files and pictures, and how the edges are.'
const SHOWN = 10

export function Cdn() {
  const { client } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  const isOffered = offers('GET', 'cdn/status/')
  const status = useQuery({
    queryKey: ['cdn'],
    queryFn: ({ signal }) => client.get<CdnStatus>('cdn/status/', {}, signal),
    refetchInterval: live.every(2000),
    enabled: isOffered,
  })
  if (!isOffered)
    return (
      <NotInstalled title="No CDN is attached" route="GET cdn/status/">
        <p>{ABOUT}</p>
      </NotInstalled>
    )
  return (
    <Answer query={status} what="The CDN">
      {(answer) => (
        <>
          <PageTitle title="CDN" say={ABOUT} />
          <div className="stack">
            {answer.outlets.map((outlet) => (
              <Outlet key={outlet.name} outlet={outlet} />
            ))}
            {may('cdn:purge') && answer.edges.length > 0 && <Purge />}
            <Section title="Purges" note={`of this process, the latest ${SHOWN}`}>
              <Purges purges={answer.purges.slice(0, SHOWN)} />
            </Section>
            <Folders folders={answer.folders} />
            <Edges edges={answer.edges} />
            <Places edges={answer.edges} />
          </div>
        </>
      )}
    </Answer>
  )
}

function Outlet({ outlet }: { readonly outlet: CdnOutletState }) {
  const { numbers } = useDashboard()
  const left = numbers.ms(outlet.left_ms)
  const { gone, old, unknown } = outlet.probes
  return (
    <Section title="Invalidations on their way" note={`outlet ${outlet.name}`}>
      <p>
        {outlet.waiting === 0
          ? 'Nothing waits.'
          : `${numbers.count(outlet.waiting)} targets wait: ${left.value} ${left.unit} until the last of them is purged.`}{' '}
        {`${numbers.count(outlet.purged)} purged, ${numbers.count(outlet.coalesced)} spared since they waited already. Probes: ${numbers.count(gone)} gone, ${numbers.count(old)} old, ${numbers.count(unknown)} unknown.`}
      </p>
      {outlet.failures > 0 && (
        <p>
          <Word tone="warning">{`A target could not be purged ${numbers.count(outlet.failures)} times: see the log of the process`}</Word>
        </p>
      )}
    </Section>
  )
}

function Purge() {
  const { client, numbers } = useDashboard()
  const queries = useQueryClient()
  const [paths, setPaths] = useState('')
  const [tags, setTags] = useState('')
  const [reason, setReason] = useState('')
  const named = { paths: linesOf(paths), tags: linesOf(tags) }
  const count = named.paths.length + named.tags.length
  const purge = useMutation({
    mutationFn: () =>
      client.send<Operation>('POST', 'cdn/invalidate_cdn/', { ...named, ...(reason.trim() === '' ? {} : { reason: reason.trim() }) }),
    onSuccess: () => {
      setPaths('')
      setTags('')
      setReason('')
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['cdn'] }),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    purge.mutate()
  }
  return (
    <Section title="Purge" note={count === 0 ? 'by paths or tags' : `${numbers.count(count)} targets`}>
      <form className="compose" onSubmit={submit}>
        <Lines
          label="Paths or addresses, one a line"
          text={paths}
          given=""
          isOfKeys={false}
          isRequired={false}
          rows={4}
          onText={setPaths}
        />
        <Lines label="Tags, one a line" text={tags} given="" isOfKeys={false} isRequired={false} rows={4} onText={setTags} />
        <label className="field c-6">
          <span>Reason</span>
          <input className="input" value={reason} onChange={(event) => setReason(event.target.value)} />
        </label>
        <p className="row">
          <button type="submit" className="btn btn-primary" disabled={purge.isPending || count === 0}>
            {purge.isPending ? 'Purging…' : 'Purge'}
          </button>
        </p>
      </form>
      {purge.error !== null && <Failure error={purge.error} what="The purge" />}
    </Section>
  )
}

/** Of the library and the vendor, which the row names. */
const MARKS = /^(?:\[\w+\] )+/

function Purges({ purges }: { readonly purges: readonly CdnPurge[] }) {
  const { numbers } = useDashboard()
  if (purges.length === 0) return <p>Nothing has been purged yet.</p>
  return (
    <Table
      caption="Purges, newest first"
      rows={purges.flatMap((purge) => purge.edges.map((edge) => ({ ...edge, id: purge.id, at: purge.at })))}
      keyOf={({ id, edge }) => `${id} ${edge}`}
      toneOf={({ failures }) => (failures.length > 0 ? 'wrong' : undefined)}
      columns={[
        { name: 'When', cell: (row) => <Time at={row.at} /> },
        { name: 'Edge', cell: (row) => row.edge },
        {
          name: 'State',
          folded: 'right',
          cell: (row) =>
            row.failures.length === 0 ? row.state : <Word tone={row.purged === 0 ? 'critical' : 'warning'}>{row.state}</Word>,
        },
        { name: 'Targets', isNumber: true, cell: (row) => `${numbers.count(row.purged)} of ${numbers.count(row.targets)}` },
        { name: 'Why not', folded: 'wide', cell: (row) => row.failures.map(({ message }) => message.replace(MARKS, '')).join(' ') },
      ]}
    />
  )
}

/** How well edges are changes slowly, and each look asks their vendors. */
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

function Edges({ edges }: { readonly edges: readonly CdnEdge[] }) {
  const health = useByEdge<CdnHealth>('cdn/health/')
  const stateOf = (edge: string) => {
    const one = health.data?.edges.find((row) => row.edge === edge)
    if (one === undefined) return health.error === null ? 'is asked' : 'unknown'
    if (one.error !== null) return <Badly word="refuses" why={one.error.message.replace(MARKS, '')} />
    return one.found?.is_ready === true ? 'ready' : <Badly word="not ready" why={one.found?.notes.join('; ') ?? ''} />
  }
  return (
    <Section title="Edges" note="as their vendors say">
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
            { name: 'Site', folded: 'wide', cell: (row) => <code>{row.site ?? 'by call'}</code> },
            { name: 'Purges by', folded: 'wide', cell: (row) => row.purges_by.join(', ') },
            { name: 'Says when it is done', cell: (row) => (row.tells_when_done ? 'yes' : 'no') },
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
/** What is not well first; a vendor has hundreds. */
const ORDER = ['down', 'degraded', 'ok', 'unknown']
const SHOWN_PLACES = 50

function Places({ edges }: { readonly edges: readonly CdnEdge[] }) {
  const { numbers } = useDashboard()
  const places = useByEdge<readonly CdnPlace[]>('cdn/locations/')
  if (edges.length === 0) return null
  return (
    <Section title="Locations" note="where the edges are, as their vendors say and as probes have met them">
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
                      <Badly word={edge} why={error.message.replace(MARKS, '')} />
                    </p>
                  ),
              )}
              {rows.length === 0 ? (
                <p>No location is known yet: where a vendor lists none, those are shown that a probe has met.</p>
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
                        row.state === 'unknown' || row.state === 'ok' ? row.state : <Word tone={TONES[row.state]}>{row.state}</Word>,
                    },
                    { name: 'Edge', cell: (row) => row.edge },
                    { name: 'Region', folded: 'skip', cell: (row) => row.region ?? '' },
                    {
                      name: 'Met by a probe',
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

function Folders({ folders }: { readonly folders: readonly CdnFolder[] }) {
  const { client } = useDashboard()
  const { may, offers } = useAccess()
  const queries = useQueryClient()
  const live = useLive()
  const isAllowed = may('cdn:write')
  const runs = useQuery({
    queryKey: ['operations', 'cdn folders'],
    queryFn: async ({ signal }) => {
      const both = await Promise.all(
        ['upload_assets', 'optimize_images'].map((kind) => client.get<Page<CdnWork>>('operations/', { kind, limit: SHOWN }, signal)),
      )
      return both
        .flatMap(({ data }) => data)
        .toSorted((a, b) => b.created_at.localeCompare(a.created_at))
        .slice(0, SHOWN)
    },
    refetchInterval: live.every(2000),
    enabled: folders.length > 0 && offers('GET', 'operations/'),
  })
  const begin = useMutation({
    mutationFn: ({ act, folder }: { readonly act: 'upload_assets' | 'optimize_images'; readonly folder: string }) =>
      client.send<CdnWork>('POST', `cdn/${act}/`, { folder }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['operations'] }),
  })
  if (folders.length === 0) return null
  return (
    <Section title="Folders" note="static files and pictures of the host">
      <Table
        caption="Folders"
        rows={folders}
        keyOf={({ name }) => name}
        columns={[
          { name: 'Folder', cell: (row) => row.name },
          {
            name: 'Goes to',
            folded: 'wide',
            cell: (row) => (row.to === null ? 'is not uploaded' : <code className="said">{row.to}</code>),
          },
          {
            name: 'Actions',
            isSilent: true,
            folded: 'wide',
            cell: (row) =>
              isAllowed && (
                <span className="row">
                  {row.has_images && (
                    <button
                      type="button"
                      className="btn btn-small"
                      disabled={begin.isPending}
                      onClick={() => begin.mutate({ act: 'optimize_images', folder: row.name })}
                    >
                      {`Optimise pictures of ${row.name}`}
                    </button>
                  )}
                  {row.to !== null && (
                    <button
                      type="button"
                      className="btn btn-small"
                      disabled={begin.isPending}
                      onClick={() => begin.mutate({ act: 'upload_assets', folder: row.name })}
                    >
                      {`Upload ${row.name}`}
                    </button>
                  )}
                </span>
              ),
          },
        ]}
      />
      {begin.error !== null && <Failure error={begin.error} what="The work on the folder" />}
      {runs.error !== null && <Failure error={runs.error} what="The list of what was done" />}
      {(runs.data?.length ?? 0) > 0 && (
        <Table
          caption="Uploads and pictures, newest first"
          rows={runs.data ?? []}
          keyOf={({ id }) => id}
          toneOf={({ state }) => (state === 'failed' || state === 'interrupted' ? 'wrong' : undefined)}
          columns={[
            { name: 'When', cell: (row) => <Time at={row.created_at} /> },
            {
              name: 'What',
              cell: (row) =>
                `${row.kind === 'upload_assets' ? 'upload' : 'pictures'}${row.request.folder === undefined ? '' : ` of ${row.request.folder}`}`,
            },
            {
              name: 'State',
              folded: 'right',
              cell: (row) => (row.state === 'completed' ? 'completed' : <Word tone="warning">{row.state}</Word>),
            },
            { name: 'Result', folded: 'wide', cell: (row) => <Came work={row} /> },
          ]}
        />
      )}
    </Section>
  )
}

function Came({ work: { kind, result } }: { readonly work: CdnWork }) {
  const { numbers } = useDashboard()
  const size = (value = 0) => {
    const { value: amount, unit } = numbers.bytes(value)
    return `${amount} ${unit}`
  }
  if (result === null) return null
  if (result.error !== undefined) return result.error.replace(MARKS, '')
  if (result.done !== undefined) return `${numbers.count(result.done)} of ${numbers.count(result.all ?? 0)}`
  if (kind === 'upload_assets')
    return `${numbers.count(result.files ?? 0)} files, ${numbers.count(result.sent ?? 0)} objects sent (${size(result.bytes)})`
  const failed = result.failed === 0 ? '' : `, ${numbers.count(result.failed ?? 0)} cannot be`
  return `${numbers.count(result.images ?? 0)} pictures, ${numbers.count(result.made ?? 0)} made${failed}: ${size(result.bytes_before)} before, ${size(result.bytes_after)} after`
}
