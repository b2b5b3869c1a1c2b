// The arms side by side: the deciding metric with its always-valid interval, and the guard metrics.
import type { ArmSays, Difference, Experiment } from '../../api/experiments.ts'
import { useDashboard } from '../../context.tsx'
import type { Numbers } from '../../format/numbers.ts'
import { Table } from '../../parts/table.tsx'
import { Word } from '../../parts/words.tsx'
import { Change, mostOf, Whisker } from '../insight/interval.tsx'
import { settingOf } from './words.ts'

interface Row {
  readonly name: string
  readonly reads: number
  readonly said: ArmSays | undefined
}

export function Arms({ experiment: { judgement, plan } }: { readonly experiment: Experiment }) {
  const { numbers } = useDashboard()
  const rows: readonly Row[] = [
    { name: judgement.control.name, reads: judgement.control.reads, said: undefined },
    ...judgement.arms.map((said) => ({ name: said.name, reads: said.reads, said })),
  ]
  const most = mostOf(judgement.arms.flatMap(({ gain }) => (gain === null ? [] : [gain])))
  const control = judgement.arms[0]
  const level = (row: Row, of: (said: ArmSays) => Difference | null): string => {
    const said = row.said ?? control
    const found = said === undefined ? null : of(said)
    return found === null ? '–' : percent(numbers, row.said === undefined ? found.control : found.arm)
  }
  const watched = (name: string, of: (said: ArmSays) => Difference | null) => ({
    name: `${name}, %`,
    isNumber: true,
    cell: (row: Row) => level(row, of),
  })
  return (
    <Table
      caption="Arms, the others are compared with the first; shares of reads"
      rows={rows}
      keyOf={({ name }) => name}
      toneOf={({ said }) => (said?.verdict === 'harm' ? 'wrong' : undefined)}
      columns={[
        {
          name: 'Arm',
          cell: ({ name }) => {
            const setting = settingOf(numbers, plan.arms.find((arm) => arm.name === name) ?? { name })
            return (
              <>
                <b>{name}</b> {setting !== name && <span className="note">{setting}</span>}
              </>
            )
          },
        },
        { name: 'Reads', isNumber: true, cell: ({ reads }) => numbers.count(reads) },
        watched('Hits', ({ hit_ratio }) => hit_ratio),
        watched('Loads', ({ loads }) => loads),
        watched('Slow', ({ slow }) => slow),
        watched('Failed', ({ errors }) => errors),
        watched('Stale', ({ stale }) => stale),
        {
          name: 'Gain of 100 reads',
          folded: 'wide',
          cell: ({ said }) =>
            said === undefined ? (
              <span className="note">the others are compared with it</span>
            ) : (
              <span className="row">
                {said.gain === null ? (
                  <span className="note">no interval yet</span>
                ) : (
                  <>
                    <Change change={said.gain} /> <Whisker change={said.gain} most={most} />
                  </>
                )}{' '}
                <Said said={said} />
              </span>
            ),
        },
      ]}
    />
  )
}

/** One decimal in each row, so that they align. Smaller is not zero. */
function percent(numbers: Numbers, share: number): string {
  const least = 0.1
  return share > 0 && share * 100 < least / 2 ? `< ${numbers.fixed(least, 1)}` : numbers.fixed(share * 100, 1)
}

const TONES = { better: 'proven', worse: 'warning', harm: 'critical', uneven: 'warning' } as const

function Said({ said: { verdict } }: { readonly said: ArmSays }) {
  // It is known, and nothing is wrong.
  if (verdict === 'no_difference') return 'no difference'
  const tone = Object.entries(TONES).find(([word]) => word === verdict)?.[1] ?? 'unknown'
  return <Word tone={tone}>{verdict.replaceAll('_', ' ')}</Word>
}
