// The command palette: pages by name, and actions on what was typed.
import { type KeyboardEvent, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { type Access, useAccess, useDashboard } from '../context.tsx'
import { lineOf } from '../format/lines.ts'
import { useCloseOnOutsideClick } from '../parts/close-on-outside-click.ts'
import { placeOf, usePlace } from '../place/place.tsx'
import { isOpen, PAGES } from './pages.ts'

interface Choice {
  readonly name: string
  readonly note: string
  readonly place: string
}

export function Palette({ onClose }: { readonly onClose: () => void }) {
  const { go } = usePlace()
  const access = useAccess()
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const ref = useRef<HTMLDialogElement>(null)
  const list = useId()
  const beside = useCloseOnOutsideClick(onClose)
  // In the same tick as it opens and closes, so that typing goes into its field, and the focus back to where it was.
  useLayoutEffect(() => {
    const dialog = ref.current
    if (dialog !== null && !dialog.open) dialog.showModal()
    return () => dialog?.close()
  }, [])
  const { pages: shown } = useDashboard()
  const choices = useMemo(() => choicesFor(text, access, shown), [text, access, shown])
  const chosen = Math.min(at, choices.length - 1)
  useEffect(() => {
    ref.current?.querySelector(`[role=option]:nth-child(${chosen + 1})`)?.scrollIntoView({ block: 'nearest' })
  }, [chosen])
  const follow = (choice: Choice | undefined) => {
    if (choice === undefined) return
    onClose()
    go(choice.place)
  }
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step !== 0) {
      event.preventDefault()
      setAt((chosen + step + choices.length) % choices.length)
    } else if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
      event.preventDefault()
      follow(choices[chosen])
    }
  }
  return (
    <dialog
      ref={ref}
      className="palette"
      aria-label="Search and go"
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onClose={() => ref.current?.open === false && onClose()}
      {...beside}
    >
      <input
        className="input"
        role="combobox"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={choices[chosen] === undefined ? undefined : `${list}-${chosen}`}
        aria-label="Key, tag, namespace or page"
        placeholder="Key, tag, namespace or page"
        spellCheck={false}
        autoComplete="off"
        value={text}
        onChange={(event) => {
          setText(event.target.value)
          setAt(0)
        }}
        onKeyDown={onKey}
      />
      <div id={list} role="listbox" aria-label="Where to go" className="choices">
        {choices.map((choice, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the arrows and Enter belong to the field above
          // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field (aria-activedescendant)
          <div
            key={choice.place + choice.name}
            id={`${list}-${index}`}
            role="option"
            aria-selected={index === chosen}
            onClick={() => follow(choice)}
          >
            <span dir="auto">{choice.name}</span>
            <span className="note">{choice.note}</span>
          </div>
        ))}
      </div>
    </dialog>
  )
}

/** Names are taken literally, including spaces at their ends; if there are any, the trimmed name comes first. */
function choicesFor(typedText: string, access: Access, shown: readonly string[] | undefined): readonly Choice[] {
  const { offers } = access
  const text = typedText.trim()
  const wanted = text.toLowerCase()
  const words = wanted.split(/\s+/) // in any order
  const pages = PAGES.filter(
    ({ page, name, also = '' }) =>
      isOpen(page, access, shown) && words.every((word) => `${name} ${also}`.toLowerCase().includes(word)),
  ).map(({ name, page, shortcut }) => ({ name, note: shortcut ?? 'page', place: placeOf(page) }))
  if (text === '') return pages
  const typed: Choice[] = []
  if (offers('GET', 'keys/{key}/'))
    typed.push({ name: text, note: 'inspect this key', place: placeOf('keys', { key: text }) })
  if (offers('GET', 'keys/'))
    typed.push({ name: text, note: 'list keys with this prefix', place: placeOf('keys', { prefix: text }) })
  if (offers('GET', 'explain/'))
    typed.push({ name: text, note: 'why did it miss?', place: placeOf('why', { key: text }) })
  if (offers('POST', 'invalidations/plan/'))
    typed.push({
      name: text,
      note: 'plan the invalidation of this tag',
      place: placeOf('invalidate', { by: 'tag', value: lineOf(text) }),
    })
  if (typedText !== text && offers('GET', 'keys/{key}/'))
    typed.push({
      name: JSON.stringify(typedText),
      note: 'inspect this key, with its spaces',
      place: placeOf('keys', { key: typedText }),
    })
  return [...pages, ...typed]
}
