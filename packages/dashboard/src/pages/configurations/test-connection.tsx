// Tests a configuration's connection, step by step; a failed test is a regular answer.

import { useMutation } from '@tanstack/react-query'
import { useDashboard } from '../../context.tsx'
import { capitalised } from '../../format/text.ts'
import { Failure } from '../../parts/answer.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Section } from '../../parts/section.tsx'
import { sourceName } from '../../parts/source.tsx'
import { Unit, vars, Word } from '../../parts/words.tsx'

interface Step {
  readonly tier: string
  readonly step: string
  readonly ok: boolean
  readonly verdict: 'ok' | 'warning' | 'failed'
  readonly ms: number
  readonly detail?: string
  readonly remedy?: string
}

interface Test {
  readonly ok: boolean
  readonly tested: string
  readonly steps: readonly Step[]
  readonly warnings: readonly string[]
}

export function TestConnection({ id }: { readonly id: string }) {
  const { client, numbers } = useDashboard()
  const test = useMutation({ mutationFn: () => client.send<Test>('POST', `configurations/${id}/test_connection/`, {}) })
  const { data } = test
  const steps = data?.steps ?? []
  const total = steps.reduce((sum, { ms }) => sum + ms, 0) || 1
  let passed = 0
  return (
    <Section title="Test connection" note={data === undefined ? undefined : <Verdict test={data} />}>
      {test.error !== null && <Failure error={test.error} what="The test" />}
      {data === undefined && test.error === null && (
        <p>
          Tests every tier step by step, then writes, reads and deletes a test entry: in the running cache if there is
          one, otherwise over a new connection.
        </p>
      )}
      {steps.length > 0 && (
        <ol className="test">
          {steps.map(({ tier, step, ok, verdict, ms, detail, remedy }, at) => {
            const from = passed
            passed += ms
            return (
              // biome-ignore lint/suspicious/noArrayIndexKey: a tier of several servers has a step of one name for each
              <li key={at} className={ok ? undefined : 'failed'}>
                {verdict === 'warning' ? (
                  <span className="is-warning">
                    <Icon name="warning" />
                  </span>
                ) : (
                  <Icon name={ok ? 'ok' : 'no'} />
                )}
                <div>
                  <p>
                    {capitalised(step)}
                    {tier !== 'all' && ` ${sourceName(tier)}`}
                    <span className="sr">: {verdict}</span>
                  </p>
                  {detail !== undefined && <p className="note">{detail}</p>}
                  {remedy !== undefined && <p>{capitalised(remedy)}.</p>}
                </div>
                <span className="fall" aria-hidden="true">
                  <i style={vars({ '--x': (100 * from) / total, '--v': (100 * ms) / total })} />
                </span>
                <span className="num">
                  <Unit figure={numbers.ms(ms)} />
                </span>
              </li>
            )
          })}
          {(data?.warnings ?? [])
            .filter((said) => !toldBy(steps, said))
            .map((said) => (
              <li key={said} className="warning">
                <span className="is-warning">
                  <Icon name="warning" />
                </span>
                <p>{said}</p>
              </li>
            ))}
        </ol>
      )}
      <p className="row more">
        {data !== undefined && <span className="note">over the {data.tested}</span>}
        <button type="button" className="btn" onClick={() => test.mutate()} disabled={test.isPending}>
          {test.isPending ? 'Testing…' : data === undefined ? 'Test now' : 'Test again'}
        </button>
      </p>
    </Section>
  )
}

/** Warnings of steps are listed there already. */
const toldBy = (steps: readonly Step[], said: string): boolean =>
  steps.some(({ tier, remedy }) => said === `${tier}: ${remedy}`)

function Verdict({ test }: { readonly test: Test }) {
  const warnings = test.warnings.length
  if (!test.ok) return <Word tone="critical">does not work</Word>
  return warnings > 0 ? (
    <Word tone="warning">works, {warnings === 1 ? '1 warning' : `${warnings} warnings`}</Word>
  ) : (
    <Word tone="proven">works</Word>
  )
}
