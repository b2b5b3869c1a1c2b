// Prefetching: whether predicted keys are loaded ahead, and the effect, by process.
import { type NodeAnswer, type Predicted, usePrediction } from '../../api/insight.ts'
import { useDashboard } from '../../context.tsx'
import { Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Unit, Word } from '../../parts/words.tsx'

const STATES: Readonly<Record<string, string>> = {
  open: 'loads ahead',
  closed: 'waiting: it avoided too few misses, or there is not enough data yet',
  watching: 'predicts only',
  off: 'memory has no limit',
}

export function LoadingAhead({ cache }: { readonly cache: string }) {
  const { numbers } = useDashboard()
  const { data } = usePrediction(cache)
  // Where nothing is predicted there is nothing to say.
  if (data === undefined || data.why !== null) return null
  const share = (value: number | null | undefined) =>
    value === null || value === undefined ? (
      <span className="is-unknown">not known yet</span>
    ) : (
      <Unit figure={numbers.percent(value)} />
    )
  return (
    <Section
      title="Loading ahead"
      note={
        <>
          predicted keys before they are requested; <code>millpond prediction --load-ahead off</code> ends it
        </>
      }
      footer="Misses avoided: compared with a shadow of this memory without loading ahead; below 2 % it ends automatically. Loads in vain are what that costs the source: 18 % of all loads at most, or what usagePrediction.waste says. Kept in memory: how often an entry that is expected to be read soon was spared from eviction, which needs no loader, and whether that is on."
    >
      <Table
        caption="Loading ahead by process"
        rows={data.nodes}
        isDense
        keyOf={({ node }: NodeAnswer<Predicted>) => node}
        columns={[
          { name: 'Process', cell: ({ node }) => node },
          {
            name: 'State',
            cell: ({ said, error }) =>
              said === null ? (
                <Word tone="unknown">{error ?? 'no answer'}</Word>
              ) : (
                (said.model_fault ?? STATES[said.state] ?? said.state)
              ),
          },
          { name: 'Misses avoided', isNumber: true, cell: ({ said }) => (said === null ? '' : share(said.benefit)) },
          {
            name: 'Correct predictions',
            isNumber: true,
            cell: ({ said }) => (said === null ? '' : share(said.accuracy)),
          },
          {
            name: 'Loads ahead',
            isNumber: true,
            cell: ({ said }) => (said === null ? '' : numbers.count(said.loads.loaded)),
          },
          { name: 'In vain', isNumber: true, cell: ({ said }) => (said === null ? '' : numbers.count(said.wasted)) },
          {
            name: 'Kept in memory',
            isNumber: true,
            folded: 'wide',
            cell: ({ said }) => (said?.kept === undefined ? '' : keptIn(said.kept, said.is_keeping, numbers.count)),
          },
        ]}
      />
    </Section>
  )
}

const keptIn = (kept: number, isKeeping: boolean | undefined, count: (value: number) => string): string =>
  `${count(kept)}, ${isKeeping === true ? 'on' : 'off'} now`
