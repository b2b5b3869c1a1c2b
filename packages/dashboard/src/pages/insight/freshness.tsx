// Stale reads: how many of those that were checked against their source had another value there, and whether the
// objective is met.
import type { ReactNode } from 'react'
import { type Checked, type CheckedNode, useFreshness } from '../../api/insight.ts'
import { useDashboard } from '../../context.tsx'
import { Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Unit, Word } from '../../parts/words.tsx'

export function StaleReads({ cache }: { readonly cache: string }) {
  const { numbers } = useDashboard()
  const { data } = useFreshness(cache)
  if (data === undefined) return null
  const { why, together, nodes } = data
  if (why !== null || together === null)
    return (
      <Section title="Stale reads" note="not checked">
        <p>
          Whether readers are given what the source has is not checked for this cache. To check one read every ten
          seconds: <code>createInsight({'{ caches, freshness: true }'})</code>, or{' '}
          <code>CACHE_FRESHNESS_CHECKS_ENABLED=true</code> with <code>fromEnvironment</code>.
        </p>
      </Section>
    )
  return (
    <Section
      title="Stale reads"
      note={<Verdict together={together} />}
      footer="A read is drawn at random, its key is loaded anew and the values are compared. Keys without a registered loader are not checked. New each time: two loads in a row differ, by a time stamp, say; freshness.select names what to compare."
    >
      <Table
        caption="Stale reads by process"
        rows={nodes}
        isDense
        keyOf={({ node }: CheckedNode) => node}
        columns={[
          { name: 'Process', cell: ({ node }) => node },
          {
            name: 'Stale',
            isNumber: true,
            cell: ({ said, error }): ReactNode =>
              said === null ? (
                <Word tone="unknown">{error ?? 'no answer'}</Word>
              ) : said.stale_ratio === null ? (
                <span className="is-unknown">nothing checked yet</span>
              ) : (
                <Unit figure={numbers.percent(said.stale_ratio.value)} />
              ),
          },
          {
            name: '95 % interval',
            isNumber: true,
            cell: ({ said }) =>
              said?.stale_ratio == null ? (
                ''
              ) : (
                <>
                  <Unit figure={numbers.percent(said.stale_ratio.low)} /> to{' '}
                  <Unit figure={numbers.percent(said.stale_ratio.high)} />
                </>
              ),
          },
          { name: 'Checks', isNumber: true, cell: ({ said }) => (said === null ? '' : numbers.count(said.checked)) },
          {
            name: 'Failed loads',
            isNumber: true,
            cell: ({ said }) => (said === null ? '' : numbers.count(said.counts.failed)),
          },
          {
            name: 'Overtaken by a change',
            isNumber: true,
            cell: ({ said }) => (said === null ? '' : numbers.count(said.counts.unsettled)),
          },
          {
            name: 'New each time',
            isNumber: true,
            cell: ({ said }) => (said === null ? '' : numbers.count(said.counts.volatile)),
          },
        ]}
      />
    </Section>
  )
}

function Verdict({ together: { state, objective } }: { readonly together: Checked }) {
  const { numbers } = useDashboard()
  const most = <Unit figure={numbers.percent(objective)} />
  if (state === 'missed')
    return (
      <>
        <Word tone="critical">objective missed</Word>: at most {most} of reads may be stale
      </>
    )
  if (state === 'met') return <>objective met: at most {most} of reads are stale</>
  return <>not enough checks yet for an objective of at most {most}</>
}
