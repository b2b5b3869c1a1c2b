// Purges at the edge: by pending invalidations, by hand, and their results.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { CdnOutletState, CdnPurge } from '../../api/cdn.ts'
import type { Operation } from '../../api/types.ts'
import { useDashboard } from '../../context.tsx'
import { linesOf } from '../../format/lines.ts'
import { Failure } from '../../parts/answer.tsx'
import { Lines } from '../../parts/lines.tsx'
import { Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Time, Word } from '../../parts/words.tsx'
import { withoutMarks } from './marks.ts'

export function Outlet({ outlet }: { readonly outlet: CdnOutletState }) {
  const { numbers } = useDashboard()
  const left = numbers.ms(outlet.left_ms)
  const { gone, old, unknown } = outlet.probes
  return (
    <Section title="Invalidations on their way" note={`outlet ${outlet.name}`}>
      <p>
        {outlet.waiting === 0
          ? 'Nothing is waiting.'
          : `${numbers.counted(outlet.waiting, 'target waits', 'targets wait')}: ${left.value} ${left.unit} until the last of them is purged.`}{' '}
        {`${numbers.count(outlet.purged)} purged, ${numbers.count(outlet.coalesced)} merged with waiting ones. Probes: ${numbers.count(gone)} gone, ${numbers.count(old)} old, ${numbers.count(unknown)} unknown.`}
      </p>
      {outlet.failures > 0 && (
        <p>
          <Word tone="warning">{`A target could not be purged ${numbers.times(outlet.failures)}: see the log of the process`}</Word>
        </p>
      )}
    </Section>
  )
}

interface Written {
  readonly paths: string
  readonly tags: string
  readonly reason: string
}

export function Purge() {
  const { client, numbers } = useDashboard()
  const queries = useQueryClient()
  const [paths, setPaths] = useState('')
  const [tags, setTags] = useState('')
  const [reason, setReason] = useState('')
  const count = linesOf(paths).length + linesOf(tags).length
  const purge = useMutation({
    mutationFn: (written: Written) =>
      client.send<Operation>('POST', 'cdn/invalidate_cdn/', {
        paths: linesOf(written.paths),
        tags: linesOf(written.tags),
        ...(written.reason.trim() === '' ? {} : { reason: written.reason.trim() }),
      }),
    // Text entered since then is for the next one.
    onSuccess: (_, written) => {
      setPaths((now) => (now === written.paths ? '' : now))
      setTags((now) => (now === written.tags ? '' : now))
      setReason((now) => (now === written.reason ? '' : now))
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['cdn'] }),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    purge.mutate({ paths, tags, reason })
  }
  return (
    <Section title="Purge" note={count === 0 ? 'by paths or tags' : numbers.counted(count, 'target', 'targets')}>
      <form className="compose" onSubmit={submit}>
        <Lines
          label="Paths or addresses, one per line"
          text={paths}
          given=""
          isOfKeys={false}
          isRequired={false}
          rows={4}
          onText={setPaths}
        />
        <Lines
          label="Tags, one per line"
          text={tags}
          given=""
          isOfKeys={false}
          isRequired={false}
          rows={4}
          onText={setTags}
        />
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

export function Purges({ purges }: { readonly purges: readonly CdnPurge[] }) {
  const { numbers } = useDashboard()
  if (purges.length === 0) return <p>Nothing has been purged by hand yet.</p>
  const rows = purges.flatMap((purge) => purge.edges.map((edge) => ({ ...edge, id: purge.id, at: purge.at })))
  return (
    <Table
      caption="Purges, newest first"
      rows={rows}
      keyOf={({ id, edge }) => `${id} ${edge}`}
      toneOf={({ failures }) => (failures.length > 0 ? 'wrong' : undefined)}
      columns={[
        { name: 'When', cell: (row) => <Time at={row.at} /> },
        { name: 'Edge', cell: (row) => row.edge },
        {
          name: 'State',
          folded: 'right',
          cell: (row) =>
            row.failures.length === 0 ? (
              row.state
            ) : (
              <Word tone={row.purged === 0 ? 'critical' : 'warning'}>{row.state}</Word>
            ),
        },
        {
          name: 'Targets',
          isNumber: true,
          cell: (row) => `${numbers.count(row.purged)} of ${numbers.count(row.targets)}`,
        },
        ...(rows.every(({ failures }) => failures.length === 0)
          ? []
          : [
              {
                name: 'Why not',
                folded: 'wide' as const,
                cell: (row: (typeof rows)[number]) =>
                  row.failures.map(({ message }) => withoutMarks(message)).join(' '),
              },
            ]),
      ]}
    />
  )
}
