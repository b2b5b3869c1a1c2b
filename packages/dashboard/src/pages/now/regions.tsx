// The regions of a cache: their state, their lag as seen by the others, and draining, filling and restoring them.
import { useQuery } from '@tanstack/react-query'
import type { Region } from '../../api/regions.ts'
import type { Page } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { Failure } from '../../parts/answer.tsx'
import { Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Word } from '../../parts/words.tsx'
import { useLive } from '../../shell/live.tsx'
import { RegionActs } from './region-acts.tsx'

const LOOK_MS = 2000

export function Regions({ cache }: { readonly cache: string }) {
  const { client } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  const regions = useQuery({
    queryKey: ['regions', cache],
    queryFn: ({ signal }) => client.get<Page<Region>>('regions/', { cache_name: cache }, signal),
    refetchInterval: live.every(LOOK_MS),
    enabled: offers('GET', 'regions/') && may('metrics:read'),
  })
  const rows = regions.data?.data ?? []
  if (rows.length === 0 && regions.error === null) return null
  return (
    <Section title="Regions" note="the state of each, and how far behind the others are" className="now-regions">
      {regions.error !== null && <Failure error={regions.error} what="The list of regions" />}
      {rows.length > 0 && (
        <Table
          caption="Regions"
          rows={rows}
          keyOf={({ region }) => region}
          toneOf={(row) => (row.state === null || isUnheard(row) ? 'wrong' : undefined)}
          columns={[
            { name: 'Region', cell: (row) => `${row.region}${row.is_origin ? ' (origin)' : ''}` },
            { name: 'State', folded: 'right', cell: (row) => <State region={row} /> },
            { name: 'Behind', folded: 'wide', cell: (row) => <Behind region={row} /> },
            { name: 'Waiting for it', isNumber: true, cell: (row) => <Waiting region={row} /> },
            { name: 'Last error', folded: 'wide', cell: errorOf },
            {
              name: 'Processes',
              folded: 'wide',
              cell: (row) => (row.nodes.length === 0 ? 'none is visible from here' : row.nodes.join(', ')),
            },
            { name: 'Actions', isSilent: true, folded: 'wide', cell: (row) => <RegionActs region={row} all={rows} /> },
          ]}
        />
      )}
    </Section>
  )
}

const isUnheard = ({ seen_from }: Region): boolean => seen_from.some(({ is_heard }) => !is_heard)

function State({ region: { state, filling } }: { readonly region: Region }) {
  const { numbers } = useDashboard()
  if (state === null) return <Word tone="critical">silent</Word>
  if (state === 'serving') return 'serving'
  const how =
    state === 'filling' && filling !== null
      ? `, ${numbers.count(filling.copied)} of ${numbers.counted(filling.keys, 'key')}`
      : ''
  return (
    <>
      <Word tone="warning">{state}</Word>
      {how}
    </>
  )
}

function Behind({ region: { seen_from } }: { readonly region: Region }) {
  const { numbers } = useDashboard()
  if (seen_from.length === 0) return 'no other region is visible from here'
  return seen_from.map(({ region, lag_seconds, is_heard }, at) => {
    const lag = lag_seconds === null ? undefined : numbers.ms(lag_seconds * 1000)
    const said = lag === undefined ? 'not connected yet' : `${lag.value} ${lag.unit}`
    return (
      <span key={region}>
        {at === 0 ? '' : ', '}
        {`in ${region} `}
        {is_heard ? said : <Word tone="critical">{said}</Word>}
      </span>
    )
  })
}

function Waiting({ region: { seen_from } }: { readonly region: Region }) {
  const { numbers } = useDashboard()
  const known = seen_from.flatMap(({ waiting }) => waiting ?? [])
  if (seen_from.length === 0) return '–'
  return known.length < seen_from.length ? 'unknown' : numbers.count(known.reduce((sum, steps) => sum + steps, 0))
}

function errorOf({ seen_from, filling }: Region): string {
  const unheard = seen_from.flatMap(({ region, error }) => (error === null ? [] : `in ${region}: ${error}`))
  return [...unheard, ...(filling?.error == null ? [] : [`fill: ${filling.error}`])].join('; ')
}
