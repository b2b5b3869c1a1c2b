// Applies a change of memory after showing what it is, where it applies and for how long.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { Applied } from '../../api/insight.ts'
import type { MemoryChange } from '../../api/types.ts'
import { useDashboard } from '../../context.tsx'
import { Failure } from '../../parts/answer.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Notice } from '../../parts/section.tsx'
import { Name } from '../../parts/words.tsx'
import { settingsOf } from './figures.ts'

export interface Tried {
  readonly title: string
  readonly verb: string
  readonly change: MemoryChange
  readonly undo: MemoryChange | null
  readonly reason: string
  /** The applied change that it rolls back. */
  readonly rollsBack?: string
}

/** After this time it no longer waits for the processes. */
const WAIT = { Prefer: 'wait=10' }

export function Apply({
  cache,
  tried,
  onClose,
}: {
  readonly cache: string
  readonly tried: Tried
  readonly onClose: () => void
}) {
  const { client, numbers } = useDashboard()
  const queries = useQueryClient()
  const [reason, setReason] = useState(tried.reason)
  const apply = useMutation({
    mutationFn: () =>
      tried.rollsBack === undefined
        ? client.send<Applied>(
            'POST',
            'optimizations/apply/',
            { cache_name: cache, change: tried.change, reason },
            { headers: WAIT },
          )
        : client.send<Applied>(
            'POST',
            `optimizations/${encodeURIComponent(tried.rollsBack)}/roll_back/`,
            { reason },
            { headers: WAIT },
          ),
    onSuccess: async () => {
      onClose()
      await queries.invalidateQueries()
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    apply.mutate()
  }
  const [after, before] = [settingsOf(numbers, tried.change), settingsOf(numbers, tried.undo ?? {})]
  return (
    <Dialog title={tried.title} onClose={onClose}>
      <form className="stack-small" onSubmit={submit}>
        <table>
          <caption className="sr">What changes</caption>
          <thead>
            <tr>
              <th scope="col">Setting</th>
              <th scope="col">Now</th>
              <th scope="col">Then</th>
            </tr>
          </thead>
          <tbody>
            {after.map(({ name, text }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{before.find((one) => one.name === name)?.text ?? 'not known'}</td>
                <td>
                  <b>{text}</b>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        <Notice>
          <b>
            In every process of <Name>{cache}</Name>, until it ends.
          </b>{' '}
          To keep it, put it into your code or a stored configuration. Evidence is collected anew afterwards; you can
          undo the change on this page.
        </Notice>
        <label className="field">
          <span>Reason, recorded in the audit log</span>
          <input className="input" value={reason} maxLength={500} onChange={(event) => setReason(event.target.value)} />
        </label>
        {apply.error !== null && <Failure error={apply.error} what="The change" />}
        <div className="row row-end">
          <button type="button" className="btn" onClick={onClose}>
            Leave it
          </button>
          <button type="submit" className="btn btn-primary" disabled={apply.isPending}>
            {apply.isPending ? 'Changing…' : tried.verb}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
