// Settings of this browser. Nothing here changes a cache.
import { useAccess, useDashboard } from '../context.tsx'
import { Notice, PageTitle, Section } from '../parts/section.tsx'
import { Unit, useServerNow, useSkew } from '../parts/words.tsx'
import type { Theme } from '../shell/preferences.ts'
import { useKeptPreferences } from '../shell/preferences-context.ts'

const THEMES: readonly (readonly [Theme, string])[] = [
  ['system', 'As the system has it'],
  ['light', 'Light'],
  ['dark', 'Dark'],
]

export function Settings() {
  const { theme, timeZone, redact, set, fixed } = useKeptPreferences()
  const { times, client, numbers } = useDashboard()
  const { session, signOut } = useAccess()
  const now = useServerNow()
  const skewMs = useSkew()
  return (
    <>
      <PageTitle title="Settings" say="For this browser only. Nothing here changes a cache." />
      <div className="cols">
        <Section title="Look" className="span-6">
          <fieldset className="field" disabled={fixed.theme}>
            <legend>Theme{fixed.theme ? ', set by the surrounding application' : ''}</legend>
            <div className="choice">
              {THEMES.map(([value, label]) => (
                <label key={value}>
                  <input type="radio" name="theme" checked={theme === value} onChange={() => set({ theme: value })} />
                  {label}
                </label>
              ))}
            </div>
          </fieldset>
        </Section>
        <Section title="Time" note={times.whole(now)} className="span-6">
          <fieldset className="field" disabled={fixed.timeZone}>
            <legend>Time zone{fixed.timeZone ? ', set by the surrounding application' : ''}</legend>
            <div className="choice">
              <label>
                <input
                  type="radio"
                  name="zone"
                  checked={timeZone === undefined}
                  onChange={() => set({ timeZone: undefined })}
                />
                This browser
              </label>
              <label>
                <input
                  type="radio"
                  name="zone"
                  checked={timeZone === 'UTC'}
                  onChange={() => set({ timeZone: 'UTC' })}
                />
                UTC
              </label>
            </div>
          </fieldset>
          {skewMs !== 0 && (
            <Notice tone="warning" glyph="late">
              This browser's clock is <Unit figure={numbers.ms(Math.abs(skewMs))} />{' '}
              {skewMs > 0 ? 'behind' : 'ahead of'} the server's. All times shown are those of the server.
            </Notice>
          )}
        </Section>
        <Section title="Key names" className="span-6">
          <fieldset className="field" disabled={fixed.redact}>
            <legend>Shown{fixed.redact ? ', set by the surrounding application' : ''}</legend>
            <div className="choice">
              <label>
                <input
                  type="radio"
                  name="redact"
                  checked={redact === 'none'}
                  onChange={() => set({ redact: 'none' })}
                />
                As they are
              </label>
              <label>
                <input
                  type="radio"
                  name="redact"
                  checked={redact === 'names'}
                  onChange={() => set({ redact: 'names' })}
                />
                As marks
              </label>
            </div>
          </fieldset>
          <p className="note more">
            A mark distinguishes two keys but cannot be read: for shared screens. The address of a key's page still
            names it.
          </p>
        </Section>
        <Section
          title="Signed in"
          note={
            <button type="button" className="btn btn-small" onClick={signOut}>
              Sign out
            </button>
          }
          className="span-6"
        >
          <dl className="facts">
            <div>
              <dt>Name</dt>
              <dd>{session.name}</dd>
            </div>
            <div>
              <dt>Role</dt>
              <dd>{session.role}</dd>
            </div>
            <div>
              <dt>Admin API</dt>
              <dd>
                <code>{client.base}</code>
              </dd>
            </div>
          </dl>
        </Section>
        <Section title="Keyboard" className="span-6">
          <p>
            <kbd>?</kbd> shows keyboard shortcuts, <kbd>Ctrl K</kbd> goes anywhere.
          </p>
        </Section>
      </div>
    </>
  )
}
