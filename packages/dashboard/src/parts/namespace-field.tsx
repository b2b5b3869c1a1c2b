// Selects a namespace: a list if all are known, a text field if there are more than the server names.
import { useId } from 'react'

/** The server names the busiest, and combines the rest. */
export const REST = 'other'

export function NamespaceField({
  label,
  value,
  none,
  known,
  className = '',
  onChoose,
}: {
  readonly label: string
  readonly value: string
  /** The meaning of the empty choice. */
  readonly none: string
  readonly known: readonly { readonly name: string }[]
  readonly className?: string
  readonly onChoose: (namespace: string) => void
}) {
  const list = useId()
  const names = known.map(({ name }) => name).filter((name) => name !== REST)
  if (names.length < known.length)
    return (
      <label className={`field ${className}`}>
        <span>{label}</span>
        <input
          className="input"
          list={list}
          placeholder={none}
          value={value}
          onChange={(event) => onChoose(event.target.value)}
          spellCheck={false}
        />
        <datalist id={list}>
          {names.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      </label>
    )
  return (
    <label className={`field ${className}`}>
      <span>{label}</span>
      <select className="input" value={value} onChange={(event) => onChoose(event.target.value)}>
        <option value="">{none}</option>
        {(value === '' || names.includes(value) ? names : [value, ...names]).map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}
