// Creates or changes a configuration: a form, then the server's plan of the differences, then the change against the
// version it was based on.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useId, useState } from 'react'
import { ApiError } from '../../api/client.ts'
import type { Changes, Configuration, ConfigurationDocument } from '../../api/types.ts'
import { useDashboard } from '../../context.tsx'
import { Failure } from '../../parts/answer.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Notice } from '../../parts/section.tsx'
import { placeOf, usePlace } from '../../place/place.tsx'
import { Diff } from './diff.tsx'
import { type Effect, Effects } from './effects.tsx'
import { documentOf } from './fields.ts'

const TYPES = ['memory', 'redis', 'memcached', 'database', 'file_system', 'multi'] as const
const STRATEGIES = ['cache_aside', 'write_through', 'write_back', 'write_around'] as const

const FRESH: ConfigurationDocument = {
  name: '',
  cache_type: 'memory',
  strategy: 'cache_aside',
  ttl_seconds: 300,
  max_size_mb: 100,
  compression_enabled: false,
  is_active: true,
  priority: 100,
}

interface ConfigurationPlan {
  readonly changes: Changes
  /** What would change in each process that runs this cache. */
  readonly effects?: readonly Effect[]
}

export function EditConfiguration({ held, onClose }: { readonly held?: Configuration; readonly onClose: () => void }) {
  const { client } = useDashboard()
  const { go } = usePlace()
  const queries = useQueryClient()
  const [draft, setDraft] = useState<ConfigurationDocument>(held === undefined ? FRESH : documentOf(held))
  const set = (change: Partial<ConfigurationDocument>) => setDraft((before) => ({ ...before, ...change }))
  const send = <T,>(isPlan: boolean) => {
    const query = { dry_run: isPlan || undefined }
    if (held === undefined) return client.send<T>('POST', 'configurations/', draft, { query })
    return client.send<T>('PUT', `configurations/${held.id}/`, draft, {
      query,
      headers: isPlan ? {} : { 'If-Match': `"v${held.version}"` },
    })
  }
  const plan = useMutation({ mutationFn: () => send<{ readonly plan: ConfigurationPlan }>(true) })
  const apply = useMutation({
    mutationFn: () => send<Configuration>(false),
    onSuccess: async (made) => {
      onClose()
      go(placeOf('configurations', { id: made.id }))
      await queries.invalidateQueries()
    },
  })
  const title = held === undefined ? 'New configuration' : `Change ${held.name}`
  if (plan.data !== undefined) {
    const { changes, effects = [] } = plan.data.plan
    const isSame = Object.keys(changes).length === 0
    return (
      <Dialog title={isSame ? 'Nothing would change' : `${title}: the plan`} onClose={onClose}>
        <Diff
          changes={changes}
          from={held === undefined ? 'now' : `version ${held.version}`}
          to={held === undefined ? 'version 1' : `version ${held.version + 1}`}
        />
        <Notice>
          Nothing has been changed yet.{' '}
          {held === undefined ? '' : 'Existing entries keep the TTL they were stored with.'}
        </Notice>
        <Effects effects={effects} />
        {apply.error !== null && (
          <Failure
            error={apply.error}
            what={
              apply.error instanceof ApiError && apply.error.status === 412
                ? 'The change was overtaken by another one. It'
                : 'The change'
            }
          />
        )}
        <div className="row">
          <button type="button" className="btn" onClick={() => plan.reset()}>
            Back
          </button>
          <button
            type="button"
            className="btn btn-primary"
            onClick={() => apply.mutate()}
            disabled={apply.isPending || isSame}
          >
            {held === undefined ? 'Create it' : `Apply as version ${held.version + 1}`}
          </button>
        </div>
      </Dialog>
    )
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    plan.mutate()
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form className="stack-small" onSubmit={submit}>
        <label className="field">
          <span>Name, as used in code</span>
          <input
            className="input mono"
            required
            value={draft.name}
            onChange={(event) => set({ name: event.target.value })}
            autoFocus
            spellCheck={false}
          />
        </label>
        <div className="pair">
          <Choose
            label="Kept in"
            value={draft.cache_type}
            among={TYPES}
            onChoose={(cache_type) => set({ cache_type })}
          />
          <Choose
            label="Strategy"
            value={draft.strategy}
            among={STRATEGIES}
            onChoose={(strategy) => set({ strategy })}
          />
          <Amount label="TTL" unit="s" value={draft.ttl_seconds} onGive={(ttl_seconds) => set({ ttl_seconds })} />
          <Amount
            label="Memory at most"
            unit="MB"
            value={draft.max_size_mb}
            onGive={(max_size_mb) => set({ max_size_mb })}
          />
          <Amount label="Priority, 0 first" unit="" value={draft.priority} onGive={(priority) => set({ priority })} />
        </div>
        <div className="choice">
          <label>
            <input
              type="checkbox"
              checked={draft.compression_enabled}
              onChange={(event) => set({ compression_enabled: event.target.checked })}
            />
            Compressed
          </label>
          <label>
            <input
              type="checkbox"
              checked={draft.is_active}
              onChange={(event) => set({ is_active: event.target.checked })}
            />
            Active
          </label>
        </div>
        {plan.error !== null && <Failure error={plan.error} what="The plan" />}
        <div className="row dialog-end">
          <button type="button" className="btn" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="btn btn-primary" disabled={plan.isPending}>
            Plan…
          </button>
        </div>
      </form>
    </Dialog>
  )
}

function Choose({
  label,
  value,
  among,
  onChoose,
}: {
  readonly label: string
  readonly value: string
  readonly among: readonly string[]
  readonly onChoose: (value: string) => void
}) {
  return (
    <label className="field">
      <span>{label}</span>
      <select className="input" value={value} onChange={(event) => onChoose(event.target.value)}>
        {among.map((each) => (
          <option key={each} value={each}>
            {each.replaceAll('_', ' ')}
          </option>
        ))}
      </select>
    </label>
  )
}

function Amount({
  label,
  unit,
  value,
  onGive,
}: {
  readonly label: string
  readonly unit: string
  readonly value: number
  readonly onGive: (value: number) => void
}) {
  const id = useId()
  return (
    <div className="field">
      <label className="label" htmlFor={id}>
        {label}
      </label>
      <span className={unit === '' ? undefined : 'input-with'}>
        <input
          id={id}
          className="input"
          type="number"
          min="0"
          step="any"
          required
          value={Number.isNaN(value) ? '' : value}
          onChange={(event) => onGive(event.target.valueAsNumber)}
        />
        {unit !== '' && <span>{unit}</span>}
      </span>
    </div>
  )
}
