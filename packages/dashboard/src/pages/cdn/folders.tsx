// Folders of the host: uploading their static files, optimising their images.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { CdnFolder, CdnWork } from '../../api/cdn.ts'
import type { Page } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { Failure } from '../../parts/answer.tsx'
import { Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Time, Word } from '../../parts/words.tsx'
import { useLive } from '../../shell/live.tsx'
import { withoutMarks } from './marks.ts'

/** For each kind of work. */
const SHOWN = 10

export function Folders({ folders }: { readonly folders: readonly CdnFolder[] }) {
  const { client } = useDashboard()
  const { may, offers } = useAccess()
  const queries = useQueryClient()
  const live = useLive()
  const isAllowed = may('cdn:write')
  const runs = useQuery({
    queryKey: ['operations', 'cdn folders'],
    queryFn: async ({ signal }) => {
      const both = await Promise.all(
        ['upload_assets', 'optimize_images'].map((kind) =>
          client.get<Page<CdnWork>>('operations/', { kind, limit: SHOWN }, signal),
        ),
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
    <Section title="Folders" note="static files and pictures on the host">
      <Table
        caption="Folders"
        rows={folders}
        keyOf={({ name }) => name}
        columns={[
          { name: 'Folder', cell: (row) => row.name },
          {
            name: 'Goes to',
            folded: 'wide',
            cell: (row) =>
              row.to?.includes('://') ? <code className="said">{row.to}</code> : (row.to ?? 'is not uploaded'),
          },
          {
            name: 'Actions',
            isSilent: true,
            isNumber: true,
            folded: 'wide',
            cell: (row) =>
              isAllowed && (
                <span className="row acts">
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
      {runs.error !== null && <Failure error={runs.error} what="The list of uploads" />}
      {(runs.data?.length ?? 0) > 0 && (
        <div className="more">
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
        </div>
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
  if (result.error !== undefined) return withoutMarks(result.error)
  if (result.done !== undefined) return `${numbers.count(result.done)} of ${numbers.count(result.all ?? 0)}`
  if (kind === 'upload_assets')
    return `${numbers.counted(result.files ?? 0, 'file', 'files')}, ${numbers.counted(result.sent ?? 0, 'object', 'objects')} sent (${size(result.bytes)})`
  const failed = result.failed === 0 ? '' : `, ${numbers.count(result.failed ?? 0)} cannot be`
  return `${numbers.counted(result.images ?? 0, 'picture', 'pictures')}, ${numbers.count(result.made ?? 0)} made${failed}: ${size(result.bytes_before)} before, ${size(result.bytes_after)} after`
}
