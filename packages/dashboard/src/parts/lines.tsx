// A field for names, one per line. Keys from a link are not written out if names are hidden.
import { useDashboard } from '../context.tsx'
import { linesOf } from '../format/lines.ts'
import { useKeyName } from './key-name.tsx'

const NEW_LINE = '\n'

export function Lines({
  label,
  hint,
  text,
  given,
  isOfKeys,
  isRequired = true,
  rows = 1,
  onText,
}: {
  readonly label: string
  readonly hint?: string
  readonly text: string
  /** The value from the URL. */
  readonly given: string
  readonly isOfKeys: boolean
  /** The form cannot be submitted without it. */
  readonly isRequired?: boolean
  /** Of an empty field. */
  readonly rows?: number
  readonly onText: (text: string) => void
}) {
  const { redact } = useDashboard()
  const shown = useKeyName()
  if (redact === 'names' && isOfKeys && text !== '' && text === given)
    return (
      <div className="field c-6">
        <span>{label}</span>
        <p className="row">
          <code>{linesOf(text).map(shown).join(', ')}</code>
          <button type="button" className="btn btn-small" onClick={() => onText('')}>
            Others…
          </button>
        </p>
      </div>
    )
  const isLost = /^[^\S\n]+\S|\S[^\S\n]+$/m.test(text)
  return (
    <label className="field c-6">
      <span>{label}</span>
      <textarea
        className="input mono lines"
        rows={Math.max(rows, text.includes(NEW_LINE) ? 4 : 1)}
        required={isRequired}
        placeholder={hint}
        spellCheck={false}
        dir="auto"
        value={text}
        onChange={(event) => onText(event.target.value)}
      />
      {isLost && <small>Spaces at the ends of a line are ignored; in quotes, as in JSON, they count.</small>}
    </label>
  )
}
