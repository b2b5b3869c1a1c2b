// Silences: what they cover, until when, and ending them.
import { useQuery } from '@tanstack/react-query'
import type { Page, Silenced } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { ruleName } from '../../format/rules.ts'
import { Answer } from '../../parts/answer.tsx'
import { Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/words.tsx'
import { useLive } from '../../shell/live.tsx'
import { Remove } from '../access/remove.tsx'

export function Silences() {
  const { client } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  const isOffered = offers('GET', 'silences/')
  const silences = useQuery({
    queryKey: ['silences'],
    queryFn: ({ signal }) => client.get<Page<Silenced>>('silences/', {}, signal),
    refetchInterval: live.every(10_000),
    enabled: isOffered && may('alerts:read'),
  })
  const mayEnd = may('alerts:resolve') && offers('DELETE', 'silences/{id}/')
  if (!isOffered) return null
  return (
    <Section title="Silences" note="still raised and listed; webhooks are not notified">
      <Answer query={silences} what="The list of silences">
        {({ data }) =>
          data.length === 0 ? (
            <p>Nothing is silenced.</p>
          ) : (
            <Table
              caption="Active silences"
              rows={data}
              keyOf={({ id }) => id}
              columns={[
                { name: 'Rule', cell: ({ rule }) => named(rule) },
                { name: 'Cache', cell: ({ cache_name }) => cache_name ?? 'every cache' },
                { name: 'Until', cell: ({ until }) => <Time at={until} /> },
                { name: 'By', cell: ({ actor }) => actor },
                { name: 'Reason', folded: 'wide', cell: ({ reason }) => reason ?? '' },
                {
                  name: 'End',
                  isSilent: true,
                  isNumber: true,
                  cell: ({ id, rule }) =>
                    mayEnd && (
                      <Remove
                        path={`silences/${id}/`}
                        queryKey="silences"
                        verb="End"
                        what={`the silence of ${named(rule)}`}
                        then="Webhooks are notified again from the next alert on."
                      />
                    ),
                },
              ]}
            />
          )
        }
      </Answer>
    </Section>
  )
}

const named = (rule: string | null | undefined): string =>
  rule === null || rule === undefined ? 'every rule' : ruleName(rule)
