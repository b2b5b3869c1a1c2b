// Signing in with a token: its field, and how to create one.
import { type FormEvent, useId, useState } from 'react'
import { Brand } from '../parts/icon.tsx'
import { Notice, State } from '../parts/section.tsx'

export function SignIn({
  said,
  isBusy,
  onToken,
}: {
  /** Why the last attempt, or the previous session, ended. */
  readonly said: string | undefined
  readonly isBusy: boolean
  readonly onToken: (token: string) => void
}) {
  const [token, setToken] = useState('')
  const note = useId()
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (token.trim() !== '') onToken(token.trim())
  }
  return (
    <main className="sign">
      <div>
        <p className="brand">
          <Brand />
          Millpond
        </p>
        <State label="Sign in with a token" title="Sign in" level="h1">
          <p>There is no default password. Paste a token of the control plane; you only need it once per browser.</p>
          {said !== undefined && (
            <Notice tone="critical" isAlert>
              {said}
            </Notice>
          )}
          <form className="stack-small" onSubmit={submit}>
            <label className="field">
              <span>Token</span>
              <input
                className="input mono"
                type="password"
                name="token"
                autoComplete="current-password"
                placeholder="mp_…"
                required
                value={token}
                onChange={(event) => setToken(event.target.value)}
                aria-describedby={note}
              />
            </label>
            <div className="row">
              <button type="submit" className="btn btn-primary" disabled={isBusy}>
                {isBusy ? 'Signing in…' : 'Sign in'}
              </button>
            </div>
          </form>
          <p className="note" id={note}>
            The program that serves this page prints or stores the first tokens; create more under Access. Each has a
            role and an expiry.
          </p>
        </State>
      </div>
    </main>
  )
}
