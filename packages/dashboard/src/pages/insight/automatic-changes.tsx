// Automatic changes: what is in progress, their results, and switching them on and off.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { MemoryChange } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { Answer, Failure } from '../../parts/answer.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Notice, Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Name, Time, Word } from '../../parts/words.tsx'
import { useLive } from '../../shell/live.tsx'
import { settingsOf } from './figures.ts'

interface Auto {
  readonly settings: { readonly enabled: boolean; readonly min_impact_score: number; readonly kinds: readonly string[] }
  readonly state: {
    readonly phase: string
    readonly recommendation: string | null
    readonly why: string | null
    readonly history: readonly {
      readonly recommendation: string
      readonly change: MemoryChange
      readonly at: string
      readonly outcome: string
      readonly why: string | null
      /** Absent from an earlier release. */
      readonly operation?: string | null
      readonly rolled_back_by?: string | null
    }[]
  }
}

const PATH = 'optimizations/auto/'

export function AutomaticChanges({ cache }: { readonly cache: string }) {
  const { client } = useDashboard()
  const { may, offers } = useAccess()
  const live = useLive()
  const isOffered = offers('GET', PATH) && may('metrics:read')
  const auto = useQuery({
    queryKey: ['auto', cache],
    queryFn: ({ signal }) => client.get<Auto>(PATH, { cache_name: cache }, signal),
    refetchInterval: live.every(5000),
    enabled: isOffered,
  })
  if (!isOffered) return null
  return (
    <Section title="By itself" note="one change at a time, rolled back if it does harm">
      <Answer query={auto} what="Automatic changes">
        {(found) => <Found cache={cache} auto={found} />}
      </Answer>
    </Section>
  )
}

function Found({ cache, auto: { settings, state } }: { readonly cache: string; readonly auto: Auto }) {
  const { numbers } = useDashboard()
  const { may } = useAccess()
  const [isAsked, setAsked] = useState(false)
  return (
    <div className="stack-small">
      <p>{sayOf(settings, state)}</p>
      {may('config:write') && (
        <p className="row">
          <button type="button" className="btn" onClick={() => setAsked(true)}>
            {settings.enabled ? 'End that…' : 'Apply advice automatically…'}
          </button>
        </p>
      )}
      {state.history.length > 0 && (
        <Table
          caption="Automatic changes, newest first"
          rows={state.history}
          keyOf={({ at }) => at}
          columns={[
            {
              name: 'What',
              cell: ({ change }) =>
                settingsOf(numbers, change)
                  .map(({ name, text }) => `${name}: ${text}`)
                  .join(', '),
            },
            { name: 'When', cell: ({ at }) => <Time at={at} relative /> },
            {
              name: 'Result',
              cell: ({ outcome }) => (
                <Word tone={outcome === 'held' ? 'proven' : 'warning'}>{outcome.replaceAll('_', ' ')}</Word>
              ),
            },
            { name: 'Why', folded: 'wide', cell: ({ why }) => why ?? '' },
            {
              name: 'Operations',
              folded: 'wide',
              cell: ({ operation, rolled_back_by }) =>
                [operation, rolled_back_by].filter((id) => id !== null && id !== undefined).join(', '),
            },
          ]}
        />
      )}
      {isAsked && <Let cache={cache} settings={settings} onClose={() => setAsked(false)} />}
    </div>
  )
}

function sayOf(
  { enabled, min_impact_score, kinds }: Auto['settings'],
  { phase, recommendation, why }: Auto['state'],
): string {
  if (phase === 'counting') return `Before ${recommendation} is applied, the current state is measured.`
  if (phase === 'watching') return `${recommendation} is in force and watched: it is rolled back if it does harm.`
  if (!enabled) return 'Nothing is applied unless you do it.'
  const what = `Advice about ${kinds.join(' and ')} with an impact of ${min_impact_score} or more is applied.`
  return why === null ? what : `${what} Not now: ${why}.`
}

function Let({
  cache,
  settings,
  onClose,
}: {
  readonly cache: string
  readonly settings: Auto['settings']
  readonly onClose: () => void
}) {
  const { client } = useDashboard()
  const queries = useQueryClient()
  const [to, verb] = settings.enabled ? [false, 'End that'] : [true, 'Apply it']
  const put = useMutation({
    mutationFn: () => client.send('PUT', PATH, { ...settings, enabled: to, cache_name: cache }),
    onSuccess: async () => {
      onClose()
      await queries.invalidateQueries()
    },
  })
  return (
    <Dialog title={to ? 'Apply advice automatically' : 'Apply nothing automatically'} onClose={onClose}>
      <div className="stack-small">
        <Notice>
          {to ? (
            <>
              In every process of <Name>{cache}</Name>: advice about {settings.kinds.join(' and ')} on which all
              processes agree, of an impact from {settings.min_impact_score} on. What was there before is counted first;
              what is surely worse is rolled back at once.
            </>
          ) : (
            <>
              What is in force in <Name>{cache}</Name> stays, and is watched to its end.
            </>
          )}
        </Notice>
        {put.error !== null && <Failure error={put.error} what="This" />}
        <div className="row row-end">
          <button type="button" className="btn" onClick={onClose}>
            Leave it
          </button>
          <button type="button" className="btn btn-primary" disabled={put.isPending} onClick={() => put.mutate()}>
            {verb}
          </button>
        </div>
      </div>
    </Dialog>
  )
}
