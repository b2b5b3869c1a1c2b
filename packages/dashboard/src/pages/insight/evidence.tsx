// The basis of the figures: since when, how many reads, of how many keys; by process.

import type { NodeAnswer, Sized } from '../../api/insight.ts'
import { useDashboard } from '../../context.tsx'
import { spelled } from '../../format/text.ts'
import { Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Time, Unit, Word } from '../../parts/words.tsx'
import { Link, placeOf } from '../../place/place.tsx'

export function Evidence({
  nodes,
  page,
  cache,
  shown,
}: {
  readonly nodes: readonly NodeAnswer<Sized>[]
  readonly page: string
  readonly cache: string
  /** The process whose figures are shown; undefined: of all of them. */
  readonly shown?: string | undefined
}) {
  const { numbers } = useDashboard()
  return (
    <Section title="Evidence" note="each process sees its own reads">
      <Table
        caption="Evidence by process"
        rows={nodes}
        keyOf={({ node }) => node}
        columns={[
          {
            name: 'Process',
            cell: ({ node }) =>
              shown === undefined || nodes.length === 1 ? (
                node
              ) : (
                <Link to={placeOf(page, { cache, node })} current={node === shown ? 'true' : undefined}>
                  {node}
                  {node === shown && <span className="note"> shown above</span>}
                </Link>
              ),
          },
          {
            name: 'State',
            folded: 'wide',
            cell: ({ error, said }) =>
              said === null ? (
                <Word tone="unknown">{error ?? 'no answer'}</Word>
              ) : said.evidence.is_enough ? (
                'enough data'
              ) : (
                <>
                  <Word tone="unknown">not enough data</Word>:{' '}
                  {spelled(numbers, said.evidence.why ?? 'nothing was read')}
                </>
              ),
          },
          { name: 'Since', cell: ({ said }) => (said === null ? '' : <Time at={said.evidence.from} />) },
          {
            name: 'Reads',
            isNumber: true,
            cell: ({ said }) => (said === null ? '' : numbers.count(said.evidence.reads)),
          },
          {
            name: 'Keys watched',
            isNumber: true,
            cell: ({ said }) => (said === null ? '' : numbers.count(said.evidence.keys)),
          },
          {
            name: 'Of all keys',
            isNumber: true,
            cell: ({ said }) => (said === null ? '' : <Unit figure={numbers.percent(said.evidence.key_share)} />),
          },
          {
            name: 'Lost records',
            isNumber: true,
            cell: ({ said }) => (said === null ? '' : <Unit figure={numbers.percent(said.evidence.lost)} />),
          },
        ]}
      />
    </Section>
  )
}
