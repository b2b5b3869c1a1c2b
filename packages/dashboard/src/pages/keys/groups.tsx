// Entries of memory, grouped by tag or pattern, or listed as the hottest and the largest.
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { Group, GroupPage, Known } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { lineOf } from '../../format/lines.ts'
import type { Numbers } from '../../format/numbers.ts'
import { Answer } from '../../parts/answer.tsx'
import { KeyLink } from '../../parts/key-name.tsx'
import { Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Name, Unit } from '../../parts/words.tsx'
import { Link, placeOf } from '../../place/place.tsx'

/** The footnote of each table. */
export const HITS = 'Hits as remembered by the eviction policy, which stops counting at a + and forgets old hits.'

/** A saturated hit count is only a lower bound. */
export const hitsOf = (numbers: Numbers, hits: number, limit: Known | undefined): string =>
  numbers.count(hits) + (typeof limit === 'number' && hits >= limit ? '+' : '')

export function Groups({
  cache,
  ns,
  by,
  title,
}: {
  readonly cache: string | undefined
  readonly ns: string
  readonly by: string
  readonly title: string
}) {
  const { client, numbers } = useDashboard()
  const { may } = useAccess()
  const groups = useQuery({
    queryKey: ['groups', cache, ns, by],
    queryFn: ({ signal }) =>
      client.get<GroupPage>(
        by === 'tag' ? 'tags/' : 'top/',
        { cache_name: cache, namespace: ns, by: by === 'tag' ? undefined : by, limit: 100 },
        signal,
      ),
    placeholderData: keepPreviousData,
  })
  const isKeys = by === 'hits' || by === 'bytes'
  return (
    <Answer query={groups} what="This list">
      {({ data, scanned, hits_limit: limit, is_complete }) => (
        <Section
          title={title}
          note={`${numbers.counted(scanned, 'entry', 'entries')} scanned${is_complete ? '' : ', not all: the scan was cut short'}`}
          footer={data.length > 0 && HITS}
        >
          {data.length === 0 ? (
            <p>Memory holds nothing of this kind.</p>
          ) : (
            <Table
              isDense
              caption={title}
              rows={data}
              keyOf={(row) => `${row.namespace} ${row.name}`}
              columns={[
                {
                  name: isKeys ? 'Key' : by === 'tag' ? 'Tag' : 'Pattern',
                  cell: (row: Group) =>
                    isKeys ? (
                      <KeyLink name={row.name} namespace={row.namespace ?? 'default'} cache={cache} />
                    ) : by === 'tag' ? (
                      <Link to={placeOf('keys', { cache, ns: row.namespace ?? undefined, tag: row.name })}>
                        <code dir="auto">{row.name}</code>
                      </Link>
                    ) : (
                      <Name>{row.name}</Name>
                    ),
                },
                { name: 'Namespace', cell: (row) => row.namespace ?? 'all' },
                ...(isKeys
                  ? []
                  : [{ name: 'Entries', isNumber: true, cell: (row: Group) => numbers.count(row.entries) }]),
                { name: 'Memory', isNumber: true, cell: (row) => <Unit figure={numbers.bytes(row.bytes)} /> },
                {
                  name: 'Hits',
                  isNumber: true,
                  cell: (row) => (isKeys ? hitsOf(numbers, row.hits, limit) : numbers.count(row.hits)),
                },
                ...(by === 'tag' && may('invalidate')
                  ? [
                      {
                        name: 'Invalidate',
                        isSilent: true,
                        isNumber: true,
                        folded: 'right' as const,
                        cell: (row: Group) => (
                          <Link
                            to={placeOf('invalidate', { cache, by: 'tag', value: lineOf(row.name) })}
                            className="btn btn-small"
                          >
                            Invalidate…
                          </Link>
                        ),
                      },
                    ]
                  : []),
              ]}
            />
          )}
        </Section>
      )}
    </Answer>
  )
}
