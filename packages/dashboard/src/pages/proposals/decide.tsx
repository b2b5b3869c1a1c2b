// The decision on a proposal, after a second look.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { Proposal, ProposalPreview } from '../../api/types.ts'
import { useDashboard } from '../../context.tsx'
import { seen } from '../../format/seen.ts'
import { Failure } from '../../parts/answer.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { useKeyName } from '../../parts/key-name.tsx'
import { Notice } from '../../parts/section.tsx'

export function Approve({ preview, digest }: { readonly preview: ProposalPreview; readonly digest: string }) {
  const { client } = useDashboard()
  const queries = useQueryClient()
  const keyName = useKeyName()
  /** What was shown when the dialog was opened is what is approved, whatever is shown behind it meanwhile. */
  const [opened, setOpened] = useState<{ readonly preview: ProposalPreview; readonly digest: string }>()
  const [typed, setTyped] = useState('')
  const [note, setNote] = useState('')
  const { proposal, plan_id, confirm } = opened?.preview ?? preview
  const done = useMutation({
    mutationFn: () =>
      client.send('POST', `proposals/${encodeURIComponent(proposal.id)}/approve/`, {
        digest: opened?.digest ?? digest,
        ...(plan_id !== null && { plan_id }),
        ...(confirm !== null && { confirm }),
        ...(note.trim() !== '' && { note }),
      }),
    onSuccess: () => close(),
    onSettled: () => queries.invalidateQueries(),
  })
  // Where names are hidden, the mark of a key stands for it.
  const wanted = confirm === null ? '' : isKeyOf(proposal, confirm) ? keyName(confirm) : confirm
  const close = () => {
    setOpened(undefined)
    setTyped('')
    done.reset()
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (typed === wanted) done.mutate()
  }
  return (
    <>
      <button type="button" className="btn btn-primary" onClick={() => setOpened({ preview, digest })}>
        Approve…
      </button>
      {opened !== undefined && (
        <Dialog title="Approve it" onClose={close}>
          <form className="stack-small" onSubmit={submit}>
            <Notice>
              <b>{proposal.summary}.</b> It is done now, once, as it is shown, under your name. It cannot be approved
              again.
            </Notice>
            {confirm !== null && (
              <label className="field">
                <span>
                  Type <code dir="auto">{seen(wanted)}</code> to go on
                </span>
                <input
                  className="input mono"
                  value={typed}
                  onChange={(event) => setTyped(event.target.value)}
                  spellCheck={false}
                  autoComplete="off"
                />
              </label>
            )}
            <label className="field">
              <span>Note (optional)</span>
              <input
                className="input"
                maxLength={1000}
                value={note}
                onChange={(event) => setNote(event.target.value)}
              />
            </label>
            {done.error !== null && <Failure error={done.error} what="The approval" />}
            <div className="row row-end">
              <button type="button" className="btn" onClick={close}>
                Not now
              </button>
              <button type="submit" className="btn btn-primary" disabled={done.isPending || typed !== wanted}>
                {done.isPending ? 'Running…' : 'Approve'}
              </button>
            </div>
          </form>
        </Dialog>
      )}
    </>
  )
}

function isKeyOf({ body }: Proposal, name: string): boolean {
  const keys = typeof body === 'object' && body !== null && 'keys' in body ? body.keys : undefined
  return Array.isArray(keys) && keys.includes(name)
}

export function Reject({ proposal }: { readonly proposal: Proposal }) {
  const { client } = useDashboard()
  const queries = useQueryClient()
  const [isOpen, setOpen] = useState(false)
  const [note, setNote] = useState('')
  const done = useMutation({
    mutationFn: () =>
      client.send('POST', `proposals/${encodeURIComponent(proposal.id)}/reject/`, note.trim() === '' ? {} : { note }),
    onSuccess: () => setOpen(false),
    onSettled: () => queries.invalidateQueries(),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    done.mutate()
  }
  return (
    <>
      <button type="button" className="btn" onClick={() => setOpen(true)}>
        Reject…
      </button>
      {isOpen && (
        <Dialog title="Reject it" onClose={() => setOpen(false)}>
          <form className="stack-small" onSubmit={submit}>
            <Notice>Nothing is done, and nobody can approve it any more. It may be proposed again.</Notice>
            <label className="field">
              <span>Note (optional)</span>
              <input
                className="input"
                maxLength={1000}
                value={note}
                onChange={(event) => setNote(event.target.value)}
              />
            </label>
            {done.error !== null && <Failure error={done.error} what="The rejection" />}
            <div className="row row-end">
              <button type="button" className="btn" onClick={() => setOpen(false)}>
                Keep it
              </button>
              <button type="submit" className="btn btn-danger" disabled={done.isPending}>
                Reject
              </button>
            </div>
          </form>
        </Dialog>
      )}
    </>
  )
}
