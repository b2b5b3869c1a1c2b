// All namespaces of a cache, with their hit ratios over time.
import { useColumns, useSummaries } from '../../api/queries.ts'
import { useDashboard } from '../../context.tsx'
import { Answer } from '../../parts/answer.tsx'
import { REST } from '../../parts/namespace-field.tsx'
import { Section } from '../../parts/section.tsx'
import { NamespaceTable } from '../now/namespaces.tsx'

export function AllNamespaces({ cache }: { readonly cache: string | undefined }) {
  const { numbers } = useDashboard()
  const summaries = useSummaries()
  const series = useColumns(cache).data?.series
  return (
    <Answer query={summaries} what="The list of namespaces">
      {({ caches }) => {
        const summary = caches.find(({ cache_name }) => cache_name === cache)
        if (summary === undefined) return <p>No process of this cache is running.</p>
        const isCut = summary.namespaces.some(({ name }) => name === REST)
        return (
          <Section
            title="Namespaces"
            note={`costliest first: misses × time of a load; ${numbers.count(summary.namespaces.length)} listed`}
            footer={isCut && 'The least read ones are combined in the last row; select any of them under All.'}
          >
            <NamespaceTable summary={summary} series={series} />
          </Section>
        )
      }}
    </Answer>
  )
}
