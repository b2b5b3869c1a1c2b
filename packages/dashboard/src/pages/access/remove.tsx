// Takes something away after a second look: what, and what follows from it.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useDashboard } from '../../context.tsx'
import { Failure } from '../../parts/answer.tsx'
import { Dialog } from '../../parts/dialog.tsx'

export function Remove({
  path,
  queryKey,
  verb,
  what,
  then,
  isSmall = true,
  onRemoved,
}: {
  readonly path: string
  readonly queryKey: string
  readonly verb: string
  readonly what: string
  readonly then: string
  /** In a row of a table. Default true. */
  readonly isSmall?: boolean
  readonly onRemoved?: () => void
}) {
  const { client, readOnly } = useDashboard()
  const queries = useQueryClient()
  const [isOpen, setOpen] = useState(false)
  const remove = useMutation({
    mutationFn: () => client.send('DELETE', path),
    onSuccess: async () => {
      setOpen(false)
      onRemoved?.()
      await queries.invalidateQueries({ queryKey: [queryKey] })
    },
  })
  if (readOnly) return null
  return (
    <>
      <button type="button" className={isSmall ? 'btn btn-small' : 'btn'} onClick={() => setOpen(true)}>
        {verb}…<span className="sr"> {what}</span>
      </button>
      {isOpen && (
        <Dialog title={`${verb} ${what}?`} onClose={() => setOpen(false)}>
          <p>{then}</p>
          {remove.error !== null && <Failure error={remove.error} what="This" />}
          <div className="row">
            <button type="button" className="btn" onClick={() => setOpen(false)}>
              Keep it
            </button>
            <button
              type="button"
              className="btn btn-danger"
              onClick={() => remove.mutate()}
              disabled={remove.isPending}
            >
              {verb}
            </button>
          </div>
        </Dialog>
      )}
    </>
  )
}
