// The CDN: what is on its way to the edge, a purge by hand, and what became of the last ones.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { CdnOutletState, CdnPurge, CdnStatus } from '../api/cdn.ts'
import { askQuietly } from '../api/quiet.ts'
import type { Operation } from '../api/types.ts'
import { useAccess, useDashboard } from '../context.tsx'
import { linesOf } from '../format/lines.ts'
import { Answer, Failure } from '../parts/answer.tsx'
import { Lines } from '../parts/lines.tsx'
import { PageTitle, Section, State } from '../parts/section.tsx'
import { Table } from '../parts/table.tsx'
import { Time, Word } from '../parts/words.tsx'
import { useLive } from '../shell/live.tsx'
import { NotInstalled } from '../shell/missing.tsx'

const ABOUT = 'Purges by path or tag with their progress, and what invalidations in the application are on their way to the edge.'
const ON = `import { cloudflare, createCdn } from '@millpond/cdn'

const cdn = createCdn({ edges: [cloudflare()] })
const cache = createCache({ outlets: [cdn.outlet()] })
createControl({ caches: [cache], cdn })`

const SHOWN = 10

export function Cdn() {
  const { client } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  const isOffered = offers('GET', 'cdn/status/')
  const status = useQuery({
    queryKey: ['cdn'],
    queryFn: ({ signal }) => askQuietly<CdnStatus>(client, offers('POST', 'batch/'), 'cdn/status/', {}, signal),
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
      {(answer) =>
        answer.is === 'off' ? (
          <Off />
        ) : (
          <>
            <PageTitle title="CDN" say={ABOUT} />
            <div className="stack">
              {answer.said.outlets.map((outlet) => (
                <Outlet key={outlet.name} outlet={outlet} />
              ))}
              {may('cdn:purge') && <Purge />}
              <Section title="Purges" note={`of this process, the latest ${SHOWN}`}>
                <Purges purges={answer.said.purges.slice(0, SHOWN)} />
              </Section>
              <Section title="Edges">
                <Table
                  caption="Edges"
                  rows={answer.said.edges}
                  keyOf={({ edge }) => edge}
                  columns={[
                    { name: 'Edge', cell: (row) => row.edge },
                    { name: 'Site', folded: 'wide', cell: (row) => <code>{row.site ?? 'by call'}</code> },
                    { name: 'Purges by', folded: 'wide', cell: (row) => row.purges_by.join(', ') },
                    { name: 'Says when it is done', cell: (row) => (row.tells_when_done ? 'yes' : 'no') },
                  ]}
                />
              </Section>
            </div>
          </>
        )
      }
    </Answer>
  )
}

function Off() {
  return (
    <State label="A part that is not switched on" title="No CDN is attached" level="h1">
      <p>{ABOUT}</p>
      <pre className="code">{ON}</pre>
    </State>
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
