// Composing an invalidation: the target, the server's plan, the confirmation.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useCacheName, useSummaries } from '../../api/queries.ts'
import type { Operation, Plan } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { linesOf } from '../../format/lines.ts'
import { Failure } from '../../parts/answer.tsx'
import { Lines } from '../../parts/lines.tsx'
import { NamespaceField } from '../../parts/namespace-field.tsx'
import { PageTitle } from '../../parts/section.tsx'
import { Time } from '../../parts/words.tsx'
import { placeOf, usePlace } from '../../place/place.tsx'
import { Confirm, PlanFacts } from './plan.tsx'
import { Stop } from './stop.tsx'

const WAYS = [
  { by: 'keys', name: 'Keys', label: 'Keys, one per line', hint: 'org:42:stats' },
  { by: 'tag', name: 'Tag', label: 'Tags, one per line', hint: 'deals' },
  {
    by: 'pattern',
    name: 'Pattern',
    label: 'Patterns, one per line: a glob, or a regular expression that begins with ^',
    hint: 'user:*',
  },
  {
    by: 'url',
    name: 'Address',
    label: 'Addresses, one per line, as clients request them',
    hint: 'https://www.example.com/deals/7',
  },
  { by: 'all', name: 'Everything', label: '', hint: '' },
] as const

type Way = (typeof WAYS)[number]['by']

const isWay = (by: string | null): by is Way => WAYS.some((way) => way.by === by)

interface Draft {
  readonly by: Way
  readonly text: string
  readonly mode: 'soft' | 'hard'
  readonly reason: string
  readonly cache: string
  readonly namespace: string
}

export function Composer() {
  const { client } = useDashboard()
  const { query, go } = usePlace()
  const { may } = useAccess()
  const queries = useQueryClient()
  const usual = useCacheName()
  const summaries = useSummaries()
  const given = query.get('by')
  const [draft, setDraft] = useState<Draft>({
    by: isWay(given) ? given : 'tag',
    text: query.get('value') ?? '',
    mode: query.get('mode') === 'hard' ? 'hard' : 'soft',
    reason: '',
    cache: query.get('cache') ?? '',
    namespace: query.get('ns') ?? '',
  })
  const cache = draft.cache === '' ? usual : draft.cache
  const caches = summaries.data?.caches ?? []
  const namespaces = caches.find(({ cache_name }) => cache_name === cache)?.namespaces ?? []
  // Kept while a new one is made, so that the view and its focus stay.
  const [made, setMade] = useState<Plan | undefined>()
  const plan = useMutation({
    mutationFn: (asked: Draft) =>
      client.send<{ readonly plan: Plan }>('POST', 'invalidations/plan/', bodyOf(asked, cache)),
  })
  // Handled per call: a late answer of an earlier call changes nothing.
  const ask = (asked: Draft) => plan.mutate(asked, { onSuccess: (answer) => setMade(answer.plan) })
  const run = useMutation({
    mutationFn: ({ id, confirm }: { readonly id: string; readonly confirm: string | undefined }) =>
      client.send<Operation>('POST', 'invalidations/invalidate_keys/', {
        plan_id: id,
        ...(confirm === undefined ? {} : { confirm }),
        ...(draft.reason.trim() === '' ? {} : { reason: draft.reason.trim() }),
      }),
    onSuccess: async (done) => {
      go(placeOf('invalidate', { id: done.id }))
      await queries.invalidateQueries({ queryKey: ['invalidations'] })
    },
  })
  const change = (part: Partial<Draft>) => {
    setDraft((before) => ({ ...before, ...part }))
    setMade(undefined)
    plan.reset()
    run.reset()
  }
  const way = WAYS.find(({ by }) => by === draft.by) ?? WAYS[1]
  const submit = (event: FormEvent) => {
    event.preventDefault()
    ask(draft)
  }
  // Another mode is another plan: the server stores the mode with it.
  const setMode = (mode: 'soft' | 'hard') => {
    setDraft((before) => ({ ...before, mode }))
    ask({ ...draft, mode })
  }
  return (
    <div>
      <PageTitle
        title="Invalidate"
        say="Say what to invalidate; the plan shows what would be removed. Nothing changes until you confirm."
      />
      <ol className="path">
        <Stop
          at={1}
          is={made === undefined ? 'doing' : 'done'}
          title="What"
          note={made === undefined ? undefined : `by ${way.name.toLowerCase()}`}
        >
          <form className="compose" onSubmit={submit}>
            <fieldset className="field c-8">
              <legend>By</legend>
              <div className="choice">
                {WAYS.filter(({ by }) => by !== 'all' || may('purge:all')).map(({ by, name }) => (
                  <label key={by}>
                    <input type="radio" name="by" checked={draft.by === by} onChange={() => change({ by })} />
                    {name}
                  </label>
                ))}
              </div>
            </fieldset>
            <NamespaceField
              className="c-4"
              label="In"
              none={`all namespaces of ${cache ?? 'every cache'}`}
              value={draft.namespace}
              known={namespaces}
              onChoose={(namespace) => change({ namespace })}
            />
            {draft.by !== 'all' && (
              <Lines
                label={way.label}
                hint={way.hint}
                text={draft.text}
                isOfKeys={draft.by === 'keys'}
                given={query.get('value') ?? ''}
                onText={(text) => change({ text })}
              />
            )}
            <label className="field c-6">
              <span>Reason, recorded in the audit log</span>
              <input
                className="input"
                value={draft.reason}
                maxLength={1000}
                onChange={(event) => setDraft({ ...draft, reason: event.target.value })}
              />
            </label>
            <p className="row">
              <button
                type="submit"
                className={`btn ${made === undefined ? 'btn-primary' : ''}`}
                disabled={plan.isPending}
              >
                {plan.isPending ? 'Planning…' : made === undefined ? 'Plan…' : 'Plan again…'}
              </button>
            </p>
          </form>
          {plan.error !== null && <Failure error={plan.error} what="The plan" />}
        </Stop>
        {made !== undefined && (
          <>
            <Stop at={2} is="done" title="Plan" note={<PlanNote plan={made} />}>
              <PlanFacts plan={made} onMode={setMode} />
            </Stop>
            <Stop
              at={3}
              is="doing"
              title="Confirm"
              note={
                made.guard.needs_confirmation
                  ? 'more than 10,000 keys, or everything: the text typed out'
                  : 'one click: the plan is below the limit'
              }
            >
              <Confirm
                plan={made}
                isRunning={run.isPending}
                isReady={!plan.isPending}
                onRun={(confirm) => run.mutate({ id: made.id, confirm })}
              />
              {run.error !== null && <Failure error={run.error} what="The invalidation" />}
            </Stop>
          </>
        )}
      </ol>
    </div>
  )
}

function PlanNote({ plan }: { readonly plan: Plan }) {
  return (
    <>
      {plan.id} · {plan.is_exact ? 'exact' : 'at least'} · valid until <Time at={plan.expires_at} /> · nothing changed
      yet
    </>
  )
}

function bodyOf({ by, text, mode, namespace }: Draft, cache: string | undefined): Record<string, unknown> {
  const lines = linesOf(text)
  return {
    mode,
    ...(cache === undefined ? {} : { cache_name: cache }),
    ...(namespace === '' ? {} : { namespace }),
    ...targetOf(by, lines),
  }
}

function targetOf(by: Way, lines: readonly string[]): Record<string, unknown> {
  if (by === 'all') return { all: true }
  const fields = { keys: 'keys', tag: 'tags', pattern: 'pattern', url: 'urls' } as const
  return { [fields[by]]: lines }
}
