// Adds a user: a name and a role. A credential comes after, as a token.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useDashboard } from '../../context.tsx'
import { Failure } from '../../parts/answer.tsx'
import { Dialog } from '../../parts/dialog.tsx'

const ROLES = [
  ['viewer', 'sees figures, settings, alerts and keys; never values'],
  ['operator', 'can also invalidate, warm and resolve alerts'],
  ['editor', 'can also change configurations'],
  ['admin', 'can also see values, manage users and tokens, and clear everything'],
  ['auditor', 'sees what a viewer sees, and the audit log'],
] as const

export function MakeUser({ onClose }: { readonly onClose: () => void }) {
  const { client } = useDashboard()
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [role, setRole] = useState<string>('viewer')
  const make = useMutation({
    mutationFn: () => client.send('POST', 'users/', { name, role }),
    onSuccess: async () => {
      onClose()
      await queries.invalidateQueries({ queryKey: ['users'] })
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    make.mutate()
  }
  return (
    <Dialog title="New user" onClose={onClose}>
      <form className="stack-small" onSubmit={submit}>
        <label className="field">
          <span>Name</span>
          <input
            className="input"
            required
            pattern="[\w.@\-]{1,64}"
            title="1 to 64 letters, digits, _ . @ or -"
            value={name}
            onChange={(event) => setName(event.target.value)}
            autoFocus
            spellCheck={false}
          />
        </label>
        <fieldset className="options">
          <legend className="label">Role</legend>
          {ROLES.map(([value, what]) => (
            <label className="option" key={value}>
              <input type="radio" name="role" checked={role === value} onChange={() => setRole(value)} />
              <strong>{value}</strong>
              <small>{what}</small>
            </label>
          ))}
        </fieldset>
        {make.error !== null && <Failure error={make.error} what="The user" />}
        <div className="row dialog-end">
          <button type="button" className="btn" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="btn btn-primary" disabled={make.isPending}>
            Add the user
          </button>
        </div>
      </form>
    </Dialog>
  )
}
