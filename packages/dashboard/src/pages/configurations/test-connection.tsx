// Tests what a configuration connects to, step by step; a failed test is an answer, too.
import { useMutation } from '@tanstack/react-query'
import { useDashboard } from '../../context.tsx'
import { Failure } from '../../parts/answer.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Section } from '../../parts/section.tsx'
import { Unit, vars, Word } from '../../parts/words.tsx'

interface Step {
  readonly name: string
  readonly ok: boolean
  readonly ms?: number | null
  readonly detail?: string | null
}

interface Test {
  readonly ok: boolean
  readonly steps?: readonly Step[]
  readonly warnings?: readonly (string | { readonly detail: string })[]
}

export function TestConnection({ id }: { readonly id: string }) {
  const { client, numbers } = useDashboard()
  const test = useMutation({ mutationFn: () => client.send<Test>('POST', `configurations/${id}/test_connection/`, {}) })
  const { data } = test
  const steps = data?.steps ?? []
  const total = steps.reduce((sum, { ms }) => sum + (ms ?? 0), 0) || 1
  let passed = 0
  return (
    <Section title="Test connection" note={data === undefined ? undefined : <Verdict test={data} />}>
      {test.error !== null && <Failure error={test.error} what="The test" />}
      {data === undefined && test.error === null && <p>Connects as the cache does, writes, reads and deletes one key of its own.</p>}
      {steps.length > 0 && (
        <ol className="test">
          {steps.map(({ name, ok, ms, detail }) => {
            const from = passed
            passed += ms ?? 0
            return (
              <li key={name} className={ok ? undefined : 'failed'}>
                <Icon name={ok ? 'ok' : 'no'} />
                <div>
                  <p>
                    {name}
                    <span className="sr">: {ok ? 'ok' : 'failed'}</span>
                  </p>
                  {detail !== null && detail !== undefined && <p className="note">{detail}</p>}
                </div>
                <span className="fall" aria-hidden="true">
                  {ms !== null && ms !== undefined && <i style={vars({ '--x': (100 * from) / total, '--v': (100 * ms) / total })} />}
                </span>
                <span className="num">{ms === null || ms === undefined ? '' : <Unit figure={numbers.ms(ms)} />}</span>
              </li>
            )
          })}
          {(data?.warnings ?? []).map((warning) => {
            const said = typeof warning === 'string' ? warning : warning.detail
            return (
              <li key={said} className="warning">
                <span className="is-warning">
                  <Icon name="warning" />
                </span>
                <p>{said}</p>
              </li>
            )
          })}
        </ol>
      )}
      <p className="row more">
        <button type="button" className="btn" onClick={() => test.mutate()} disabled={test.isPending}>
          {test.isPending ? 'Testing…' : data === undefined ? 'Test now' : 'Test again'}
        </button>
      </p>
    </Section>
  )
}

function Verdict({ test }: { readonly test: Test }) {
  const warnings = test.warnings?.length ?? 0
  if (!test.ok) return <Word tone="critical">does not work</Word>
  return warnings > 0 ? (
    <Word tone="warning">works, {warnings === 1 ? '1 warning' : `${warnings} warnings`}</Word>
  ) : (
    <Word tone="proven">works</Word>
  )
}
