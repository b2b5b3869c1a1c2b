// Alert rules and their thresholds.
import { useQuery } from '@tanstack/react-query'
import type { AlertRules } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import type { Numbers } from '../../format/numbers.ts'
import { ruleName } from '../../format/rules.ts'
import { Answer } from '../../parts/answer.tsx'
import { Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'

export function Rules() {
  const { client, numbers } = useDashboard()
  const { offers, may } = useAccess()
  const isOffered = offers('GET', 'alert_rules/')
  const rules = useQuery({
    queryKey: ['alert rules'],
    queryFn: ({ signal }) => client.get<AlertRules>('alert_rules/', {}, signal),
    enabled: isOffered && may('alerts:read'),
  })
  if (!isOffered) return null
  return (
    <Section title="Rules" note="changed by PUT alert_rules/ or by the operator of the control plane">
      <Answer query={rules} what="The list of rules">
        {(found) => (
          <Table
            isDense
            caption="Alert rules"
            rows={Object.entries(found)}
            keyOf={([name]) => name}
            toneOf={([, { enabled }]) => (enabled ? undefined : 'quiet')}
            columns={[
              { name: 'Rule', cell: ([name]) => <span title={name}>{ruleName(name)}</span> },
              { name: 'Looks at', folded: 'wide', cell: ([name]) => LOOKS_AT[name] ?? '' },
              { name: 'State', folded: 'right', cell: ([, { enabled }]) => (enabled ? 'on' : 'switched off') },
              {
                name: 'Raised from',
                folded: 'wide',
                cell: ([name, { levels }]) =>
                  Object.entries(levels)
                    .map(
                      ([severity, value]) =>
                        `${severity}${SWITCHES.has(name) ? '' : ` ${shown(numbers, name, value)}`}`,
                    )
                    .join(', ') || 'no threshold is set',
              },
            ]}
          />
        )}
      </Answer>
    </Section>
  )
}

const LOOKS_AT: Readonly<Record<string, string>> = {
  hit_ratio: 'hit ratio, from 200 reads on',
  memory_ratio: 'memory in use, while entries it evicted young are asked for again',
  response_ms: 'average time of a read',
  load_error_ratio: 'loads that fail',
  regression: 'average time of a read, as a multiple of the last hour',
  p95_regression: '95th percentile of reads, as a multiple of the usual value',
  hit_ratio_regression: 'drop of the hit ratio below the usual value, in points',
  stale_reads: 'stale reads, at least, as a multiple of the objective',
  tier_down: 'a tier that is bypassed',
  ledger_down: 'a ledger that does not answer',
  consistency: 'invalidations that are waiting or were missed',
  late_node: 'a process that is silent',
  process_memory_bytes: 'memory of one process',
  process_cpu_ratio: 'one core, over a minute',
  refused_credentials: 'rejected credentials in a minute',
  audit_broken: 'a broken audit chain',
  compliance: 'a violated compliance requirement',
}

/** Boolean rules. */
const SWITCHES: ReadonlySet<string> = new Set(['tier_down', 'ledger_down', 'late_node', 'audit_broken', 'compliance'])

const MULTIPLES: ReadonlySet<string> = new Set(['regression', 'p95_regression', 'stale_reads'])

const SIDES: Readonly<Record<string, string>> = { hit_ratio: 'below', consistency: 'from' }

/** Units are part of the names. */
function shown(numbers: Numbers, name: string, value: number): string {
  const figure = name.endsWith('_ratio')
    ? numbers.percent(value)
    : name.endsWith('_ms')
      ? numbers.ms(value)
      : name.endsWith('_bytes')
        ? numbers.bytes(value)
        : undefined
  const side = SIDES[name] ?? 'above'
  if (name === 'hit_ratio_regression') return `${side} ${numbers.short(100 * value)}\u00a0points`
  if (MULTIPLES.has(name)) return `${side} ${numbers.short(value)}\u00a0×`
  return `${side} ${figure === undefined ? numbers.short(value) : `${figure.value}\u00a0${figure.unit}`}`
}
