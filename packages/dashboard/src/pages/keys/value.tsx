// The value of a key, hidden at first: it needs a permission, and each access is in the audit log.
import { useMutation } from '@tanstack/react-query'
import { ofKey } from '../../api/key-path.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { Failure } from '../../parts/answer.tsx'
import { CopyButton } from '../../parts/copy.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Section } from '../../parts/section.tsx'

const NEW_LINE = '\n'
/** A field with more characters freezes the page for seconds. */
const MOST_SHOWN = 200_000

interface Revealed {
  readonly found: boolean
  readonly tier?: string
  readonly is_stale?: boolean
  readonly value?: unknown
}

export function Value({
  name,
  about,
}: {
  readonly name: string
  readonly about: Readonly<Record<'cache_name' | 'namespace', string | undefined>>
}) {
  const { client, numbers } = useDashboard()
  const { may, offers } = useAccess()
  const reveal = useMutation({ mutationFn: () => client.get<Revealed>(...ofKey(name, about, 'value/')) })
  if (!offers('GET', 'keys/{key}/value/')) return null
  const { data } = reveal
  const text = data?.found === true ? JSON.stringify(data.value, null, 2) : ''
  const shown = text.slice(0, MOST_SHOWN)
  return (
    <Section
      title="Value"
      note={data?.found === true ? `from ${data.tier}${data.is_stale === true ? ', stale' : ''}` : undefined}
    >
      {reveal.error !== null && <Failure error={reveal.error} what="The value" />}
      {data === undefined ? (
        <div className="veil">
          <p>
            <Icon name="lock" /> Hidden. Showing it needs <code>values:read</code> and is written to the audit log.
          </p>
          {may('values:read') && (
            <button type="button" className="btn btn-small" onClick={() => reveal.mutate()} disabled={reveal.isPending}>
              Show it (recorded)
            </button>
          )}
        </div>
      ) : data.found ? (
        <>
          <textarea
            className="code value"
            readOnly
            rows={Math.min(20, shown.split(NEW_LINE).length)}
            aria-label="The value"
            value={shown}
          />
          {shown !== text && (
            <p className="note">
              The first {numbers.count(shown.length)} of {numbers.count(text.length)} characters. A copy has all of
              them.
            </p>
          )}
          <p className="row more">
            <CopyButton text={text} label="Copy the value" />
            <button type="button" className="btn btn-small" onClick={() => reveal.reset()}>
              Hide it
            </button>
          </p>
        </>
      ) : (
        <p>No tier has it now.</p>
      )}
    </Section>
  )
}
