// A plan: how much it removes, the traffic on it, soft or hard, and its confirmation.
import { type FormEvent, useState } from 'react'
import type { Plan } from '../../api/types.ts'
import { useDashboard } from '../../context.tsx'
import { KeyLink, useKeyName } from '../../parts/key-name.tsx'
import { Notice } from '../../parts/section.tsx'
import { Large, Name, vars, Word } from '../../parts/words.tsx'

const MODES = {
  soft: [
    'Soft: serve stale while refilling',
    'Callers that allow stale values get them while each key is reloaded once.',
    'no caller waits if stale values are allowed',
  ],
  hard: [
    'Hard: invalidate at once',
    'The source is asked for each key at its next read; reads of one key share one load.',
    'no old value is served again',
  ],
} as const

/** Without `onMode` the mode is stated, not chosen. */
export function PlanFacts({
  plan,
  onMode,
}: {
  readonly plan: Plan
  readonly onMode?: (mode: 'soft' | 'hard') => void
}) {
  const { numbers } = useDashboard()
  const sum = (of: (one: Plan['caches'][number]) => number): number =>
    plan.caches.reduce((all, one) => all + of(one), 0)
  const reads = sum(({ reads_per_second }) => reads_per_second)
  const spaces = plan.caches.flatMap(({ by_namespace }) => Object.entries(by_namespace)).sort(([, a], [, b]) => b - a)
  const most = Math.max(1, ...spaces.map(([, keys]) => keys))
  const sample = plan.caches.flatMap(({ sample: some, cache_name }) => some.map((one) => ({ ...one, cache_name })))
  const asked = new Set(plan.criteria.tags)
  const cascade = [...new Set(plan.caches.flatMap((one) => one.cascade))].filter((tag) => !asked.has(tag))
  return (
    <div className="stack-small">
      <dl className="bigs">
        <div className="big">
          <dt>Keys</dt>
          <dd>
            {plan.is_exact ? '' : '≥ '}
            {numbers.count(plan.keys)}
          </dd>
          <dd>{plan.is_exact ? 'exact' : 'in memory; tiers below it are not listed'}</dd>
        </div>
        <div className="big">
          <dt>Memory</dt>
          <dd>
            <Large figure={numbers.bytes(sum(({ bytes }) => bytes))} />
          </dd>
          <dd>of one process</dd>
        </div>
        <div className="big">
          <dt>Traffic on them</dt>
          <dd>
            <Large figure={{ value: `≥ ${numbers.short(reads)}`, unit: 'reads/s' }} />
          </dd>
          <dd>estimated from their hits and ages</dd>
        </div>
      </dl>
      <div className="cols">
        {onMode === undefined ? (
          <div className="span-6 stack-small">
            <ModeWords mode={plan.mode} />
          </div>
        ) : (
          <fieldset className="options span-6">
            <legend className="label">How</legend>
            {(['soft', 'hard'] as const).map((mode) => (
              <label className="option" key={mode}>
                <input type="radio" name="mode" checked={plan.mode === mode} onChange={() => onMode(mode)} />
                <ModeWords mode={mode} />
              </label>
            ))}
          </fieldset>
        )}
        <div className="span-6">
          {spaces.length > 0 && (
            <table>
              <caption>Keys by namespace</caption>
              <thead className="sr">
                <tr>
                  <th scope="col">Namespace</th>
                  <th scope="col">Share</th>
                  <th scope="col">Keys</th>
                </tr>
              </thead>
              <tbody>
                {spaces.slice(0, 8).map(([name, keys]) => (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    <td>
                      <span className="meter" style={vars({ '--v': (100 * keys) / most })} aria-hidden="true">
                        <i />
                      </span>
                    </td>
                    <td className="num">{numbers.count(keys)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </div>
      </div>
      {cascade.length > 0 && (
        <Notice>
          Dependent entries also removed: <Name>{cascade.slice(0, 6).join(', ')}</Name>
          {cascade.length > 6 && ` and ${cascade.length - 6} more`}.
        </Notice>
      )}
      {sample.length > 0 && (
        <details className="data">
          <summary>The hottest {sample.length} of them</summary>
          <ol className="sample">
            {sample.map(({ namespace, key, hits, cache_name }) => (
              <li key={`${namespace} ${key}`}>
                <KeyLink name={key} namespace={namespace} cache={cache_name} />
                <span className="note">{hits > 0 && `${numbers.count(hits)} hits`}</span>
              </li>
            ))}
          </ol>
        </details>
      )}
      {plan.keys === 0 && (
        <Notice>
          <b>No key in memory matches.</b> Running it still makes sure that no older copy is accepted anywhere.
        </Notice>
      )}
    </div>
  )
}

function ModeWords({ mode }: { readonly mode: 'soft' | 'hard' }) {
  const [title, how, result] = MODES[mode]
  return (
    <>
      <strong>{title}</strong>
      <span>{how}</span>
      <small>{result}</small>
    </>
  )
}

export function Confirm({
  plan,
  isRunning,
  isReady,
  onRun,
}: {
  readonly plan: Plan
  readonly isRunning: boolean
  /** False while a new plan is being made. */
  readonly isReady: boolean
  readonly onRun: (confirm: string | undefined) => void
}) {
  const { numbers } = useDashboard()
  const [typed, setTyped] = useState('')
  const { needs_confirmation: isGuarded, confirm } = plan.guard
  const keyName = useKeyName()
  // If names are hidden, a key's hash stands for it.
  const wanted = plan.criteria.keys?.includes(confirm) === true ? keyName(confirm) : confirm
  const isRight = !isGuarded || typed === wanted
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (isRight && isReady) onRun(isGuarded ? confirm : undefined)
  }
  return (
    <form className="confirm" onSubmit={submit}>
      {isGuarded && (
        <>
          <label className="field">
            <span>
              Type <code dir="auto">{wanted}</code> to go on
            </span>
            <input
              className="input mono"
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
              spellCheck={false}
              autoComplete="off"
            />
          </label>
          <p aria-live="polite">{typed === wanted ? <Word tone="proven">matches</Word> : null}</p>
        </>
      )}
      <button
        type="submit"
        className={`btn push ${plan.mode === 'hard' ? 'btn-danger' : 'btn-primary'}`}
        disabled={isRunning || !isReady || !isRight}
      >
        {isRunning
          ? 'Running…'
          : `Invalidate ${plan.is_exact ? '' : 'at least '}${numbers.counted(plan.keys, 'key')}, ${plan.mode}`}
      </button>
    </form>
  )
}
