// Makes a token and shows it, once.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { MadeToken, User } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { Failure } from '../../parts/answer.tsx'
import { CopyButton } from '../../parts/copy.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Notice } from '../../parts/section.tsx'
import { Time } from '../../parts/words.tsx'

const DAYS = [1, 7, 30, 90, 365] as const

export function MakeToken({ users, onClose }: { readonly users: readonly User[]; readonly onClose: () => void }) {
  const { client } = useDashboard()
  const { session } = useAccess()
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [userId, setUserId] = useState('')
  const [days, setDays] = useState(90)
  const make = useMutation({
    mutationFn: () =>
      client.send<MadeToken>('POST', 'tokens/', {
        name,
        expires_in_days: days,
        ...(userId === '' ? {} : { user_id: userId }),
      }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['tokens'] }),
  })
  if (make.data !== undefined)
    return (
      <Dialog title="The token, for the only time" onClose={onClose}>
        <Notice tone="warning">Copy it now. Only its hash is stored, so it cannot be shown again.</Notice>
        <p className="header-line">{make.data.token}</p>
        <p>
          {make.data.name} ends <Time at={make.data.expires_at} />.
        </p>
        <div className="row">
          <CopyButton text={make.data.token} label="Copy the token" isSmall={false} />
          <button type="button" className="btn btn-primary" onClick={onClose}>
            Done
          </button>
        </div>
      </Dialog>
    )
  const submit = (event: FormEvent) => {
    event.preventDefault()
    make.mutate()
  }
  return (
    <Dialog title="New token" onClose={onClose}>
      <form className="stack-small" onSubmit={submit}>
        <label className="field">
          <span>Name: who or what will use it</span>
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
        {users.length > 0 && (
          <label className="field">
            <span>Of</span>
            <select className="input" value={userId} onChange={(event) => setUserId(event.target.value)}>
              <option value="">
                {session.name}, {session.role} (you)
              </option>
              {users
                .filter((user) => user.name !== session.name)
                .map((user) => (
                  <option key={user.id} value={user.id}>
                    {user.name}, {user.role}
                  </option>
                ))}
            </select>
            <small>It has all permissions of this user’s role.</small>
          </label>
        )}
        <fieldset className="field">
          <legend>Ends after</legend>
          <div className="choice">
            {DAYS.map((value) => (
              <label key={value}>
                <input type="radio" name="days" checked={days === value} onChange={() => setDays(value)} />
                {value === 1 ? '1 day' : `${value} days`}
              </label>
            ))}
          </div>
        </fieldset>
        {make.error !== null && <Failure error={make.error} what="The token" />}
        <div className="row dialog-end">
          <button type="button" className="btn" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="btn btn-primary" disabled={make.isPending}>
            Make the token
          </button>
        </div>
      </form>
    </Dialog>
  )
}
