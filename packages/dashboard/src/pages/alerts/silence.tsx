// Silences a rule in a cache for a while: alerts are still raised and listed, but not sent.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { Alert } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { ruleName } from '../../format/rules.ts'
import { Failure } from '../../parts/answer.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Name } from '../../parts/words.tsx'

const SPANS = [
  { seconds: 900, name: '15 minutes' },
  { seconds: 3600, name: '1 hour' },
  { seconds: 14_400, name: '4 hours' },
  { seconds: 86_400, name: '1 day' },
] as const

export function Silence({ alert }: { readonly alert: Alert }) {
  const { may, offers } = useAccess()
  const [isOpen, setOpen] = useState(false)
  if (!may('alerts:resolve') || !offers('POST', 'silences/')) return null
  return (
    <>
      <button type="button" className="btn btn-small" onClick={() => setOpen(true)}>
        Silence…<span className="sr"> {alert.rule}</span>
      </button>
      {isOpen && <MakeSilence alert={alert} onClose={() => setOpen(false)} />}
    </>
  )
}

function MakeSilence({ alert, onClose }: { readonly alert: Alert; readonly onClose: () => void }) {
  const { client } = useDashboard()
  const queries = useQueryClient()
  const [seconds, setSeconds] = useState(3600)
  const [reason, setReason] = useState('')
  const silence = useMutation({
    mutationFn: () =>
      client.send('POST', 'silences/', {
        rule: alert.rule,
        cache_name: alert.cache_name,
        duration_seconds: seconds,
        ...(reason.trim() === '' ? {} : { reason: reason.trim() }),
      }),
    onSuccess: async () => {
      onClose()
      await queries.invalidateQueries({ queryKey: ['silences'] })
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    silence.mutate()
  }
  return (
    <Dialog title={`Silence ${ruleName(alert.rule)}`} onClose={onClose}>
      <form className="stack-small" onSubmit={submit}>
        <p>
          Webhooks are not notified of it in <Name>{alert.cache_name}</Name>. The alert stays on this page and is still
          measured.
        </p>
        <fieldset className="field">
          <legend>For</legend>
          <div className="choice">
            {SPANS.map((span) => (
              <label key={span.seconds}>
                <input
                  type="radio"
                  name="span"
                  checked={seconds === span.seconds}
                  onChange={() => setSeconds(span.seconds)}
                />
                {span.name}
              </label>
            ))}
          </div>
        </fieldset>
        <label className="field">
          <span>Reason, recorded in the audit log</span>
          <input
            className="input"
            maxLength={1000}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
          />
        </label>
        {silence.error !== null && <Failure error={silence.error} what="The silence" />}
        <div className="row dialog-end">
          <button type="button" className="btn" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="btn btn-primary" disabled={silence.isPending}>
            Silence it
          </button>
        </div>
      </form>
    </Dialog>
  )
}
