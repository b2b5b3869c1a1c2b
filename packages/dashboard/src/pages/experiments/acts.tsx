// Actions on an experiment: stop it, apply its winner to all keys, roll that back; each with a confirmation.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Experiment } from '../../api/experiments.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { Failure } from '../../parts/answer.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Notice } from '../../parts/section.tsx'
import { winnerOf } from './standing.ts'
import { coversOf, isPartial, settingOf } from './words.ts'

interface Act {
  readonly verb: string
  readonly title: string
  readonly about: string
  readonly path: 'stop' | 'apply' | 'roll_back'
  readonly body: object
}

export function Acts({ experiment }: { readonly experiment: Experiment }) {
  const { numbers } = useDashboard()
  const { may } = useAccess()
  const [act, setAct] = useState<Act | undefined>()
  const { state, applied, plan, cache_name } = experiment
  const winner = plan.arms.find(({ name }) => name === winnerOf(experiment))
  const where = plan.namespace ?? cache_name
  const acts: readonly (Act & { readonly scope: string; readonly isThere: boolean })[] = [
    {
      verb: 'Apply to all keys',
      title: `Apply ${winner?.name ?? ''} to all keys`,
      about: `${isPartial(plan) ? `The experiment covered only ${coversOf(numbers, plan)}; this sets all keys of ${where}. ` : ''}${winner === undefined ? '' : settingOf(numbers, winner)}, in every process of ${where} until it ends. To keep it, put it into your code or a stored configuration. A running experiment is stopped.`,
      path: 'apply',
      body: isPartial(plan) ? { whole: true } : {},
      scope: 'config:write',
      isThere:
        winner !== undefined && settingOf(numbers, winner) !== 'as it is' && (applied === null || applied.is_undone),
    },
    {
      verb: 'Roll back',
      title: `Roll back ${applied?.arm ?? ''}`,
      about: `Every process of ${where} goes back to its previous settings.`,
      path: 'roll_back',
      body: {},
      scope: 'config:write',
      isThere: applied !== null && !applied.is_undone,
    },
    {
      verb: 'Stop it',
      title: 'Stop the experiment',
      about:
        'All keys are treated alike again. The results so far remain available; entries keep the TTL they were given.',
      path: 'stop',
      body: {},
      scope: 'experiments:write',
      isThere: state === 'running',
    },
  ]
  return (
    <>
      {acts
        .filter(({ isThere, scope }) => isThere && may(scope))
        .map((one) => (
          <button key={one.path} type="button" className="btn" onClick={() => setAct(one)}>
            {one.verb}…
          </button>
        ))}
      {act !== undefined && <Sure id={experiment.id} act={act} onClose={() => setAct(undefined)} />}
    </>
  )
}

function Sure({ id, act, onClose }: { readonly id: string; readonly act: Act; readonly onClose: () => void }) {
  const { client } = useDashboard()
  const queries = useQueryClient()
  const done = useMutation({
    mutationFn: () => client.send('POST', `experiments/${id}/${act.path}/`, act.body),
    onSuccess: async () => {
      onClose()
      await queries.invalidateQueries()
    },
  })
  return (
    <Dialog title={act.title} onClose={onClose}>
      <div className="stack-small">
        <Notice>{act.about}</Notice>
        {done.error !== null && <Failure error={done.error} what="This" />}
        <div className="row row-end">
          <button type="button" className="btn" onClick={onClose}>
            Leave it
          </button>
          <button type="button" className="btn btn-primary" disabled={done.isPending} onClick={() => done.mutate()}>
            {act.verb}
          </button>
        </div>
      </div>
    </Dialog>
  )
}
