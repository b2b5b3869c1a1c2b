// Whether every process has the same bytes: by a hash of the value, which is not shown. The access is recorded in the
// audit log.
import { useMutation } from '@tanstack/react-query'
import { ofKey } from '../../api/key-path.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { Failure } from '../../parts/answer.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Section } from '../../parts/section.tsx'
import { Source } from '../../parts/source.tsx'
import { Table } from '../../parts/table.tsx'
import { Word } from '../../parts/words.tsx'

interface Compared {
  readonly is_same: boolean | null
  readonly copies: readonly {
    readonly node: string
    readonly status: string
    readonly found: boolean | null
    readonly tier: string | null
    readonly is_stale: boolean | null
    readonly sha256: string | null
  }[]
}

/** So many characters suffice to tell two values apart by eye. */
const SHOWN = 8

export function SameBytes({
  name,
  about,
}: {
  readonly name: string
  readonly about: Readonly<Record<'cache_name' | 'namespace', string | undefined>>
}) {
  const { client } = useDashboard()
  const { may, offers } = useAccess()
  const compare = useMutation({ mutationFn: () => client.get<Compared>(...ofKey(name, about, 'copies/')) })
  if (!offers('GET', 'keys/{key}/copies/') || !may('values:read')) return null
  const { data } = compare
  const first = data?.copies.find(({ sha256 }) => sha256 !== null)?.sha256
  return (
    <Section title="Bytes" note="SHA-256 of the value, as each process answers">
      {compare.error !== null && <Failure error={compare.error} what="The comparison" />}
      <div role="status">
        {data !== undefined && (
          <p>
            {data.is_same === true ? (
              <Word tone="proven">The same bytes everywhere</Word>
            ) : data.is_same === false ? (
              <Word tone="critical">Not the same bytes everywhere</Word>
            ) : (
              'Fewer than two processes have it: there is nothing to compare.'
            )}
          </p>
        )}
      </div>
      {data !== undefined && (
        <Table
          caption="Hash of the value by process"
          rows={data.copies}
          isDense
          keyOf={({ node }) => node}
          toneOf={({ sha256 }) => (data.is_same === false && sha256 !== null && sha256 !== first ? 'wrong' : undefined)}
          columns={[
            { name: 'Process', cell: ({ node }) => node },
            {
              name: 'From',
              cell: ({ tier, is_stale: isStale }) =>
                tier === null ? (
                  ''
                ) : (
                  <>
                    <Source tier={tier} />
                    {isStale === true && ', stale'}
                  </>
                ),
            },
            {
              name: 'Hash',
              cell: ({ sha256, status }) =>
                sha256 === null ? (
                  <span className="is-unknown">{status === 'answered' ? 'has none' : 'no answer'}</span>
                ) : (
                  <code title={sha256}>{sha256.slice(0, SHOWN)}</code>
                ),
            },
          ]}
        />
      )}
      <p className={data === undefined ? undefined : 'row more'}>
        <button type="button" className="btn btn-small" onClick={() => compare.mutate()} disabled={compare.isPending}>
          <Icon name="lock" /> {data === undefined ? 'Compare the bytes (recorded)' : 'Compare again (recorded)'}
        </button>
      </p>
    </Section>
  )
}
